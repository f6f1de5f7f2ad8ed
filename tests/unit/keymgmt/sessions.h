// Two sessions of a method that authenticates by certificates, each with its own and with all that
// it has done so far. What differs by method: the session, its environment and its options.
#pragma once

#include <gtest/gtest.h>

#include <ctime>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "control/keymgmt/method.h"
#include "control/keymgmt/tls13/credentials.h"
#include "control/keymgmt/tls13/peer_name.h"
#include "foundation/random.h"
#include "tests/support/draft_peer.h"
#include "tests/support/pki.h"
#include "tests/unit/keymgmt/told.h"

namespace sdg::keymgmt::test {

using keys::EpochStatistics;
using keys::KeyRole;
using keys::KmRole;
using sdg::test::Octets;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline const Octets kClientParameter = {0x80, 0x06, 0, 10, 1, 2, 3, 4, 1, 192};
inline const Octets kServerParameter = {0x80, 0x06, 0, 10, 9, 8, 7, 6, 2, 192};

// What a session has done so far, with the data plane's side of it checked: keys go in once, what
// is selected is there, and nothing is destroyed that is not.
template <class OneSession, class Environment>
struct Side {
    Side(KmRole own_role, std::shared_ptr<const Environment> own_environment,
         Octets client_parameter = kClientParameter, bool restart = false)
        : role(own_role), environment(std::move(own_environment)) {
        begin({.role = own_role,
               .initiator = own_role == KmRole::client,
               .client_parameter = std::move(client_parameter),
               .server_parameter = kServerParameter,
               .client_tag = 1,
               .server_tag = 2,
               .restart = restart,
               .restarted = {},
               .peer_identity = {}});
    }
    void begin(const SessionContext& with) {
        context = with;
        session = std::make_unique<OneSession>(with, environment);
    }

    // Restart keys beside the primary ones: their epochs begin here.
    static constexpr uint32_t kRestart = 0x10000;
    static uint32_t place(keys::KeyRole key_role, uint16_t epoch) {
        return epoch + (key_role == keys::KeyRole::restart ? kRestart : 0);
    }
    [[nodiscard]] size_t primary_receive_keys() const {
        return static_cast<size_t>(std::distance(receive.begin(), receive.lower_bound(kRestart)));
    }

    std::string take(Actions actions) {
        std::string out = told(actions);
        for (Action& action : actions) {
            std::visit([this](auto& a) { on(a); }, action);
        }
        events += out.empty() ? "" : out + "; ";
        return out;
    }
    void on(InstallReceiveKey& a) {
        EXPECT_LT(primary_receive_keys(), 3U);
        const uint32_t key_place = place(a.role, a.epoch);
        for (const auto& [other, key] : receive) {
            EXPECT_FALSE((other & kRestart) == (key_place & kRestart) &&
                         (other & 3) == (key_place & 3))
                << "the wire cannot tell them apart";
        }
        EXPECT_TRUE(receive.emplace(key_place, keys_of(a.material)).second);
    }
    void on(InstallSendKey& a) {
        EXPECT_TRUE(send.emplace(place(a.role, a.epoch), keys_of(a.material)).second);
    }
    void on(SelectSendKey& a) {
        EXPECT_TRUE(send.contains(place(a.role, a.epoch)));
        selected = place(a.role, a.epoch);
    }
    void on(DestroySendKey& a) {
        EXPECT_NE(place(a.role, a.epoch), selected);
        EXPECT_EQ(send.erase(place(a.role, a.epoch)), 1U);
    }
    void on(DestroyReceiveKey& a) { EXPECT_EQ(receive.erase(place(a.role, a.epoch)), 1U); }
    void on(KeepRestartKeys& a) {
        EXPECT_EQ(keys_of(a.send), send[place(keys::KeyRole::restart, a.epoch)]);
        EXPECT_EQ(keys_of(a.receive), receive[place(keys::KeyRole::restart, a.epoch)]);
        kept.push_back({a.epoch, a.peer_identity});
        take(session->on_restart_keys_kept(a.epoch, store_works));
    }
    void on(DropPreviousRestartKeys&) { ++dropped_previous; }
    void on(SetClearPolicy&) {}
    void on(RequireProtection&) { required = true; }
    void on(RequestHeartbeat&) {}
    void on(SendMessage& a) { outgoing.push_back({a.octets, selected}); }
    void on(ProtectionUp&) {
        EXPECT_TRUE(required);
        ++up;
    }
    void on(RequestTurn&) { wants_turn = true; }
    void on(EndHandshake&) {}
    void on(Report& a) { reports += a.text + "\n"; }
    void on(Fail& a) { failure = a.reason; }

    bool turn(bool has_slot = true) {
        if (!std::exchange(wants_turn, false)) {
            return false;
        }
        take(session->on_turn(has_slot));
        return true;
    }

    static sdg::test::DraftPeer::Keys keys_of(const record::KeyMaterial& m) {
        const auto octets = [](const SecretBytes& from) {
            return Octets(from.bytes().begin(), from.bytes().end());
        };
        return {static_cast<uint16_t>(m.suite), octets(m.key), octets(m.sn_key), octets(m.iv)};
    }

    struct Outgoing {
        Octets octets;
        uint32_t epoch;  // that protects it; 0: in clear
    };
    struct Kept {
        uint16_t epoch;
        std::string peer_identity;
    };
    KmRole role;
    std::shared_ptr<const Environment> environment;
    SessionContext context;
    std::unique_ptr<OneSession> session;
    std::map<uint32_t, sdg::test::DraftPeer::Keys> receive;
    std::map<uint32_t, sdg::test::DraftPeer::Keys> send;
    uint32_t selected = 0;
    std::vector<Kept> kept;
    bool store_works = true;
    size_t dropped_previous = 0;
    bool required = false;
    bool wants_turn = false;
    bool opened = false;  // on_first_opened() has been told
    size_t up = 0;
    std::deque<Outgoing> outgoing;
    std::string events;
    std::string reports;
    std::string failure;
};

template <class OneSession, class Environment, class Options>
class Sessions : public testing::Test {
 protected:
    using Side = test::Side<OneSession, Environment>;

    Sessions() : random(7) {
        pki().issue("a", "a.example");
        pki().issue("b", "b.example");
    }
    // Keys take time to make; every test has its own certificates below one authority.
    static sdg::test::Pki& pki() {
        static sdg::test::Pki made;
        return made;
    }

    std::shared_ptr<tls13::CredentialStore> credentials(const std::string& name) {
        tls13::CredentialSettings settings;
        settings.certificate = pki().folder() / (name + ".pem");
        settings.private_key = (pki().folder() / (name + ".key")).string();
        settings.authorities = {pki().folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256, record::Suite::aes_256_gcm_sha384};
        auto opened = tls13::CredentialStore::open(settings);
        EXPECT_TRUE(opened) << opened.error().message;
        stores[name] = *opened;
        return *opened;
    }
    std::shared_ptr<const Environment> environment(const std::string& own,
                                                   const std::string& peer) {
        return std::make_shared<Environment>(
            Environment{.credentials = credentials(own),
                        .peer_names = *tls13::PeerNames::parse({"dns:" + peer + ".example"}),
                        .options = options,
                        .clock = clock,
                        .random = random,
                        .unix_time = [this] { return unix_time; }});
    }
    void make() {
        client.emplace(KmRole::client, environment("a", "b"), kClientParameter, restart);
        server.emplace(KmRole::server, environment("b", "a"), kClientParameter, restart);
    }

    // One message from one side to the other. What is protected opens only under the right key.
    static bool deliver(Side& from, Side& to) {
        if (from.outgoing.empty()) {
            return false;
        }
        const auto message = std::move(from.outgoing.front());
        from.outgoing.pop_front();
        if (message.epoch != 0) {
            EXPECT_TRUE(to.receive.contains(message.epoch)) << "sent before it could be received";
            EXPECT_EQ(from.send[message.epoch], to.receive[message.epoch]);
            if (!std::exchange(to.opened, true)) {
                to.take(to.session->on_first_opened());
            }
        } else {
            EXPECT_FALSE(to.required) << "in clear after protection was required";
        }
        to.take(to.session->on_message(message.octets));
        return true;
    }
    void run() {
        bool more = true;
        while (more) {
            more = client->turn() || server->turn() || deliver(*client, *server) ||
                   deliver(*server, *client);
        }
    }
    // For a method whose server waits for a packet of the client.
    virtual void after_first_keys() {}
    void bring_up() {
        make();
        client->take(client->session->on_parameters_agreed());
        server->take(server->session->on_parameters_agreed());
        server->take(server->session->on_established());
        client->take(client->session->on_established());
        run();
        after_first_keys();
        ASSERT_EQ(client->up, 1U) << client->failure;
        ASSERT_EQ(server->up, 1U) << server->failure;
        clock.advance(seconds(2));
        client->events.clear();
        server->events.clear();
    }
    void expect_epoch(uint32_t epoch) {
        for (const Side* side : {&*client, &*server}) {
            EXPECT_EQ(side->selected, epoch) << side->reports << side->failure;
            EXPECT_EQ(side->failure, "");
        }
        EXPECT_EQ(client->send[epoch], server->receive[epoch]);
        EXPECT_EQ(server->send[epoch], client->receive[epoch]);
    }
    std::string tick(Side& side, const std::vector<EpochStatistics>& epochs = {}) {
        return side.take(side.session->on_tick(clock.now(), epochs));
    }

    ManualClock clock;
    SeededRandom random;
    int64_t unix_time = std::time(nullptr);
    Options options;
    bool restart = false;  // agreed
    std::map<std::string, std::shared_ptr<tls13::CredentialStore>> stores;
    std::optional<Side> client;
    std::optional<Side> server;
};

}  // namespace sdg::keymgmt::test
