#include "gateway/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rte_cycles.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "config/load.h"
#include "control/keymgmt/tls13/credentials.h"
#include "control/log.h"
#include "control/process/privileges.h"
#include "control/process/system_call_filter.h"
#include "dataplane/port/eal.h"
#include "dataplane/worker/idle.h"
#include "foundation/scheduling.h"
#include "foundation/wall_clock.h"
#include "gateway/gateway.h"
#include "gateway/kernel_forwarding.h"
#include "gateway/logging.h"
#include "gateway/operator_side.h"
#include "gateway/reload.h"
#include "gateway/restart_store.h"
#include "gateway/start_lock.h"
#include "gateway/supervision.h"

#ifndef SDG_VERSION
#error "the build names the version"
#endif

namespace sdg::gateway {
namespace {

struct CommandLine {
    std::string config;
    std::string check;
    std::string rotate;
    std::string make_key;
    std::string level;
};

// Exit status when another gateway has taken the associations over: not to be started again at once
// as if it had crashed.
constexpr int kFenced = 3;

void say(std::string_view line) {
    fmt::print(stderr, "sctp-gateway: {}\n", line);
}

// Keys are in this process: no core dumps, no ptrace by others of the same user, no new privileges.
void harden(bool lab) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (!lab) {
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    take_short_turns();
}

// As whom, and with what protection of its memory, every process with keys runs. Says what fails.
bool become_user(const config::Configuration& configuration) {
    if (const config::Security& security = configuration.security; security.user) {
        if (auto became = process::become({.user = *security.user, .group = security.group});
            !became) {
            say(became.error().message);
            return false;
        }
    }
    harden(configuration.lab.keylog || configuration.lab.tls_keylog);
    return true;
}

// SIGINT, SIGTERM: drain; a second one: at once. SIGQUIT: leave the associations to the next
// process. SIGHUP: reload. SIGUSR1:
// write the statistics. SIGUSR2: new keys for every protected association. Blocked before any
// thread exists, so that only this descriptor delivers them.
class Signals {
 public:
    Signals() {
        sigset_t set;
        sigemptyset(&set);
        for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) {
            sigaddset(&set, signal);
        }
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        ::signal(SIGPIPE, SIG_IGN);
        descriptor_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    }
    ~Signals() { ::close(descriptor_); }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    struct Signal {
        int number;
        admin::Peer sender;
    };
    [[nodiscard]] std::optional<Signal> next() const {
        signalfd_siginfo info{};
        if (::read(descriptor_, &info, sizeof info) != sizeof info) {
            return std::nullopt;
        }
        return Signal{
            .number = static_cast<int>(info.ssi_signo),
            .sender = {
                .uid = info.ssi_uid, .gid = std::nullopt, .pid = static_cast<pid_t>(info.ssi_pid)}};
    }

 private:
    int descriptor_ = -1;
};

// Written aside and renamed, so that a reader never sees half of it.
Result<void> write_statistics(const Gateway& gateway, const std::filesystem::path& path) {
    const std::filesystem::path aside = path.string() + ".new";
    const std::string text = gateway.statistics().dump(2) + '\n';
    {
        std::ofstream out(aside, std::ios::trunc);
        if (out) {
            out << text;
            out.flush();
        }
        if (!out) {
            const int failure = errno;  // remove() may have one of its own
            std::error_code ignored;
            std::filesystem::remove(aside, ignored);
            return fail(ErrorCode::io, "{}: statistics cannot be written: {}", path.string(),
                        std::strerror(failure));
        }
    }
    std::error_code error;
    std::filesystem::rename(aside, path, error);
    if (error) {
        return fail(ErrorCode::io, "{}: statistics cannot be written: {}", path.string(),
                    error.message());
    }
    return {};
}

void sleep_us(unsigned microseconds) {
    const timespec time{0, static_cast<long>(microseconds) * 1000};
    ::nanosleep(&time, nullptr);
}

// The last step of the start: everything that needed a capability is open.
Result<void> confine(const config::Security& security) {
#ifdef __SANITIZE_THREAD__
    // Its runtime has a thread that blocks all signals and so cannot be told to drop anything.
    log::of("gateway").warn(
        "thread sanitizer: capabilities are kept, every system call is allowed");
    return {};
#endif
    if (auto dropped = process::drop_capabilities(); !dropped) {
        return dropped;
    }
    if (!security.seccomp) {
        log::of("gateway").warn("security.seccomp is off: every system call is allowed");
        return {};
    }
    return process::SystemCallFilter::install();
}

void tell_refused_system_calls() {
    while (const auto name = process::SystemCallFilter::next_refused()) {
        log::of("gateway").error(
            "system call {} has been refused: it is not on the list of what a gateway does; "
            "please report it",
            *name);
    }
}

// Those that stand for a command of the admin socket.
void act_on(const Signals::Signal& signal, Gateway& gateway, OperatorSide& operator_side,
            Supervision& supervision) {
    using admin::CommandId;
    auto& log = log::of("gateway");
    Result<void> done;
    switch (signal.number) {
        case SIGHUP:
            supervision.reloading(gateway.clock().now());
            done = operator_side.on_signal(CommandId::reload, "SIGHUP", signal.sender);
            supervision.ready(gateway);
            break;
        case SIGUSR2:
            log.info("asked for new keys on every protected association");
            done = operator_side.on_signal(CommandId::rekey, "SIGUSR2", signal.sender);
            break;
        case SIGQUIT:
            done = operator_side.on_signal(CommandId::leave, "SIGQUIT", signal.sender);
            break;
        default:
            log.info("draining {} associations, at most {} ms", gateway.host().association_count(),
                     gateway.drain_timeout().count());
            done = operator_side.on_signal(
                CommandId::drain, signal.number == SIGINT ? "SIGINT" : "SIGTERM", signal.sender);
    }
    if (!done) {
        log.error("signal {} from uid {} (pid {}): {}", signal.number, signal.sender.uid,
                  signal.sender.pid, done.error().message);
    }
}

// Until a signal has asked for the end and everything is drained.
void control_loop(Gateway& gateway, const Signals& signals, OperatorSide& operator_side,
                  Supervision& supervision, const config::Configuration& configuration) {
    // A signal need not be seen at once: reading the descriptor is a system call.
    constexpr unsigned kRoundsPerSignalLook = 64;
    worker::IdleBackoff backoff(configuration.control.idle_sleep_us, rte_get_tsc_hz() / 1'000'000);
    auto& log = log::of("gateway");
    const SteadyClock clock;
    unsigned rounds = 0;
    while (!gateway.is_drained() && !gateway.is_fenced() && !gateway.is_leaving()) {
        const bool busy = gateway.poll_control() > 0;
        switch (busy ? backoff.busy(rte_rdtsc()) : backoff.idle()) {
            case worker::IdleBackoff::Action::go_on:
            case worker::IdleBackoff::Action::spin:
                break;
            case worker::IdleBackoff::Action::yield:
                ::sched_yield();
                break;
            case worker::IdleBackoff::Action::sleep:
                sleep_us(backoff.sleep_us());
                break;
        }
        if (++rounds % kRoundsPerSignalLook != 0) {
            continue;
        }
        operator_side.poll();
        tell_refused_system_calls();
        tell_suppressed_lines();
        supervision.poll(gateway, clock.now());
        if (const auto signal = signals.next()) {
            if (signal->number == SIGUSR1) {
                if (configuration.stats_file) {
                    if (auto written = write_statistics(gateway, *configuration.stats_file);
                        !written) {
                        log.error("{}", written.error().message);
                    }
                }
            } else if (gateway.relay().is_draining() &&
                       (signal->number == SIGTERM || signal->number == SIGINT)) {
                log.warn("asked again: stopping without waiting for associations");
                break;
            } else {
                act_on(*signal, gateway, operator_side, supervision);
            }
        }
    }
    supervision.stopping();  // with nothing to drain the loop has not told it
    if (gateway.is_leaving()) {
        log.info("leaving {} associations to the next process", gateway.host().association_count());
    }
    if (gateway.is_fenced() || gateway.is_leaving()) {
        return;  // not one packet more: the associations are another process's
    }
    // The last SHUTDOWN COMPLETE and ABORT packets are still on their way through rings and ports.
    const auto until = clock.now() + std::chrono::milliseconds(50);
    while (clock.now() < until) {
        if (gateway.poll_control() == 0) {
            sleep_us(100);
        }
    }
}

// Waits for the group as standby. Null without an error: asked to stop meanwhile.
Result<std::unique_ptr<restart::Keeper>> wait_for_group(const config::Configuration& configuration,
                                                        const Signals& signals, const Clock& clock,
                                                        const WallClock& wall_clock,
                                                        Random& random) {
    constexpr unsigned kSignalLook = 20'000;  // microseconds
    const config::Restart& settings = *configuration.restart;
    // Often, however long the lease: its owner may give it back.
    const auto interval =
        std::chrono::milliseconds(std::clamp(settings.lease_ms / 10, 100U, 1000U));
    bool told = false;
    while (true) {
        auto keeper =
            open_keeper(settings, configuration.limits.associations, clock, wall_clock, random);
        const bool taken = !keeper && keeper.error().code == ErrorCode::already_exists;
        if (!settings.standby || (!taken && (keeper || !told))) {
            return keeper;
        }
        if (!std::exchange(told, true)) {
            log::of("gateway").info("standby: {}", keeper.error().message);
        }
        const TimePoint until = clock.now() + interval;
        while (clock.now() < until) {
            if (const auto signal = signals.next();
                signal && (signal->number == SIGINT || signal->number == SIGTERM)) {
                return std::unique_ptr<restart::Keeper>();
            }
            sleep_us(kSignalLook);
        }
    }
}

std::optional<config::LogLevel> level_from(const std::string& text) {
    for (const auto& [name, level] :
         {std::pair{"error", config::LogLevel::error}, std::pair{"warn", config::LogLevel::warn},
          std::pair{"info", config::LogLevel::info}, std::pair{"debug", config::LogLevel::debug}}) {
        if (text == name) {
            return level;
        }
    }
    return std::nullopt;
}

// command: may have a level that the configuration has been given already.
int run(const config::LoadedFile& loaded, const CommandLine& command) {
    const config::Configuration& configuration = loaded.configuration;
    const Signals signals;
    Supervision supervision(process::ServiceNotifier::from_environment());
    if (!become_user(configuration)) {
        return 1;
    }
    set_up_logging(configuration.log);
    if (!keymgmt::tls13::secure_private_keys()) {
        log::of("gateway").warn(
            "memory for private keys cannot be locked (RLIMIT_MEMLOCK): it may "
            "be swapped out");
    }
    auto eal = port::Eal::start(eal_settings(configuration));
    if (!eal) {
        say(eal.error().message);
        return 1;
    }
    const SteadyClock clock;
    const SystemWallClock wall_clock;
    SystemRandom random;
    std::optional<StartLock> start_lock;  // until the gateway has let go of the store
    std::unique_ptr<restart::Keeper> keeper;
    if (configuration.restart) {
        auto locked = StartLock::take(*configuration.restart);
        if (!locked) {
            say("restart store: " + locked.error().message);
            return 1;
        }
        start_lock = std::move(*locked);
        auto opened = wait_for_group(configuration, signals, clock, wall_clock, random);
        if (!opened) {
            say("restart store: " + opened.error().message);
            return 1;
        }
        if (!*opened) {
            return 0;
        }
        keeper = std::move(*opened);
    }
    auto gateway = Gateway::create(configuration, clock, random, std::move(keeper));
    if (!gateway) {
        say(gateway.error().message);
        return 1;
    }
    if (auto started = (*gateway)->start_workers(); !started) {
        say(started.error().message);
        return 1;
    }
    Reload reload(**gateway, std::filesystem::absolute(command.config), loaded.outline,
                  level_from(command.level));
    auto operator_side = OperatorSide::start(configuration, **gateway, reload);
    if (!operator_side) {
        say(operator_side.error().message);
        return 1;
    }
    if (auto confined = confine(configuration.security); !confined) {
        say(confined.error().message);
        return 1;
    }
    auto& log = log::of("gateway");
    for (const std::string& setting : kernel_forwarding(configuration)) {
        log.warn("{} is not 0: the kernel sends on once more what is for the gateway", setting);
    }
    log.info("ready: {} listeners, {} backends, {} ports, {} workers{}",
             configuration.listeners.size(), configuration.backends.size(),
             configuration.ports.size(), configuration.workers.count,
             (*eal)->uses_hugepages() ? "" : ", no hugepages");
    supervision.ready(**gateway);
    control_loop(**gateway, signals, **operator_side, supervision, configuration);
    (*gateway)->stop_workers();
    const bool fenced = (*gateway)->is_fenced();
    const auto statistics = (*gateway)->statistics();
    log.info("stopped: {} messages to backends, {} from them; {} records sealed, {} opened",
             statistics["relay"]["messages_to_backend"].get<uint64_t>(),
             statistics["relay"]["messages_from_backend"].get<uint64_t>(),
             statistics["records"]["sealed"].get<uint64_t>(),
             statistics["records"]["opened"].get<uint64_t>());
    if (configuration.stats_file) {
        if (auto written = write_statistics(**gateway, *configuration.stats_file); !written) {
            say(written.error().message);
            return 1;
        }
    }
    tell_refused_system_calls();
    tell_last_suppressed_lines();
    return fenced ? kFenced : 0;
}

// Before a command that handles restart keys: what it makes must be the gateway's.
bool become_keeper_of_keys(const config::Configuration& configuration, const std::string& file) {
    if (!configuration.restart) {
        say(file + ": there is no section restart");
        return false;
    }
    if (!become_user(configuration)) {
        return false;
    }
    if (auto dropped = process::drop_capabilities(); !dropped) {
        say(dropped.error().message);
        return false;
    }
    return true;
}

int make_key(const config::Configuration& configuration, const std::string& file) {
    if (!become_keeper_of_keys(configuration, file)) {
        return 1;
    }
    SystemRandom random;
    const auto made = make_restart_key(*configuration.restart, random);
    if (!made) {
        say(made.error().message);
        return 1;
    }
    fmt::print("{} holds a new key\n", made->string());
    return 0;
}

int rotate_keys(const config::Configuration& configuration, const std::string& file) {
    if (!become_keeper_of_keys(configuration, file)) {
        return 1;
    }
    const SteadyClock clock;
    const SystemWallClock wall_clock;
    SystemRandom random;
    const auto rotated = rotate_restart_keys(*configuration.restart, clock, wall_clock, random);
    if (!rotated) {
        say("restart store: " + rotated.error().message);
        return 1;
    }
    fmt::print("{} rows are sealed under restart.key now\n", *rotated);
    return 0;
}

int act_on(const CommandLine& command) {
    const bool check_only = !command.check.empty();
    const bool rotate_only = !command.rotate.empty();
    const bool make_key_only = !command.make_key.empty();
    auto loaded = config::load_file(check_only      ? command.check
                                    : rotate_only   ? command.rotate
                                    : make_key_only ? command.make_key
                                                    : command.config);
    if (!loaded) {
        fmt::print(stderr, "{}", config::to_string(loaded.error()));
        return 1;
    }
    config::Configuration& configuration = loaded->configuration;
    if (check_only) {
        fmt::print("{}: ok, {} listeners, {} backends, {} ports\n", command.check,
                   configuration.listeners.size(), configuration.backends.size(),
                   configuration.ports.size());
        return 0;
    }
    if (rotate_only) {
        return rotate_keys(configuration, command.rotate);
    }
    if (make_key_only) {
        return make_key(configuration, command.make_key);
    }
    if (!command.level.empty()) {
        configuration.log.level = *level_from(command.level);
    }
    return run(*loaded, command);
}

}  // namespace

int run_program(int argc, char** argv) {
    CLI::App app{"SCTP DTLS gateway: plain SCTP on one side, SCTP DTLS chunks on the other",
                 "sctp-gateway"};
    CommandLine command;
    app.set_version_flag("--version", std::string("sctp-gateway ") + SDG_VERSION);
    auto* config = app.add_option("--config", command.config, "run with this configuration");
    auto* check = app.add_option("--check-config", command.check,
                                 "check this configuration and exit (0: fine, 1: not)");
    auto* rotate = app.add_option("--rotate-restart-keys", command.rotate,
                                  "seal the restart store of this configuration anew under its "
                                  "restart.key and exit; the former key is in restart.former_keys");
    auto* make_key = app.add_option("--make-restart-key", command.make_key,
                                    "make the key of restart.key's token in this configuration, "
                                    "wrapped for the token, and exit");
    config->excludes(check)->excludes(rotate)->excludes(make_key);
    check->excludes(rotate)->excludes(make_key);
    rotate->excludes(make_key);
    app.add_option("--log-level", command.level, "instead of the configuration's log.level")
        ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
    try {
        app.parse(argc, argv);
        if (command.config.empty() && command.check.empty() && command.rotate.empty() &&
            command.make_key.empty()) {
            throw CLI::RequiredError(
                "--config, --check-config, --rotate-restart-keys or --make-restart-key FILE");
        }
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return act_on(command);
    } catch (const std::exception& error) {
        say(error.what());
        return 1;
    }
}

}  // namespace sdg::gateway
