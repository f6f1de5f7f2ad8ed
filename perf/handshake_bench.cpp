// What method 192 costs beside the bare TLS handshake, on one core.
//
//   bare      two OpenSSL connections of the same context over memory buffers, to the end
//   sessions  two sessions of ours that exchange messages: the same handshake, the checks of names
//             and identity, six exported keys on each side, Protection Established
//   first     from INIT to the first relayed message through two gateways in one thread (simulated
//             links without delay), by method
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/keymgmt/tls13/session.h"
#include "perf/bare_handshake.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"
#include "tests/support/pki.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt;
using namespace sdg::keymgmt::tls13;
using Wall = std::chrono::steady_clock;

double seconds_since(Wall::time_point start) {
    return std::chrono::duration<double>(Wall::now() - start).count();
}

struct Bench {
    explicit Bench(test::KeyKind kind) {
        for (const char* name : {"a", "b"}) {
            pki.write(name, pki.make({.subject_alternative_names =
                                          std::string("DNS:") + name + ".example",
                                      .key = kind},
                                     &pki.root()));
        }
        a = environment("a", "b");
        b = environment("b", "a");
        bare.emplace(pki.folder(), "a", "b", "X25519");
    }
    std::shared_ptr<const SessionEnvironment> environment(const std::string& own,
                                                          const std::string& peer) {
        CredentialSettings settings;
        settings.certificate = pki.folder() / (own + ".pem");
        settings.private_key = (pki.folder() / (own + ".key")).string();
        settings.authorities = {pki.folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256};
        return std::make_shared<SessionEnvironment>(
            SessionEnvironment{.credentials = *CredentialStore::open(settings),
                               .peer_names = *PeerNames::parse({"dns:" + peer + ".example"}),
                               .options = {},
                               .clock = clock,
                               .random = random,
                               .unix_time = [] { return std::time(nullptr); }});
    }

    struct Side {
        std::unique_ptr<TlsSession> session;
        std::deque<std::vector<uint8_t>> outgoing;
        bool wants_turn = false;
        bool up = false;
        void take(const Actions& actions) {
            for (const Action& action : actions) {
                if (const auto* message = std::get_if<SendMessage>(&action)) {
                    outgoing.push_back(message->octets);
                }
                wants_turn = wants_turn || std::holds_alternative<RequestTurn>(action);
                up = up || std::holds_alternative<ProtectionUp>(action);
            }
        }
    };
    void session() {
        const auto make = [](keys::KmRole role, const auto& of) {
            Side side;
            side.session = std::make_unique<TlsSession>(
                SessionContext{.role = role,
                               .initiator = false,
                               .client_parameter = {0x80, 0x06, 0, 10, 0, 0, 0, 0, 1, 192},
                               .server_parameter = {0x80, 0x06, 0, 10, 0, 0, 0, 1, 2, 192},
                               .client_tag = 1,
                               .server_tag = 2},
                of);
            side.take(side.session->on_established());
            return side;
        };
        std::array<Side, 2> sides = {make(keys::KmRole::client, a), make(keys::KmRole::server, b)};
        bool more = true;
        while (more) {
            more = false;
            for (size_t i = 0; i < 2; ++i) {
                while (std::exchange(sides[i].wants_turn, false)) {
                    sides[i].take(sides[i].session->on_turn(true));
                    more = true;
                }
                while (!sides[i].outgoing.empty()) {
                    if (sides[i].up) {
                        sides[1 - i].take(sides[1 - i].session->on_first_opened());
                    }
                    sides[1 - i].take(sides[1 - i].session->on_message(sides[i].outgoing.front()));
                    sides[i].outgoing.pop_front();
                    more = true;
                }
            }
        }
        if (!sides[0].up || !sides[1].up) {
            throw std::runtime_error("a handshake failed");
        }
    }

    test::Pki pki;
    ManualClock clock;
    SeededRandom random{1};
    std::shared_ptr<const SessionEnvironment> a;
    std::shared_ptr<const SessionEnvironment> b;
    std::optional<perf::BareHandshake> bare;
};

// Rounds of both in turn, so that a busy machine disturbs them alike; the best of each counts.
nlohmann::json compare(const char* name, test::KeyKind kind, size_t handshakes) {
    Bench bench(kind);
    double best_bare = 1e9;
    double best_session = 1e9;
    for (int round = 0; round < 5; ++round) {
        auto start = Wall::now();
        for (size_t i = 0; i < handshakes; ++i) {
            bench.bare->run();
        }
        best_bare = std::min(best_bare, seconds_since(start));
        start = Wall::now();
        for (size_t i = 0; i < handshakes; ++i) {
            bench.session();
        }
        best_session = std::min(best_session, seconds_since(start));
    }
    const double bare = static_cast<double>(handshakes) / best_bare;
    const double ours = static_cast<double>(handshakes) / best_session;
    fmt::print(stderr, "{:<10} bare {:7.0f}/s  sessions {:7.0f}/s  ratio {:.2f}\n", name, bare,
               ours, ours / bare);
    return {{"key", name},
            {"bare_per_s", bare},
            {"sessions_per_s", ours},
            {"sessions_over_bare", ours / bare}};
}

nlohmann::json first_message(const char* name, sim::Keys keys, size_t times) {
    sim::World::Settings settings;
    settings.keys_a = settings.keys_b = keys;
    settings.trunk.delay = {};
    sim::World world(settings);
    std::vector<double> taken;
    for (size_t i = 0; i < times; ++i) {
        const size_t before = world.server->peers().size();
        const auto start = Wall::now();
        sim::Peer& client = world.connect();
        client.send({1, 60, false, {1, 2, 3}});
        const bool done = world.run_until(
            [&] {
                return world.server->peers().size() > before &&
                       !world.server->peers().back()->received().empty();
            },
            std::chrono::seconds(20));
        taken.push_back(seconds_since(start) * 1e6);
        if (!done) {
            throw std::runtime_error("no message was relayed");
        }
        client.shutdown();
        static_cast<void>(
            world.run_until([&] { return client.closed(); }, std::chrono::seconds(20)));
    }
    std::sort(taken.begin(), taken.end());
    const double p50 = taken[taken.size() / 2];
    fmt::print(stderr,
               "INIT to first relayed message, {:<10} p50 {:6.0f} us (all six endpoints in "
               "one thread)\n",
               name, p50);
    return {{"method", name}, {"p50_us", p50}};
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"TLS 1.3 key management beside the bare handshake"};
    bool quick = false;
    std::string out;
    app.add_flag("--quick", quick, "a tenth of the handshakes");
    app.add_option("--json", out, "write the figures there (-: standard output)");
    CLI11_PARSE(app, argc, argv);
    spdlog::set_level(spdlog::level::warn);
    test::eal(512);
    const size_t handshakes = quick ? 40 : 400;
    nlohmann::json result;
    result["handshakes"] = {compare("P-256", test::KeyKind::p256, handshakes),
                            compare("Ed25519", test::KeyKind::ed25519, handshakes),
                            compare("RSA-2048", test::KeyKind::rsa2048, handshakes)};
    result["first_message"] = {first_message("preshared", sim::Keys::preshared, handshakes / 4),
                               first_message("tls13", sim::Keys::tls13, handshakes / 4)};
    if (out == "-") {
        std::cout << result.dump(2) << '\n';
    } else if (!out.empty()) {
        std::ofstream(out) << result.dump(2) << '\n';
    }
    return 0;
}
