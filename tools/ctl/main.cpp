// sctp-gateway-ctl: sees and steers a running gateway through its admin socket.
//
// Exit codes: 0 done; 1 the gateway refused, or the checked configuration is not right; 2 wrong
// command line; 3 the gateway cannot be reached.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "config/load.h"
#include "tools/ctl/capture.h"
#include "tools/ctl/client.h"
#include "tools/ctl/exit_codes.h"
#include "tools/ctl/show.h"
#include "tools/ctl/table.h"
#include "tools/ctl/top.h"

#ifndef SDG_VERSION
#error "the build names the version"
#endif

namespace sdg::ctl {
namespace {

using nlohmann::json;

struct Options {
    std::string socket = "/run/sctp-gateway/admin.sock";
    bool json = false;
    uint64_t association = 0;
    bool all = false;
    bool abort = false;
    bool dry_run = false;
    std::string level;
    std::string module;
    std::string file;
    CaptureOptions capture;
};

// Asks, and shows the result: as it is with --json, else as `show` says.
template <class Show>
int ask(const Options& options, const std::string& command, const json& arguments, Show show) {
    auto client = Client::connect(options.socket);
    if (!client) {
        return complain(client.error());
    }
    const auto result = (*client)->ask(command, arguments);
    if (!result) {
        if (options.json && !(*client)->details().is_null()) {
            fmt::print("{}\n", (*client)->details().dump(2));
        }
        return complain(result.error());
    }
    if (options.json) {
        fmt::print("{}\n", result->dump(2));
    } else {
        fmt::print("{}", show(*result));
    }
    return 0;
}

int list_associations(const Options& options) {
    auto client = Client::connect(options.socket);
    if (!client) {
        return complain(client.error());
    }
    json all = json::array();
    json arguments = {{"limit", 200}};
    while (true) {
        const auto page = (*client)->ask("associations", arguments);
        if (!page) {
            return complain(page.error());
        }
        all.insert(all.end(), (*page)["associations"].begin(), (*page)["associations"].end());
        if ((*page)["next"].is_null()) {
            break;
        }
        arguments["after"] = (*page)["next"];
    }
    if (options.json) {
        fmt::print("{}\n", json{{"associations", all}, {"total", all.size()}}.dump(2));
        return 0;
    }
    fmt::print("{}", table(all, {{"ID", "association"},
                                 {"LISTENER", "listener"},
                                 {"PEER", "accepted_peer"},
                                 {"METHOD", "accepted_method"},
                                 {"BACKEND", "backend"},
                                 {"PEER", "backend_peer"},
                                 {"METHOD", "backend_method"},
                                 {"STATE", "state"},
                                 {"AGE/s", "age_s"},
                                 {"TO", "messages_to_backend"},
                                 {"FROM", "messages_from_backend"}}));
    return 0;
}

// Here and not in the gateway: the file is read with the rights of who asks.
int check_configuration(const Options& options) {
    const auto loaded = config::load(options.file);
    if (!loaded) {
        fmt::print(stderr, "{}", config::to_string(loaded.error()));
        return kRefused;
    }
    fmt::print("{}: ok, {} listeners, {} backends, {} ports\n", options.file,
               loaded->listeners.size(), loaded->backends.size(), loaded->ports.size());
    return 0;
}

std::string shown_as_listing(const json& result) {
    return listing(result);
}

std::string show_reload(const json& result) {
    std::string out;
    for (const json& change : result["changes"]) {
        out += change["key"].get<std::string>() + ": ";
        out += change["change"] == "changed"
                   ? fmt::format("{} -> {}\n", change.value("from", ""), change.value("to", ""))
                   : change["change"].get<std::string>() + '\n';
    }
    out += fmt::format("{} changes {}\n", result["changes"].size(),
                       result["result"].get<std::string>());
    return result["certificates"].empty()
               ? out
               : out + '\n' +
                     table(result["certificates"],
                           {{"POLICY", "policy"}, {"SUBJECT", "subject"}, {"UNTIL", "not_after"}});
}

std::string shown_as_done(const json&) {
    return "done\n";
}

// What a subcommand does, set by the one that was parsed.
using Action = std::function<int()>;

void add_reading(CLI::App& app, Options& options, Action& action) {
    const auto add = [&](CLI::App& where, const char* name, const char* help, const Action& run) {
        where.add_subcommand(name, help)->callback([&action, run] { action = run; });
    };
    add(app, "status", "state of the gateway in a few lines",
        [&] { return ask(options, "status", json::object(), shown_as_listing); });
    add(app, "top", "a live screen: rates, workers, drops, associations; h shows its keys",
        [&] { return top::run(options.socket); });
    CLI::App* associations =
        app.add_subcommand("associations", "relayed associations")->require_subcommand(1);
    add(*associations, "list", "all, one a line", [&] { return list_associations(options); });
    add(*associations, "busiest", "the 200 that relay the most now",
        [&] { return ask(options, "busiest", json::object(), show_busiest); });
    CLI::App* show = associations->add_subcommand("show", "one: both legs, keys, paths");
    show->add_option("ID", options.association, "as the list and the log have it")->required();
    show->callback([&] {
        action = [&] {
            return ask(options, "association", {{"association", options.association}},
                       shown_as_listing);
        };
    });
    add(app, "backends", "backends and how they do", [&] {
        return ask(options, "backends", json::object(), [](const json& result) {
            return table(result["backends"], {{"BACKEND", "backend"},
                                              {"ADDRESS", "address"},
                                              {"PORT", "port"},
                                              {"POLICY", "policy"},
                                              {"STATE", "state"},
                                              {"NOW", "associations"},
                                              {"CONNECTED", "connected"},
                                              {"FAILURES", "failures"}});
        });
    });
    add(app, "captures", "the capture that runs, or the last one", [&] {
        return ask(options, "captures", json::object(), [](const json& result) {
            return table(result["captures"], {{"CAPTURE", "capture"},
                                              {"STATE", "state"},
                                              {"REASON", "reason"},
                                              {"CONTENT", "content"},
                                              {"ASSOCIATION", "association"},
                                              {"LEG", "leg"},
                                              {"PORT", "port"},
                                              {"UID", "uid"},
                                              {"PACKETS", "packets"},
                                              {"OCTETS", "octets"},
                                              {"NOT-KEPT", "not_kept"}});
        });
    });
    add(app, "ports", "ports: link, rates of the last second, counters",
        [&] { return ask(options, "ports", json::object(), show_ports); });
    add(app, "workers", "workers, what they did and dropped",
        [&] { return ask(options, "workers", json::object(), show_workers); });
    add(app, "certificates", "certificates and their expiry", [&] {
        return ask(options, "certificates", json::object(), [](const json& result) {
            return table(result["certificates"],
                         {{"POLICY", "policy"}, {"SUBJECT", "subject"}, {"UNTIL", "not_after"}});
        });
    });
}

void add_changing(CLI::App& app, Options& options, Action& action) {
    CLI::App* rekey = app.add_subcommand("rekey", "new keys for an association, or for all");
    auto* one = rekey->add_option("ID", options.association, "the association");
    auto* all = rekey->add_flag("--all", options.all, "every protected association");
    one->excludes(all);
    rekey->callback([&, one] {
        if (one->count() == 0 && !options.all) {
            throw CLI::RequiredError("ID or --all");
        }
        action = [&] {
            const json arguments =
                options.all ? json{{"all", true}} : json{{"association", options.association}};
            return ask(options, "rekey", arguments, shown_as_done);
        };
    });
    CLI::App* reauthenticate = app.add_subcommand(
        "reauthenticate", "the peers of an association show their certificates again");
    reauthenticate->add_option("ID", options.association, "the association")->required();
    reauthenticate->callback([&] {
        action = [&] {
            return ask(options, "reauthenticate", {{"association", options.association}},
                       shown_as_done);
        };
    });
    CLI::App* close = app.add_subcommand("close", "end an association");
    close->add_option("ID", options.association, "the association")->required();
    close->add_flag("--abort", options.abort, "at once, by ABORT; else what is under way first");
    close->callback([&] {
        action = [&] {
            return ask(options, "close",
                       {{"association", options.association},
                        {"how", options.abort ? "abort" : "graceful"}},
                       shown_as_done);
        };
    });
    app.add_subcommand("drain", "no new associations, end all in good order, then exit")
        ->callback([&] {
            action = [&] { return ask(options, "drain", json::object(), shown_as_listing); };
        });
    app.add_subcommand("leave",
                       "end at once; the next process, or the standby, restarts all associations")
        ->callback([&] {
            action = [&] { return ask(options, "leave", json::object(), shown_as_listing); };
        });
    CLI::App* reload =
        app.add_subcommand("reload", "apply the configuration file and all files it names");
    reload->add_flag("--dry-run", options.dry_run, "only say what would be done");
    reload->callback([&] {
        action = [&] {
            return ask(options, "reload",
                       options.dry_run ? json{{"dry_run", true}} : json::object(), show_reload);
        };
    });
    CLI::App* log = app.add_subcommand("log-level", "show the levels, or set one");
    log->add_option("LEVEL", options.level, "least severity shown")
        ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
    log->add_option("--module", options.module, "of this module only");
    log->callback([&] {
        action = [&] {
            if (options.level.empty()) {
                return ask(options, "log", json::object(), shown_as_listing);
            }
            json arguments = {{"level", options.level}};
            if (!options.module.empty()) {
                arguments["module"] = options.module;
            }
            return ask(options, "log_level", arguments, shown_as_listing);
        };
    });
    CLI::App* check = app.add_subcommand("check-config", "check a configuration file");
    check->add_option("FILE", options.file)->required();
    check->callback([&] { action = [&] { return check_configuration(options); }; });
}

int run(int argc, char** argv) {
    CLI::App app{"Sees and steers a running sctp-gateway", "sctp-gateway-ctl"};
    Options options;
    Action action;
    app.set_version_flag("--version", std::string("sctp-gateway-ctl ") + SDG_VERSION);
    app.add_option("--socket", options.socket, "the gateway's admin.socket")
        ->envname("SCTP_GATEWAY_SOCKET")
        ->capture_default_str();
    app.add_flag("--json", options.json, "for programs: the answer as it is");
    app.require_subcommand(1);
    app.fallthrough();
    add_reading(app, options, action);
    add_changing(app, options, action);
    add_capture(
        app, options.capture, [&action](Action run) { action = std::move(run); }, options.socket,
        options.json);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kWrongUse;
    }
    return action();
}

}  // namespace
}  // namespace sdg::ctl

int main(int argc, char** argv) {
    try {
        return sdg::ctl::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "sctp-gateway-ctl: {}\n", error.what());
        return 1;
    }
}
