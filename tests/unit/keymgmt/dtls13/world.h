// Two ends of a DTLS 1.3 connection on a manual clock, and the link between them: datagrams in
// memory that are lost, repeated and overtaken from a seed, or changed one by one.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/keymgmt/dtls13/connection.h"
#include "control/keymgmt/dtls13/credentials.h"
#include "tests/support/pki.h"

namespace sdg::keymgmt::dtls13::test {

using sdg::test::KeyKind;

// Made once per program: keys cost time.
struct Certificates {
    sdg::test::Pki pki;
    std::shared_ptr<const tls13::Credentials> load(const std::string& name) {
        tls13::CredentialSettings settings;
        settings.certificate = pki.folder() / (name + ".pem");
        settings.private_key = (pki.folder() / (name + ".key")).string();
        settings.authorities = {pki.folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256, record::Suite::aes_256_gcm_sha384,
                           record::Suite::chacha20_poly1305_sha256};
        auto loaded = tls13::Credentials::load(settings);
        EXPECT_TRUE(loaded) << loaded.error().message;
        return loaded ? *loaded : nullptr;
    }
    std::shared_ptr<const tls13::Credentials> of(KeyKind kind) {
        auto& one = by_kind[static_cast<size_t>(kind)];
        if (!one) {
            const std::string name = "kind-" + std::to_string(static_cast<int>(kind));
            pki.write(name, pki.make({.common_name = name,
                                      .subject_alternative_names = "DNS:" + name,
                                      .key = kind},
                                     &pki.root()));
            one = load(name);
        }
        return one;
    }
    std::array<std::shared_ptr<const tls13::Credentials>, 4> by_kind;

    static Certificates& get() {
        static Certificates made;
        return made;
    }
};

inline std::shared_ptr<Configuration> configuration(KeyKind kind = KeyKind::p256) {
    tls13::CredentialSettings settings;
    settings.suites = {record::Suite::aes_128_gcm_sha256, record::Suite::aes_256_gcm_sha384,
                       record::Suite::chacha20_poly1305_sha256};
    auto made = configuration_from(settings, *Certificates::get().of(kind));
    EXPECT_TRUE(made);
    return std::make_shared<Configuration>(std::move(*made));
}

inline PeerCheck anybody_certified() {
    return check_against(Certificates::get().of(KeyKind::p256), {.any = true, .names = {}}, {}, {});
}

struct Side {
    std::shared_ptr<Configuration> configuration = test::configuration();
    PeerCheck check = anybody_certified();
    std::unique_ptr<Connection> connection;
    std::deque<Octets> outgoing;
    std::vector<Octets> data;
    uint64_t sent_octets = 0;

    Connection* operator->() const { return connection.get(); }
    void drain() {
        for (Octets& datagram : connection->take_datagrams()) {
            sent_octets += datagram.size();
            outgoing.push_back(std::move(datagram));
        }
        for (Octets& one : connection->take_data()) {
            data.push_back(std::move(one));
        }
    }
};

class World {
 public:
    // Percent, of datagrams.
    struct Link {
        unsigned lost = 0;
        unsigned repeated = 0;
        unsigned overtaken = 0;
    };
    // What becomes of a datagram: what is delivered instead of it.
    using Fate = std::function<std::vector<Octets>(Role from, size_t number, Octets datagram)>;

    Side client;
    Side server;
    ManualClock clock;
    SeededRandom random{1};
    Link link;
    Fate fate;

    Side& side(Role role) { return role == Role::client ? client : server; }
    void make(Role role) {
        Side& one = side(role);
        auto made = Connection::create({.role = role,
                                        .configuration = one.configuration,
                                        .check_peer = one.check,
                                        .peer_address = {1, 2, 3, 4}},
                                       clock, random);
        ASSERT_TRUE(made) << made.error().message;
        one.connection = std::move(*made);
    }
    void start() {
        make(Role::client);
        make(Role::server);
        client->start();
        client.drain();
    }
    // Delivers and lets time pass until both sides are still, or done() holds, or much too much
    // has happened.
    void run(const std::function<bool()>& done = [] { return false; }) {
        for (int steps = 0; steps < 4000 && !done(); ++steps) {
            client.drain();
            server.drain();
            const bool moved = deliver(Role::client) | deliver(Role::server);
            if (!moved && !pass_time()) {
                return;
            }
        }
        EXPECT_TRUE(done()) << "it does not come to an end";
    }
    void handshake() {
        start();
        run();
    }
    void expect_established() {
        ASSERT_EQ(client->state(), Connection::State::established) << reason(client);
        ASSERT_EQ(server->state(), Connection::State::established) << reason(server);
    }
    static std::string reason(const Side& one) {
        return one->state() == Connection::State::failed
                   ? std::string(alert_name(one->failure().alert)) + ": " + one->failure().reason
                   : "not failed";
    }
    // One side has refused, and the other was told.
    void expect_refused_by(Role role, AlertDescription alert, bool other_is_told = true) {
        Side& refuser = side(role);
        Side& refused = side(other(role));
        ASSERT_EQ(refuser->state(), Connection::State::failed);
        EXPECT_EQ(refuser->failure().cause, Failure::Cause::ours);
        EXPECT_EQ(alert_name(refuser->failure().alert), alert_name(alert)) << reason(refuser);
        if (other_is_told) {
            ASSERT_EQ(refused->state(), Connection::State::failed);
            EXPECT_EQ(refused->failure().cause, Failure::Cause::peers_alert) << reason(refused);
            EXPECT_EQ(alert_name(refused->failure().alert), alert_name(alert));
        }
    }
    // Lets the clock go on to the next deadline. False: there is none.
    bool pass_time() {
        std::optional<TimePoint> next;
        for (Side* one : {&client, &server}) {
            if (const auto at = one->connection ? (*one)->deadline() : std::nullopt) {
                next = next ? std::min(*next, *at) : *at;
            }
        }
        if (!next) {
            return false;
        }
        clock.advance(std::max(*next - clock.now(), std::chrono::nanoseconds(1)));
        for (Side* one : {&client, &server}) {
            if (one->connection) {
                (*one)->on_time();
            }
        }
        return true;
    }
    // Delivers one datagram of this side, if there is one.
    bool deliver(Role from) {
        auto& queue = side(from).outgoing;
        if (queue.empty()) {
            return false;
        }
        if (queue.size() > 1 && chance(link.overtaken)) {
            std::swap(queue[0], queue[1]);
        }
        Octets datagram = std::move(queue.front());
        queue.pop_front();
        const size_t number = numbers_[from == Role::client ? 0 : 1]++;
        std::vector<Octets> arrive;
        if (fate) {
            arrive = fate(from, number, std::move(datagram));
        } else if (!chance(link.lost)) {
            if (chance(link.repeated)) {
                arrive.push_back(datagram);
            }
            arrive.push_back(std::move(datagram));
        }
        Side& to = side(other(from));
        for (const Octets& one : arrive) {
            to->receive(one);
            to.drain();
            EXPECT_LE(to->buffered(), Reassembly::kMaxBuffered);
        }
        return true;
    }
    bool chance(unsigned percent) { return percent != 0 && link_random_.u32() % 100 < percent; }
    void seed(uint64_t value) { link_random_ = SeededRandom(value); }

 private:
    SeededRandom link_random_{1};
    std::array<size_t, 2> numbers_{};
};

}  // namespace sdg::keymgmt::dtls13::test
