#include "tools/ctl/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tools/ctl/exit_codes.h"

namespace sdg::ctl {
namespace {

using nlohmann::json;

constexpr int kLookEvery = 500;  // milliseconds

// The file, and what is to be taken back when the gateway refuses.
class Target {
 public:
    // secret: keys or user data in clear are to be written.
    static Result<Target> open(const std::string& name, bool force, bool secret) {
        if (name == "-") {
            if (::isatty(STDOUT_FILENO) != 0) {
                return fail(ErrorCode::refused, "a capture is not for a terminal: name a file");
            }
            return Target(Descriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)), {});
        }
        const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL);
        Descriptor file(::open(name.c_str(), flags, 0600));
        if (file.get() < 0) {
            return fail(ErrorCode::refused, "{}: {}{}", name, std::strerror(errno),
                        errno == EEXIST ? " (--force writes over it)" : "");
        }
        // One that was there keeps its rights otherwise, and may be readable by all.
        if (secret && is_regular(file) && ::fchmod(file.get(), 0600) != 0) {
            return fail(ErrorCode::refused, "{}: it cannot be made its owner's only: {}", name,
                        std::strerror(errno));
        }
        return Target(std::move(file), force ? std::string() : name);
    }
    [[nodiscard]] int descriptor() const { return file_.get(); }
    void take_back() const {
        if (!made_.empty()) {
            std::error_code ignored;
            std::filesystem::remove(made_, ignored);
        }
    }

 private:
    static bool is_regular(const Descriptor& file) {
        struct stat status {};
        return ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
    }
    Target(Descriptor file, std::string made) : file_(std::move(file)), made_(std::move(made)) {}

    Descriptor file_;
    std::string made_;  // by us
};

json arguments_of(const CaptureOptions& options) {
    json out = json::object();
    const auto number = [&out](const char* name, uint64_t value) {
        if (value != 0) {
            out[name] = value;
        }
    };
    if (options.port.empty()) {
        out["association"] = options.association;
    } else {
        out["port"] = options.port;
    }
    if (!options.leg.empty()) {
        out["leg"] = options.leg;
    }
    if (options.plaintext) {
        out["plaintext"] = true;
    }
    if (options.keys) {
        out["keys"] = true;
    }
    number("seconds", options.seconds);
    number("packets", options.packets);
    number("octets", options.mib << 20);
    number("snap", options.snap);
    return out;
}

// Blocked, so that a descriptor delivers them: an interrupted capture is ended in good order.
Descriptor end_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        sigaddset(&set, signal);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return Descriptor(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

// True when a signal came.
bool wait_for_signal(const Descriptor& signals, int milliseconds) {
    pollfd wanted{.fd = signals.get(), .events = POLLIN, .revents = 0};
    signalfd_siginfo info{};
    return ::poll(&wanted, 1, milliseconds) > 0 &&
           ::read(signals.get(), &info, sizeof info) == sizeof info;
}

// As the gateway tells it now.
Result<json> look(Client& client, uint64_t id) {
    auto all = client.ask("captures", json::object());
    if (!all) {
        return all;
    }
    for (const json& one : (*all)["captures"]) {
        if (one["capture"] == id) {
            return one;
        }
    }
    return fail(ErrorCode::protocol, "the gateway has forgotten capture {}", id);
}

Result<json> follow(Client& client, uint64_t id, bool shows) {
    const Descriptor signals = end_signals();
    bool asked = false;
    while (true) {
        auto now = look(client, id);
        if (!now || (*now)["state"] == "ended") {
            if (shows) {
                fmt::print(stderr, "\n");
            }
            return now;
        }
        if (shows) {
            fmt::print(stderr, "\r{} packets, {} octets, {:.0f} s", (*now)["packets"].dump(),
                       (*now)["octets"].dump(), (*now)["age_s"].get<double>());
            std::fflush(stderr);
        }
        const bool ending = (*now)["state"] == "ending";
        if (wait_for_signal(signals, ending ? kLookEvery / 10 : kLookEvery) && !asked) {
            asked = true;
            // It may have ended by itself meanwhile, which the next look tells.
            (void)client.ask("capture_stop", {{"capture", id}});
        }
    }
}

std::string_view text_of(const std::string& reason) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTexts{
        {{"stopped", "stopped"},
         {"seconds", "the time is over"},
         {"packets", "as many packets as were wanted"},
         {"octets", "the file has the size that was wanted"},
         {"reader_gone", "nobody reads the pipe any more"},
         {"stalled", "the pipe is not read"},
         {"failed", "the file cannot be written"},
         {"gateway_ends", "the gateway ends"}}};
    const auto* const found =
        std::ranges::find(kTexts, reason, &std::pair<std::string_view, std::string_view>::first);
    return found == kTexts.end() ? std::string_view(reason) : found->second;
}

int report(const json& ended, bool as_json, bool to_standard_output) {
    const auto reason = ended["reason"].get<std::string>();
    const bool failed = reason == "failed" || reason == "stalled";
    if (as_json) {
        fmt::print(to_standard_output ? stderr : stdout, "{}\n", ended.dump(2));
    } else {
        fmt::print(stderr, "{} packets, {} octets: {}\n", ended["packets"].dump(),
                   ended["octets"].dump(), text_of(reason));
    }
    if (ended["not_kept"] != 0) {
        fmt::print(stderr, "sctp-gateway-ctl: {} packets were not kept: the file was slower\n",
                   ended["not_kept"].dump());
    }
    if (failed) {
        fmt::print(stderr, "sctp-gateway-ctl: {}{}{}; what is in the file can be read\n",
                   text_of(reason), ended["error"].is_null() ? "" : ": ",
                   ended["error"].is_null() ? "" : ended["error"].get<std::string>());
    }
    return failed ? kRefused : 0;
}

int capture(const CaptureOptions& options, const std::string& socket, bool as_json) {
    auto client = Client::connect(socket);
    if (!client) {
        return complain(client.error());
    }
    const auto target =
        Target::open(options.file, options.force, options.keys || options.plaintext);
    if (!target) {
        return complain(target.error());
    }
    const auto begun = (*client)->ask("capture", arguments_of(options), target->descriptor());
    if (!begun) {
        target->take_back();
        return complain(begun.error());
    }
    const bool shows = !as_json && ::isatty(STDERR_FILENO) != 0;
    const auto ended = follow(**client, (*begun)["capture"].get<uint64_t>(), shows);
    return ended ? report(*ended, as_json, options.file == "-") : complain(ended.error());
}

}  // namespace

void add_capture(CLI::App& app, CaptureOptions& options,
                 const std::function<void(std::function<int()>)>& run, const std::string& socket,
                 const bool& as_json) {
    CLI::App* command = app.add_subcommand("capture", "write packets to a pcapng file");
    auto* association = command->add_option("ID", options.association, "of this association");
    auto* port = command->add_option("--port", options.port, "everything at this port")
                     ->excludes(association);
    command->add_option("--leg", options.leg, "of this leg only")
        ->check(CLI::IsMember({"accepted", "backend"}))
        ->excludes(port);
    command->add_option("-w,--write", options.file, "the file, which must not be there; -: a pipe")
        ->required();
    command->add_flag("--force", options.force, "write over a file that is there");
    auto* keys = command->add_flag("--keys", options.keys,
                                   "lab only: with the keys, and user data in clear");
    command
        ->add_flag("--plaintext", options.plaintext,
                   "lab only: packets as they are before sealing and after opening")
        ->excludes(keys);
    command->add_option("--seconds", options.seconds, "at most; default 60")
        ->check(CLI::PositiveNumber);
    command->add_option("--packets", options.packets, "at most; default 1000000")
        ->check(CLI::PositiveNumber);
    command->add_option("--mib", options.mib, "size of the file at most; default 64")
        ->check(CLI::Range(1, 1 << 20));
    command->add_option("--snap", options.snap, "octets of a packet at most")
        ->check(CLI::PositiveNumber);
    command->callback([&options, run, association, port, &socket, &as_json] {
        if (association->count() == 0 && port->count() == 0) {
            throw CLI::RequiredError("ID or --port");
        }
        run([&options, &socket, &as_json] { return capture(options, socket, as_json); });
    });
}

}  // namespace sdg::ctl
