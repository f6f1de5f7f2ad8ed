#include "tools/ctl/top_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ctl/printable.h"

namespace sdg::ctl::top {
namespace {

constexpr unsigned kLeastInterval = 250;  // ms
constexpr unsigned kMostInterval = 60'000;
constexpr size_t kMaxFilter = 64;  // octets

struct Heading {
    std::string_view title;
    size_t width;
    bool number;
};
constexpr std::array<Heading, kColumns> kHeadings{{{"ID", 6, true},
                                                   {"STATE", 10, false},
                                                   {"MSG/S", 7, true},
                                                   {"BIT/S", 7, true},
                                                   {"AGE", 7, true},
                                                   {"PEER", 24, false},
                                                   {"IDENTITY", 24, false},
                                                   {"METHOD", 9, false},
                                                   {"BACKEND", 12, false},
                                                   {"BACKEND PEER", 24, false},
                                                   {"BACKEND IDENTITY", 24, false},
                                                   {"LISTENER", 12, false}}};

std::string cell(const Association& a, Column column) {
    switch (column) {
        case Column::id:
            return fmt::format("{}", a.id);
        case Column::state:
            return a.state;
        case Column::messages:
            return short_count(a.messages);
        case Column::bits:
            return short_count(a.bits);
        case Column::age:
            return short_time(a.age);
        case Column::peer:
            return a.peer;
        case Column::identity:
            return a.identity;
        case Column::method:
            return a.method == a.backend_method || a.backend_method.empty() ? a.method
                   : a.method.empty()                                       ? a.backend_method
                                      : a.method + '/' + a.backend_method;
        case Column::backend:
            return a.backend;
        case Column::backend_peer:
            return a.backend_peer;
        case Column::backend_identity:
            return a.backend_identity;
        case Column::listener:
            return a.listener;
    }
    return {};
}

bool before(const Association& a, const Association& b, Column column) {
    switch (column) {
        case Column::id:
            return a.id < b.id;
        case Column::messages:
            return a.messages.value_or(-1) < b.messages.value_or(-1);
        case Column::bits:
            return a.bits.value_or(-1) < b.bits.value_or(-1);
        case Column::age:
            return a.age < b.age;
        default:
            return cell(a, column) < cell(b, column);
    }
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return text;
}

bool matches(const Association& a, const std::string& wanted) {
    for (size_t c = 0; c < kColumns; ++c) {
        if (lower(cell(a, static_cast<Column>(c))).find(wanted) != std::string::npos) {
            return true;
        }
    }
    return false;
}

std::vector<const Association*> chosen(const Figures& figures, const Settings& settings) {
    std::vector<const Association*> out;
    const std::string wanted = lower(settings.typing.value_or(settings.filter));
    for (const Association& association : figures.listed) {
        if (wanted.empty() || matches(association, wanted)) {
            out.push_back(&association);
        }
    }
    std::ranges::stable_sort(out, [&](const Association* a, const Association* b) {
        return settings.descending ? before(*b, *a, settings.sorted_by)
                                   : before(*a, *b, settings.sorted_by);
    });
    return out;
}

// Cut to the terminal's width, from the left.
Line cut(Line line, size_t columns) {
    size_t left = columns;
    for (size_t i = 0; i < line.size(); ++i) {
        const size_t width = columns_of(line[i].text);
        if (width > left) {
            line[i].text = fitted(line[i].text, left);
            line.resize(i + 1);
            break;
        }
        left -= width;
    }
    return line;
}

Line bar(const std::string& text, size_t columns) {
    return {{fitted(text, columns), Look::bar}};
}

Line state_line(const Figures* figures, const Settings& settings, const Situation& situation) {
    Line out;
    if (figures != nullptr) {
        out = {{"sctp-gateway ", Look::quiet},
               {figures->version + "  ", Look::quiet},
               {figures->state, figures->state == "ready" ? Look::good : Look::warning},
               {fmt::format("  up {}  ", short_time(figures->uptime)), Look::plain},
               {fmt::format("{} associations", figures->associations), Look::strong},
               {fmt::format(", {} relaying  ", figures->relaying), Look::plain}};
    } else {
        out = {{"sctp-gateway  ", Look::quiet}};
    }
    if (!situation.problem.empty()) {
        out.push_back({"not reached, trying again", Look::bad});
    } else if (settings.paused) {
        out.push_back({"paused", Look::warning});
    } else {
        out.push_back({fmt::format("every {:g} s", settings.interval_ms / 1000.0), Look::quiet});
    }
    return out;
}

Line totals(const Figures& f) {
    const auto direction = [](const Rate& messages, const Rate& bits) {
        return fmt::format("{:>6} msg/s {:>6}bit/s", short_count(messages), short_count(bits));
    };
    return {{"to backend ", Look::quiet},
            {direction(f.messages_to_backend, f.bits_to_backend), Look::strong},
            {"   from ", Look::quiet},
            {direction(f.messages_from_backend, f.bits_from_backend), Look::strong},
            {"   records/s sealed ", Look::quiet},
            {short_count(f.sealed), Look::strong},
            {" opened ", Look::quiet},
            {short_count(f.opened), Look::strong}};
}

Line warnings(const Figures& f) {
    std::string text;
    for (const std::string& warning : f.warnings) {
        text += (text.empty() ? "! " : "; ") + warning;
    }
    return {{text, Look::warning}};
}

Line drops(const Figures& f) {
    Line out{{"drops/s  ", Look::quiet}};
    if (f.drops.empty()) {
        out.push_back({"none", Look::good});
    }
    for (const Drop& drop : f.drops) {
        out.push_back({drop.reason + ' ', Look::plain});
        out.push_back({short_count(drop.rate) + "   ", Look::warning});
    }
    return out;
}

Line worker_line(const Worker& w) {
    const std::string idle =
        w.idle_share ? fmt::format("{:.1f}%", *w.idle_share * 100) : std::string("-");
    return {{fmt::format("{:>6} {:>10} {:>9} {:>9} {:>10} {:>7} {:>8}", w.index,
                         short_count(w.packets), short_count(w.sealed), short_count(w.opened),
                         short_count(w.cycles_per_packet), idle, short_count(w.dropped)),
             Look::plain}};
}

Line port_line(const Port& p) {
    return {{fitted(p.name, 12) + ' ', Look::plain},
            {p.link_up ? "up   " : "down ", p.link_up ? Look::good : Look::bad},
            {fmt::format("in {:>6}pkt/s {:>6}bit/s   out {:>6}pkt/s {:>6}bit/s   lost/s {}",
                         short_count(p.packets_in), short_count(p.bits_in),
                         short_count(p.packets_out), short_count(p.bits_out), short_count(p.lost)),
             Look::plain}};
}

Line backend_line(const Backend& b) {
    return {{fitted(b.name, 20) + ' ', Look::plain},
            {fitted(b.state, 8), b.state == "up"     ? Look::good
                                 : b.state == "down" ? Look::bad
                                                     : Look::quiet},
            {fmt::format("{:>6} now  {:>6} failures", b.associations, b.failures), Look::plain}};
}

// One after the other while there are rows; what does not fit is told in a last line.
template <class Items, class ToLine>
void list(std::vector<Line>& lines, const Items& items, size_t most, ToLine to_line) {
    const size_t shown = items.size() <= most ? items.size() : most - 1;
    for (size_t i = 0; i < shown; ++i) {
        lines.push_back(to_line(items[i]));
    }
    if (shown < items.size()) {
        lines.push_back({{fmt::format("... {} more", items.size() - shown), Look::quiet}});
    }
}

void parts(std::vector<Line>& lines, const Figures& f, size_t rows) {
    lines.push_back(totals(f));
    if (!f.warnings.empty()) {
        lines.push_back(warnings(f));
    }
    lines.push_back(drops(f));
    // A third of the screen at most for these, and none of them on a small one.
    constexpr size_t small = 16;
    if (rows < small) {
        return;
    }
    const size_t most = std::max<size_t>(rows / 10, 1);
    lines.push_back(
        {{fmt::format("{:>6} {:>10} {:>9} {:>9} {:>10} {:>7} {:>8}", "WORKER", "PACKETS/S",
                      "SEALED/S", "OPENED/S", "CYCLES/PKT", "IDLE", "DROPS/S"),
          Look::heading}});
    list(lines, f.workers, std::max<size_t>(most, 2), worker_line);
    list(lines, f.ports, std::max<size_t>(most, 2), port_line);
    list(lines, f.backends, most, backend_line);
}

Line headings(const Settings& settings) {
    Line out;
    for (size_t c = 0; c < kColumns; ++c) {
        const Heading& h = kHeadings[c];
        const bool sorted = settings.sorted_by == static_cast<Column>(c);
        const std::string mark = !sorted ? "" : settings.descending ? "v" : "^";
        out.push_back({fitted(mark + std::string(h.title), h.width, h.number) + ' ',
                       sorted ? Look::sorted : Look::heading});
    }
    return out;
}

Line association_line(const Association& a) {
    Line out;
    for (size_t c = 0; c < kColumns; ++c) {
        const auto column = static_cast<Column>(c);
        const Look look = column != Column::state ? Look::plain
                          : a.state == "relaying" ? Look::good
                                                  : Look::warning;
        const std::string text = cell(a, column);
        out.push_back(
            {fitted(text.empty() ? "-" : text, kHeadings[c].width, kHeadings[c].number) + ' ',
             look});
    }
    return out;
}

std::vector<Line> help() {
    std::vector<Line> out;
    for (const auto* text :
         {"Keys", "", "  < >          sort by the column to the left or right",
          "  r            turn the order round",
          "  /            filter: text in any column; Enter keeps it",
          "  Esc          drop the filter", "  Up Down PgUp PgDn Home End   move in the list",
          "  + -          ask more or less often", "  Space        pause, go on",
          "  h ?          this text", "  q            quit", "",
          "Rates are those between the last two answers. CYCLES/PKT and IDLE are a worker's time",
          "stamp counter; on a CPU shared with others they tell their time, too.",
          "With more than 1000 associations the 200 busiest are listed."}) {
        out.push_back({{text, Look::plain}});
    }
    return out;
}

Line last_line(const Settings& settings, size_t columns, size_t shown_from, size_t shown,
               size_t matching, size_t listed, size_t all) {
    if (settings.typing) {
        return bar(fmt::format("filter: {}_", printable(*settings.typing)), columns);
    }
    std::string text =
        matching == 0 ? std::string("none")
                      : fmt::format("{}-{} of {}", shown_from + 1, shown_from + shown, matching);
    if (!settings.filter.empty()) {
        text += fmt::format(" matching \"{}\"", printable(settings.filter));
    }
    if (listed < all) {
        text += fmt::format(", the busiest {} of {}", listed, all);
    }
    return bar(text + "   <> sort  / filter  Space pause  +- interval  h help  q quit", columns);
}

}  // namespace

void Settings::next_column(int step) {
    const auto now = static_cast<int>(sorted_by) + static_cast<int>(kColumns) + step;
    sorted_by = static_cast<Column>(now % static_cast<int>(kColumns));
    descending = kHeadings[static_cast<size_t>(sorted_by)].number && sorted_by != Column::id;
}

Settings::Wish Settings::on_character(char character) {
    if (typing) {
        if (static_cast<uint8_t>(character) >= 0x20 && character != 0x7f &&
            typing->size() < kMaxFilter) {
            *typing += character;
            first = 0;
        }
        return Wish::nothing;
    }
    switch (character) {
        case 'q':
            return Wish::quit;
        case 'h':
        case '?':
            help = !help;
            break;
        case ' ':
        case 'p':
            paused = !paused;
            return paused ? Wish::nothing : Wish::ask_now;
        case '<':
            next_column(-1);
            break;
        case '>':
            next_column(1);
            break;
        case 'r':
            descending = !descending;
            break;
        case '/':
            typing = filter;
            break;
        case '+':
            interval_ms = std::max(interval_ms / 2, kLeastInterval);
            return Wish::ask_now;
        case '-':
            interval_ms = std::min(interval_ms * 2, kMostInterval);
            break;
        default:
            break;
    }
    return Wish::nothing;
}

Settings::Wish Settings::on_key(Key key, size_t page) {
    switch (key) {
        case Key::up:
            first -= first > 0 ? 1 : 0;
            break;
        case Key::down:
            ++first;
            break;
        case Key::page_up:
            first -= std::min(first, page);
            break;
        case Key::page_down:
            first += page;
            break;
        case Key::home:
            first = 0;
            break;
        case Key::end:
            first = SIZE_MAX / 2;
            break;
        case Key::enter:
            if (typing) {
                filter = *typing;
                typing.reset();
            }
            break;
        case Key::escape:
            help = false;
            if (!typing) {
                filter.clear();
            }
            typing.reset();
            break;
        case Key::backspace:
            // A whole character of UTF-8.
            while (typing && !typing->empty()) {
                const auto last = static_cast<uint8_t>(typing->back());
                typing->pop_back();
                if ((last & 0xc0U) != 0x80) {
                    break;
                }
            }
            break;
    }
    return Wish::nothing;
}

Screen layout(const Figures* figures, Settings& settings, const Situation& situation, size_t rows,
              size_t columns) {
    Screen out;
    if (rows < kLeastRows || columns < kLeastColumns) {
        out.lines.push_back(
            {{fitted(fmt::format("{}x{} at least, q quits", kLeastColumns, kLeastRows), columns),
              Look::warning}});
        out.lines.resize(std::max<size_t>(rows, 1));
        return out;
    }
    std::vector<Line>& lines = out.lines;
    lines.push_back(state_line(figures, settings, situation));
    if (!situation.problem.empty()) {
        lines.push_back({{printable(situation.problem), Look::bad}});
    }
    Line last = bar("q quit", columns);
    if (settings.help) {
        for (Line& line : help()) {
            lines.push_back(std::move(line));
        }
        last = bar("h back", columns);
    } else if (figures != nullptr) {
        parts(lines, *figures, rows);
        lines.push_back(headings(settings));
        const auto matching = chosen(*figures, settings);
        // Room for one association in any case.
        if (lines.size() + 2 > rows) {
            lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(rows) - 3, lines.end() - 1);
        }
        out.page = rows - lines.size() - 1;
        settings.first =
            std::min(settings.first, matching.size() - std::min(matching.size(), out.page));
        const size_t shown = std::min(out.page, matching.size() - settings.first);
        for (size_t i = 0; i < shown; ++i) {
            lines.push_back(association_line(*matching[settings.first + i]));
        }
        last = last_line(settings, columns, settings.first, shown, matching.size(),
                         figures->listed.size(), figures->associations);
    }
    lines.resize(rows - 1);
    lines.push_back(std::move(last));
    for (Line& line : lines) {
        line = cut(std::move(line), columns);
    }
    return out;
}

}  // namespace sdg::ctl::top
