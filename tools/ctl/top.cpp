#include "tools/ctl/top.h"

#include <fmt/format.h>
#include <langinfo.h>
#include <ncurses.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "foundation/clock.h"
#include "tools/ctl/client.h"
#include "tools/ctl/top_layout.h"
#include "tools/ctl/top_model.h"

namespace sdg::ctl::top {
namespace {

using nlohmann::json;

constexpr int kWrongUse = 2;
constexpr size_t kMostListed = 1000;  // associations; above, only the busiest are asked for
constexpr std::chrono::seconds kPatience{2};
constexpr int kControlC = 3;
constexpr int kEscape = 27;
constexpr int kDelete = 127;

// The gateway, as often as it goes away and comes back.
class Source {
 public:
    explicit Source(std::filesystem::path socket) : socket_(std::move(socket)) {}

    [[nodiscard]] Result<Answers> ask() {
        // An old connection may have been closed: by a restart, or because it was silent for long.
        const bool is_old = client_ != nullptr;
        auto out = try_to_ask();
        if (!out && is_old) {
            client_.reset();
            out = try_to_ask();
        }
        if (!out) {
            client_.reset();
        }
        return out;
    }

 private:
    Result<Answers> try_to_ask() {
        if (!client_) {
            auto connected = Client::connect(socket_, kPatience);
            if (!connected) {
                return tl::unexpected(connected.error());
            }
            client_ = std::move(*connected);
        }
        Answers out;
        const std::chrono::duration<double> now = SteadyClock().now();
        out.time = now.count();
        try {
            for (const auto& [place, command] :
                 {std::pair{&out.workers, "workers"}, std::pair{&out.ports, "ports"},
                  std::pair{&out.backends, "backends"},
                  std::pair{&out.certificates, "certificates"}}) {
                auto answer = client_->ask(command, json::object());
                if (!answer) {
                    return tl::unexpected(answer.error());
                }
                *place = std::move(answer->at(command));
            }
            auto status = client_->ask("status", json::object());
            if (!status) {
                return tl::unexpected(status.error());
            }
            out.status = std::move(*status);
            if (auto listed = ask_associations(out); !listed) {
                return tl::unexpected(listed.error());
            }
        } catch (const json::exception&) {
            return fail(ErrorCode::protocol, "the gateway's answers are of another version");
        }
        return out;
    }

    Result<void> ask_associations(Answers& out) {
        out.associations = json::array();
        if (out.status.at("associations").get<size_t>() > kMostListed) {
            auto busiest = client_->ask("busiest", json::object());
            if (!busiest) {
                return tl::unexpected(busiest.error());
            }
            out.associations = std::move(busiest->at("associations"));
            return {};
        }
        json arguments = {{"limit", 200}};
        while (out.associations.size() <= kMostListed) {
            auto page = client_->ask("associations", arguments);
            if (!page) {
                return tl::unexpected(page.error());
            }
            for (json& line : page->at("associations")) {
                out.associations.push_back(std::move(line));
            }
            if (page->at("next").is_null()) {
                break;
            }
            arguments["after"] = page->at("next");
        }
        return {};
    }

    std::filesystem::path socket_;
    std::unique_ptr<Client> client_;
};

// The terminal while it is ours.
class Terminal {
 public:
    [[nodiscard]] static std::unique_ptr<Terminal> open() {
        // What peers call themselves is UTF-8.
        std::setlocale(LC_ALL, "");
        if (std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) {
            std::setlocale(LC_CTYPE, "C.UTF-8");
        }
        SCREEN* screen = ::newterm(nullptr, stdout, stdin);
        return screen == nullptr ? nullptr : std::unique_ptr<Terminal>(new Terminal(screen));
    }
    ~Terminal() {
        ::endwin();
        ::delscreen(screen_);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    static void draw(const std::vector<Line>& lines) {
        ::erase();
        for (size_t row = 0; row < lines.size() && std::cmp_less(row, LINES); ++row) {
            ::move(static_cast<int>(row), 0);
            for (const Piece& piece : lines[row]) {
                ::attrset(attributes(piece.look));
                ::addstr(piece.text.c_str());
            }
        }
        ::attrset(A_NORMAL);
        ::refresh();
    }
    // ERR when nothing came in time.
    static int key(std::chrono::milliseconds patience) {
        ::timeout(static_cast<int>(patience.count()));
        return ::getch();
    }

 private:
    enum Colour : short { kGood = 1, kWarning, kBad, kHeading };

    explicit Terminal(SCREEN* screen) : screen_(screen) {
        ::cbreak();
        ::noecho();
        ::nonl();
        ::keypad(stdscr, TRUE);
        ::set_escdelay(50);  // ms between Esc and what would make it another key
        ::curs_set(0);
        if (::has_colors()) {
            ::start_color();
            ::use_default_colors();
            ::init_pair(kGood, COLOR_GREEN, -1);
            ::init_pair(kWarning, COLOR_YELLOW, -1);
            ::init_pair(kBad, COLOR_RED, -1);
            ::init_pair(kHeading, COLOR_CYAN, -1);
        }
    }

    static attr_t attributes(Look look) {
        switch (look) {
            case Look::plain:
                return A_NORMAL;
            case Look::strong:
                return A_BOLD;
            case Look::quiet:
                return A_DIM;
            case Look::good:
                return COLOR_PAIR(kGood);
            case Look::warning:
                return A_BOLD | COLOR_PAIR(kWarning);
            case Look::bad:
                return A_BOLD | COLOR_PAIR(kBad);
            case Look::heading:
                return COLOR_PAIR(kHeading);
            case Look::sorted:
                return A_BOLD | A_UNDERLINE | COLOR_PAIR(kHeading);
            case Look::bar:
                return A_REVERSE;
        }
        return A_NORMAL;
    }

    SCREEN* screen_;
};

Settings::Wish take_key(Settings& settings, int key, size_t page) {
    switch (key) {
        case KEY_UP:
            return settings.on_key(Key::up, page);
        case KEY_DOWN:
            return settings.on_key(Key::down, page);
        case KEY_PPAGE:
            return settings.on_key(Key::page_up, page);
        case KEY_NPAGE:
            return settings.on_key(Key::page_down, page);
        case KEY_HOME:
            return settings.on_key(Key::home, page);
        case KEY_END:
            return settings.on_key(Key::end, page);
        case KEY_ENTER:
        case '\r':
        case '\n':
            return settings.on_key(Key::enter, page);
        case KEY_BACKSPACE:
        case kDelete:
        case '\b':
            return settings.on_key(Key::backspace, page);
        case kEscape:
            return settings.on_key(Key::escape, page);
        case kControlC:
            return Settings::Wish::quit;
        default:
            return key >= ' ' && key <= 0xff ? settings.on_character(static_cast<char>(key))
                                             : Settings::Wish::nothing;
    }
}

void show(const std::filesystem::path& socket) {
    Source source(socket);
    const SteadyClock clock;
    Settings settings;
    Situation situation;
    std::optional<Answers> last;
    std::optional<Figures> shown;
    TimePoint next{};
    while (true) {
        if (!settings.paused && clock.now() >= next) {
            auto answers = source.ask();
            next = clock.now() + std::chrono::milliseconds(settings.interval_ms);
            situation.problem = answers ? "" : answers.error().message;
            if (answers) {
                shown = figures(last ? &*last : nullptr, *answers);
                last = std::move(*answers);
            }
        }
        const Screen screen = layout(shown ? &*shown : nullptr, settings, situation,
                                     static_cast<size_t>(LINES), static_cast<size_t>(COLS));
        Terminal::draw(screen.lines);
        using std::chrono::milliseconds;
        const auto wait = settings.paused ? milliseconds(1000)
                                          : std::chrono::ceil<milliseconds>(next - clock.now());
        const int key = Terminal::key(std::max(wait, milliseconds(0)));
        switch (key == ERR ? Settings::Wish::nothing : take_key(settings, key, screen.page)) {
            case Settings::Wish::quit:
                return;
            case Settings::Wish::ask_now:
                next = clock.now();
                break;
            case Settings::Wish::nothing:
                break;
        }
    }
}

}  // namespace

int run(const std::filesystem::path& socket) {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
        fmt::print(stderr,
                   "sctp-gateway-ctl: top needs a terminal; for programs there are status, "
                   "workers and the others with --json\n");
        return kWrongUse;
    }
    const auto terminal = Terminal::open();
    if (!terminal) {
        const char* type = std::getenv("TERM");
        fmt::print(stderr, "sctp-gateway-ctl: top cannot use a terminal of type \"{}\" (TERM)\n",
                   type != nullptr ? type : "");
        return kWrongUse;
    }
    show(socket);
    return 0;
}

}  // namespace sdg::ctl::top
