// sctp-endpoint: an ordinary SCTP client and server on stock usrsctp over raw IP sockets. It knows
// nothing of the DTLS chunk: it stands for the unmodified nodes on both sides of the gateways.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "endpoint/captured_messages.h"
#include "endpoint/client.h"
#include "endpoint/report.h"
#include "endpoint/sctp_socket.h"
#include "endpoint/server.h"

namespace {

using namespace sdg;            // NOLINT(*-using-namespace)
using namespace sdg::endpoint;  // NOLINT(*-using-namespace)

struct Arguments {
    // server
    std::string listen;
    ServerOptions server;
    unsigned drain_ms = 5000;
    // client
    std::string connect;
    std::string local;
    std::string capture;
    std::string capture_side = "initiator";
    ClientOptions client;
    size_t rounds = 1;
    size_t window = 16;
    size_t sweep_streams = 4;
    size_t largest = 300000;
    size_t bulk = 0;
    size_t bulk_size = 1000;
    uint32_t ppid = 60;
    unsigned pace_ms = 0;
    unsigned duration_s = 0;
    unsigned hold_s = 0;
    unsigned timeout_s = 20;
    unsigned lose_after_ms = 0;
    size_t mixed = 0;
    uint64_t seed = 1;
    bool no_sweep = false;
    bool no_table = false;
    bool abort = false;
    std::string expect_end;
    // both
    std::string exchange;
    std::string summary;
    uint16_t streams = 16;
};

int complain(const Error& error) {
    std::fprintf(stderr, "sctp-endpoint: %s\n", error.message.c_str());
    return 1;
}

Result<Exchange> exchange_of(const Arguments& arguments) {
    return arguments.exchange.empty() ? Result<Exchange>(Exchange{})
                                      : load_exchange(arguments.exchange);
}

Result<int> serve(Arguments& arguments) {
    auto exchange = exchange_of(arguments);
    if (!exchange) {
        return tl::unexpected(exchange.error());
    }
    auto listen = TransportAddress::parse(arguments.listen);
    if (!listen) {
        return tl::unexpected(listen.error());
    }
    arguments.server.listen = *listen;
    arguments.server.streams = arguments.streams;
    arguments.server.drain = std::chrono::milliseconds(arguments.drain_ms);
    auto wakeup = Wakeup::create();
    if (!wakeup) {
        return tl::unexpected(wakeup.error());
    }
    auto stack = SctpStack::start(false);
    if (!stack) {
        return tl::unexpected(stack.error());
    }
    const auto report = run_server(arguments.server, AnswerBook(*exchange), *wakeup);
    if (!report) {
        return tl::unexpected(report.error());
    }
    say("{} associations, {} messages, {} octets, {} answers; ended: {} shut down, {} aborted by "
        "the peer, {} aborted here, {} lost",
        report->associations, report->messages, report->octets, report->answers,
        report->ended_by_shutdown, report->ended_by_abort, report->aborted_here, report->lost);
    if (!arguments.summary.empty()) {
        if (auto written = write_file(arguments.summary, summary_json(*report)); !written) {
            return tl::unexpected(written.error());
        }
    }
    return 0;
}

Result<Plan> plan_of(const Arguments& arguments) {
    auto exchange = exchange_of(arguments);
    if (!exchange) {
        return tl::unexpected(exchange.error());
    }
    const AnswerBook book(*exchange);
    const std::chrono::milliseconds pace(arguments.pace_ms);
    Plan plan;
    if (!exchange->steps.empty()) {
        Phase phase = exchange_phase(*exchange, book);
        phase.rounds = arguments.rounds;
        phase.pace = pace;
        phase.repeat = std::chrono::seconds(arguments.duration_s);
        plan.push_back(std::move(phase));
    }
    if (!arguments.capture.empty()) {
        const CaptureSide side = arguments.capture_side == "both"        ? CaptureSide::both
                                 : arguments.capture_side == "responder" ? CaptureSide::responder
                                                                         : CaptureSide::initiator;
        auto captured = captured_messages(arguments.capture, side);
        if (!captured) {
            return tl::unexpected(captured.error());
        }
        say("{}: {} messages to replay ({} packets, {} SCTP, {} foreign; {} messages of the other "
            "side, {} repeated chunks)",
            arguments.capture, captured->messages.size(), captured->packets.packets,
            captured->packets.sctp, captured->packets.foreign, captured->other_side,
            captured->duplicates);
        const CaptureCounts& packets = captured->packets;
        if (packets.cut + packets.fragments + captured->incomplete + captured->malformed +
                    captured->interleaved !=
                0 ||
            packets.file_cut) {
            say("{}: left out {} cut packets, {} IP fragments, {} lone fragments, {} malformed "
                "packets, {} I-DATA chunks{}",
                arguments.capture, packets.cut, packets.fragments, captured->incomplete,
                captured->malformed, captured->interleaved,
                packets.file_cut ? "; the file itself is cut short" : "");
        }
        Phase phase = replay_phase(std::move(captured->messages), book, arguments.window);
        phase.rounds = arguments.rounds;
        phase.pace = pace;
        plan.push_back(std::move(phase));
    }
    if (!arguments.no_sweep) {
        plan.push_back(sweep_phase(static_cast<uint16_t>(arguments.sweep_streams),
                                   arguments.largest, arguments.ppid, arguments.window));
    }
    if (arguments.bulk != 0) {
        plan.push_back(bulk_phase(arguments.bulk, arguments.bulk_size,
                                  static_cast<uint16_t>(arguments.sweep_streams), arguments.ppid,
                                  arguments.window));
    }
    if (arguments.mixed != 0) {
        Phase phase = mixed_phase(arguments.mixed, arguments.largest,
                                  static_cast<uint16_t>(arguments.sweep_streams), arguments.ppid,
                                  arguments.window, arguments.seed);
        phase.pace = pace;
        phase.repeat = std::chrono::seconds(arguments.duration_s);
        plan.push_back(std::move(phase));
    }
    if (plan.empty()) {
        return fail(
            ErrorCode::invalid_argument,
            "nothing to play: give --exchange, --pcap, --bulk, --mixed or leave --no-sweep away");
    }
    if (arguments.hold_s != 0) {
        // The first messages once more, to show that the association outlived the silence.
        Phase again = plan.front();
        again.name = "after the hold";
        again.rounds = 1;
        again.repeat = {};
        again.hold = std::chrono::seconds(arguments.hold_s);
        plan.push_back(std::move(again));
    }
    return plan;
}

Result<int> ask(Arguments& arguments) {
    auto connect = TransportAddress::parse(arguments.connect);
    if (!connect) {
        return tl::unexpected(connect.error());
    }
    arguments.client.connect = *connect;
    if (!arguments.local.empty()) {
        auto local = TransportAddress::parse(arguments.local);
        if (!local) {
            return tl::unexpected(local.error());
        }
        if (local->address.family != connect->address.family) {
            return fail(ErrorCode::invalid_argument, "--local and --connect differ in IP version");
        }
        if (local->port != 0 && arguments.client.associations > 1) {
            return fail(ErrorCode::invalid_argument,
                        "several associations need a --local port of 0");
        }
        arguments.client.local = *local;
    }
    arguments.client.streams = arguments.streams;
    arguments.client.timeout = std::chrono::seconds(arguments.timeout_s);
    arguments.client.lose_after = std::chrono::milliseconds(arguments.lose_after_ms);
    arguments.client.ending = arguments.abort                      ? Ending::abort
                              : arguments.expect_end == "abort"    ? Ending::expect_abort
                              : arguments.expect_end == "shutdown" ? Ending::expect_shutdown
                                                                   : Ending::shutdown;
    auto plan = plan_of(arguments);
    if (!plan) {
        return tl::unexpected(plan.error());
    }
    auto wakeup = Wakeup::create();
    if (!wakeup) {
        return tl::unexpected(wakeup.error());
    }
    auto stack = SctpStack::start(true);
    if (!stack) {
        return tl::unexpected(stack.error());
    }
    const auto report = run_client(arguments.client, *plan, *wakeup);
    if (!report) {
        return tl::unexpected(report.error());
    }
    if (!arguments.no_table) {
        say_line(table(*report));
    }
    for (const std::string& error : report->errors) {
        std::fprintf(stderr, "sctp-endpoint: %s\n", error.c_str());
    }
    if (!arguments.summary.empty()) {
        if (auto written = write_file(arguments.summary, summary_json(*report)); !written) {
            return tl::unexpected(written.error());
        }
    }
    say("{}: {} sent, {} verified", report->errors.empty() ? "passed" : "FAILED", report->sent,
        report->verified);
    return report->errors.empty() ? 0 : 1;
}

void describe(CLI::App& app, Arguments& arguments) {
    app.require_subcommand(1);
    auto* server = app.add_subcommand("server", "answer every message");
    server->add_option("--listen", arguments.listen, "ADDRESS:PORT to listen on")->required();
    server->add_option("--abort-after", arguments.server.abort_after,
                       "abort each association after so many messages (0: never)");
    server->add_option("--shutdown-after", arguments.server.shutdown_after,
                       "shut each association down after so many messages (0: never)");
    server->add_option("--drain-ms", arguments.drain_ms,
                       "time for associations to shut down at SIGTERM, default 5000");

    auto* client = app.add_subcommand("client", "send messages and verify every answer");
    client->add_option("--connect", arguments.connect, "ADDRESS:PORT of the server")->required();
    client->add_option("--local", arguments.local,
                       "ADDRESS:PORT to come from (port 0: any); without it all of the host's "
                       "addresses are offered");
    client->add_option("--pcap", arguments.capture, "replay the SCTP user messages of a capture");
    client
        ->add_option("--pcap-side", arguments.capture_side,
                     "whose messages to replay: initiator (default), responder or both")
        ->check(CLI::IsMember({"initiator", "responder", "both"}));
    client->add_option("--associations", arguments.client.associations, "at once, default 1")
        ->check(CLI::Range(1, 10000));
    client->add_option("--rounds", arguments.rounds, "times to play exchange and capture")
        ->check(CLI::Range(1, 1000000));
    client->add_option("--duration", arguments.duration_s,
                       "repeat the exchange, and the mixed messages, for so many seconds each");
    client->add_option("--pace", arguments.pace_ms,
                       "pause between the messages of exchange and capture, ms");
    client->add_option("--window", arguments.window, "messages in flight, default 16")
        ->check(CLI::Range(1, 100000));
    client->add_flag("--no-sweep", arguments.no_sweep, "leave the size sweep out");
    client
        ->add_option("--sweep-streams", arguments.sweep_streams, "streams of the sweep, default 4")
        ->check(CLI::Range(1, 65535));
    client->add_option("--largest", arguments.largest, "largest message of the sweep, octets")
        ->check(CLI::Range(1, 1000000));
    client->add_option("--bulk", arguments.bulk, "number of messages of one size to add");
    client->add_option("--bulk-size", arguments.bulk_size, "their size, octets, default 1000")
        ->check(CLI::Range(1, 1000000));
    client
        ->add_option("--mixed", arguments.mixed,
                     "add so many messages of random sizes up to --largest, on --sweep-streams "
                     "streams, one in four unordered")
        ->check(CLI::Range(1, 100000));
    client->add_option("--seed", arguments.seed, "of the mixed messages, default 1");
    client->add_option("--ppid", arguments.ppid, "PPID of sweep and bulk, default 60");
    client->add_option("--hold", arguments.hold_s,
                       "stay idle for so many seconds, then play the first messages again");
    client
        ->add_option("--timeout", arguments.timeout_s,
                     "give up after so many seconds without progress, default 20")
        ->check(CLI::Range(1, 3600));
    client->add_option("--may-lose", arguments.lose_after_ms,
                       "take an answer that does not come within so many ms as lost, and go on");
    client->add_flag("--persist", arguments.client.persist,
                     "set associations up anew that end early; the summary tells each");
    client->add_flag("--no-table", arguments.no_table, "no table at the end");
    auto* abort = client->add_flag("--abort", arguments.abort, "end with ABORT, not SHUTDOWN");
    client
        ->add_option("--expect-end", arguments.expect_end,
                     "the server is to end the association: abort or shutdown")
        ->check(CLI::IsMember({"abort", "shutdown"}))
        ->excludes(abort);

    for (auto* both : {server, client}) {
        both->add_option("--exchange", arguments.exchange, "exchange file (YAML)");
        both->add_option("--summary", arguments.summary, "write a JSON summary there");
        both->add_option("--streams", arguments.streams,
                         "streams asked for and allowed, default 16")
            ->check(CLI::Range(1, 65535));
    }
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App app("An ordinary SCTP client and server, to stand on both sides of the gateways");
    Arguments arguments;
    describe(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 1;
    }
    const auto code = app.got_subcommand("server") ? serve(arguments) : ask(arguments);
    return code ? *code : complain(code.error());
} catch (const std::exception& error) {
    return complain({ErrorCode::internal, error.what()});
}
