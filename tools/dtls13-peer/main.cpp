// dtls13-peer: a DTLS 1.3 client or server on UDP around the engine of control/keymgmt/dtls13, for
// tests against other implementations.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "tools/dtls13-peer/session.h"

int main(int count, char** arguments) {
    using namespace sdg;
    tools::PeerOptions options;
    std::vector<std::string> suites{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                    "TLS_CHACHA20_POLY1305_SHA256"};
    int64_t limit = options.limit.count();
    bool no_mutual = false;
    bool no_update = false;

    CLI::App app{"DTLS 1.3 over UDP: one connection, then it ends"};
    app.require_subcommand(1);
    app.fallthrough();
    app.add_subcommand("server", "waits for one client and echoes what it sends");
    app.add_subcommand("client", "connects, does what the options say, and closes");
    app.add_option("--address", options.address, "IPv4 address to bind or to connect to");
    app.add_option("--port", options.port, "UDP port; of a server 0 takes a free one");
    app.add_option("--certificate", options.credentials.certificate, "PEM, leaf first")->required();
    app.add_option("--key", options.credentials.private_key, "PEM")->required();
    app.add_option("--ca", options.credentials.authorities, "PEM")->required();
    app.add_option("--peer", options.peer_names, "dns:NAME, uri:URI, ip:ADDRESS, or any");
    app.add_option("--suites", suites, "names of the TLS registry");
    app.add_option("--groups", options.credentials.groups, "names of the TLS registry");
    app.add_option("--signature-algorithms", options.credentials.signature_algorithms,
                   "names of the TLS registry");
    app.add_flag("--hello-retry", options.hello_retry, "server: always ask again, with a cookie");
    app.add_flag("--no-mutual", no_mutual, "neither ask for a client certificate nor insist");
    app.add_flag("--no-extended-key-update", no_update, "neither offer it nor take it");
    app.add_option("--mtu", options.mtu, "octets of the largest datagram sent");
    app.add_flag("--one-message-per-record", options.one_message_per_record);
    app.add_option("--export", options.export_label, "label of a value to print");
    app.add_option("--export-context", options.export_context);
    app.add_option("--export-length", options.export_length, "octets");
    app.add_option("--send", options.text, "client: text to send, until it comes back");
    app.add_option("--updates", options.updates, "client: extended key updates to make");
    app.add_flag("--authenticate", options.authenticate,
                 "re-authenticate under each epoch; both sides need it, and it excludes --send");
    app.add_option("--drop", options.drop_percent, "percent of our datagrams to throw away");
    app.add_option("--seed", options.seed, "for --drop");
    app.add_option("--key-log", options.key_log, "SSLKEYLOGFILE: every secret in clear");
    app.add_option(
        "--capture", options.capture,
        "every datagram, a line each: client or server, who sent it, and its octets; "
        "the key log then has the shared secrets too, for tests/interop/dtls13/oracle.py");
    app.add_option("--limit", limit, "seconds for everything");
    CLI11_PARSE(app, count, arguments);

    options.is_server = app.got_subcommand("server");
    options.mutual = !no_mutual;
    options.extended_key_update = !no_update;
    options.limit = std::chrono::seconds(limit);
    for (const std::string& name : suites) {
        const auto suite = record::suite_from_name(name);
        if (!suite) {
            fmt::print(stderr, "unknown suite {}\n", name);
            return 2;
        }
        options.credentials.suites.push_back(*suite);
    }
    return tools::run_peer(options);
}
