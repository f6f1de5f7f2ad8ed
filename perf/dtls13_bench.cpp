// The DTLS 1.3 engine beside libssl's TLS 1.3, client and server in one thread on one core.
//
//   handshakes  mutual, to the end on both sides, the certificates checked; bare: libssl with the
//               same certificates, group and suite
//   updates     extended key updates of one connection, to the new keys on both sides; exchange:
//               only the key exchange in them, two key shares made and two secrets derived
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "control/keymgmt/dtls13/connection.h"
#include "control/keymgmt/dtls13/credentials.h"
#include "perf/bare_handshake.h"
#include "perf/measure.h"
#include "tests/support/pki.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt;
using namespace sdg::keymgmt::dtls13;

struct Case {
    const char* name;
    test::KeyKind key;
    const char* group;         // of the TLS registry
    const char* libssl_group;  // the same
    NamedGroup number;
};

constexpr std::array kCases = {
    Case{"P-256", test::KeyKind::p256, "x25519", "X25519", NamedGroup::x25519},
    Case{"Ed25519", test::KeyKind::ed25519, "x25519", "X25519", NamedGroup::x25519},
    Case{"RSA-2048", test::KeyKind::rsa2048, "x25519", "X25519", NamedGroup::x25519},
    Case{"P-256", test::KeyKind::p256, "secp256r1", "P-256", NamedGroup::secp256r1},
    Case{"P-384", test::KeyKind::p384, "secp384r1", "P-384", NamedGroup::secp384r1},
};

class Bench {
 public:
    explicit Bench(const Case& one) {
        for (const Role role : {Role::client, Role::server}) {
            pki_.write(name(role), pki_.make({.subject_alternative_names =
                                                  std::string("DNS:") + name(role) + ".example",
                                              .key = one.key},
                                             &pki_.root()));
            tls13::CredentialSettings settings;
            settings.certificate = pki_.folder() / (std::string(name(role)) + ".pem");
            settings.private_key = (pki_.folder() / (std::string(name(role)) + ".key")).string();
            settings.authorities = {pki_.folder() / "ca.pem"};
            settings.suites = {record::Suite::aes_128_gcm_sha256};
            settings.groups = {one.group};
            const auto credentials = perf::expect(tls13::Credentials::load(settings));
            auto names = perf::expect(
                tls13::PeerNames::parse({std::string("dns:") + name(other(role)) + ".example"}));
            sides_[index(role)] = {std::make_shared<const Configuration>(
                                       perf::expect(configuration_from(settings, *credentials))),
                                   check_against(credentials, std::move(names), {}, {})};
        }
    }

    struct Pair {
        std::unique_ptr<Connection> client;
        std::unique_ptr<Connection> server;
        // Delivers until nothing moves.
        void settle() const {
            for (bool moved = true; moved;) {
                moved = false;
                for (const auto& [from, to] : {std::pair{client.get(), server.get()},
                                               std::pair{server.get(), client.get()}}) {
                    for (const Octets& datagram : from->take_datagrams()) {
                        to->receive(datagram);
                        moved = true;
                    }
                }
            }
        }
    };
    Pair handshake() {
        Pair out{make(Role::client), make(Role::server)};
        out.client->start();
        out.settle();
        if (out.client->state() != Connection::State::established ||
            out.server->state() != Connection::State::established ||
            !out.client->is_acknowledged()) {
            throw std::runtime_error("a handshake failed: " + out.client->failure().reason +
                                     out.server->failure().reason);
        }
        return out;
    }
    // Begun by both in turn.
    void updates(const Pair& pair, size_t times) {
        for (size_t i = 0; i < times; ++i) {
            const uint64_t before = pair.client->send_epoch();
            perf::expect((i % 2 == 0 ? pair.client : pair.server)->start_key_update());
            pair.settle();
            for (const auto* end : {pair.client.get(), pair.server.get()}) {
                if (end->is_updating() || end->send_epoch() != before + 1 ||
                    end->receive_epoch() != before + 1) {
                    throw std::runtime_error("a key update failed");
                }
            }
        }
    }
    [[nodiscard]] const std::filesystem::path& folder() const { return pki_.folder(); }

 private:
    struct Side {
        std::shared_ptr<const Configuration> configuration;
        PeerCheck check;
    };
    static size_t index(Role role) { return role == Role::client ? 0 : 1; }
    static const char* name(Role role) { return role == Role::client ? "client" : "server"; }
    std::unique_ptr<Connection> make(Role role) {
        const Side& side = sides_[index(role)];
        return perf::expect(Connection::create({.role = role,
                                                .configuration = side.configuration,
                                                .check_peer = side.check,
                                                .peer_address = {127, 0, 0, 1}},
                                               clock_, random_));
    }

    test::Pki pki_;
    ManualClock clock_;
    SystemRandom random_;
    std::array<Side, 2> sides_;
};

void exchange(NamedGroup group) {
    const auto one = KeyShare::generate(group);
    const auto two = KeyShare::generate(group);
    if (!one || !two || !one->derive(two->public_value()) || !two->derive(one->public_value())) {
        throw std::runtime_error("a key exchange failed");
    }
}

// Per second, of two works in turn, so that a busy machine disturbs them alike; the best round of
// each counts.
std::pair<double, double> rates(size_t times, const std::function<void(size_t)>& one,
                                const std::function<void(size_t)>& two) {
    using Wall = std::chrono::steady_clock;
    std::array<double, 2> best{};
    for (int round = 0; round < 7; ++round) {
        for (size_t i = 0; i < best.size(); ++i) {
            const auto start = Wall::now();
            (i == 0 ? one : two)(times);
            const std::chrono::duration<double> taken = Wall::now() - start;
            best[i] = std::max(best[i], static_cast<double>(times) / taken.count());
        }
    }
    return {best[0], best[1]};
}

nlohmann::json measure(const Case& one, size_t times) {
    Bench bench(one);
    const perf::BareHandshake bare(bench.folder(), "client", "server", one.libssl_group);
    const auto [bare_rate, rate] = rates(
        times,
        [&](size_t count) {
            for (size_t i = 0; i < count; ++i) {
                bare.run();
            }
        },
        [&](size_t count) {
            for (size_t i = 0; i < count; ++i) {
                static_cast<void>(bench.handshake());
            }
        });
    const auto [exchange_rate, update_rate] = rates(
        times,
        [&](size_t count) {
            for (size_t i = 0; i < count; ++i) {
                exchange(one.number);
            }
        },
        // A connection of its own each time: it numbers its messages with 16 bits.
        [&, pair = std::make_shared<Bench::Pair>()](size_t count) {
            if (!pair->client || pair->client->send_epoch() > 10000) {
                *pair = bench.handshake();
            }
            bench.updates(*pair, count);
        });
    fmt::print(
        stderr,
        "{:<8} {:<9}  handshakes {:5.0f}/s, bare {:5.0f}/s, ratio {:.2f}   updates {:5.0f}/s, "
        "exchange {:5.0f}/s, ratio {:.2f}\n",
        one.name, one.group, rate, bare_rate, rate / bare_rate, update_rate, exchange_rate,
        update_rate / exchange_rate);
    return {{"key", one.name},
            {"group", one.group},
            {"handshakes_per_s", rate},
            {"bare_per_s", bare_rate},
            {"handshakes_to_bare", rate / bare_rate},
            {"updates_per_s", update_rate},
            {"exchanges_per_s", exchange_rate},
            {"updates_to_exchanges", update_rate / exchange_rate}};
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"The DTLS 1.3 engine beside libssl's TLS 1.3"};
    bool quick = false;
    std::string out;
    app.add_flag("--quick", quick, "a tenth of the work");
    app.add_option("--json", out, "write the figures there (-: standard output)");
    CLI11_PARSE(app, argc, argv);
    return perf::exit_code_of("dtls13-bench", [&] {
        perf::stay_on_this_core();
        nlohmann::json result = nlohmann::json::array();
        for (const Case& one : kCases) {
            result.push_back(measure(one, quick ? 20 : 200));
        }
        if (!out.empty()) {
            perf::write_json(out, {{"results", result}});
        }
    });
}
