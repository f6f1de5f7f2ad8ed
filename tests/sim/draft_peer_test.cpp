// The gateway against a native endpoint that was written from the drafts: stock usrsctp, the data
// plane's API used directly, and key management by test::DraftPeer, which shares nothing with the
// gateway's. Both key-management roles, rekeys from both ends.
#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "dataplane/packet/code_points.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/draft_peer.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

record::KeyMaterial material(const test::DraftPeer::Keys& keys) {
    record::KeyMaterial out;
    out.suite = *record::suite_from_id(keys.suite);
    out.key = SecretBytes::copy_of(keys.key);
    out.sn_key = SecretBytes::copy_of(keys.sn_key);
    out.iv = SecretBytes::copy_of(keys.iv);
    return out;
}

// One association of the native endpoint: echoes every user message.
class NativeAssociation final : public sctp::AssociationObserver {
 public:
    NativeAssociation(keys::ChunkProtection& protection, const test::Pki& pki)
        : protection_(protection), pki_(pki) {}

    void on_established(sctp::Association& association) override {
        association_ = &association;
        const auto& negotiated = association.negotiated();
        ASSERT_TRUE(negotiated.agreement);
        const bool client = negotiated.agreement->role == keys::KmRole::client;
        const auto own = negotiated.local_parameter->wire();
        const auto other = negotiated.peer_parameter->wire();
        const test::Octets own_octets(own.begin(), own.end());
        const test::Octets other_octets(other.begin(), other.end());
        const keys::AssociationId id = association.id();
        const auto primary = keys::KeyRole::primary;
        peer.emplace(
            pki_.folder() / "ca.pem", pki_.folder() / "b", client ? own_octets : other_octets,
            client ? other_octets : own_octets,
            test::DraftPeer::Steps{
                .send =
                    [this](const test::Octets& message) {
                        send(0, packet::kPpidKeyManagement, message);
                    },
                .install_read =
                    [this, id, primary](uint16_t epoch, const test::DraftPeer::Keys& keys) {
                        if (old_ != 0) {
                            EXPECT_TRUE(protection_.destroy_receive_key(id, primary, old_));
                        }
                        EXPECT_TRUE(
                            protection_.establish_receive_key(id, primary, epoch, material(keys)));
                    },
                .install_write =
                    [this, id, primary](uint16_t epoch, const test::DraftPeer::Keys& keys) {
                        EXPECT_TRUE(
                            protection_.establish_send_key(id, primary, epoch, material(keys)));
                        EXPECT_TRUE(protection_.select_send_key(id, primary, epoch));
                        old_ = epoch == packet::kFirstEpoch ? 0 : static_cast<uint16_t>(epoch - 1);
                    },
                .require_protection =
                    [this, id] { EXPECT_TRUE(protection_.require_protected_packets(id)); },
                .protection_up = [this] { up = true; }});
        if (client) {
            peer->start();
        }
    }
    void on_readable(sctp::Association& association) override {
        std::vector<uint8_t> buffer(64 * 1024);
        while (true) {
            const auto piece = association.receive(buffer);
            if (!piece || !*piece) {
                return;
            }
            const auto& info = (*piece)->info;
            assembling_.insert(assembling_.end(), buffer.begin(),
                               buffer.begin() + static_cast<ptrdiff_t>((*piece)->length));
            if (!info.end_of_message) {
                continue;
            }
            const test::Octets message = std::exchange(assembling_, {});
            if (info.ppid == packet::kPpidKeyManagement) {
                peer->on_message(message);
            } else {
                EXPECT_TRUE(up) << "a user message came before protection";
                send(info.stream, info.ppid, message);
            }
        }
    }
    void on_writable(sctp::Association&) override { flush(); }
    void on_peer_shutdown(sctp::Association&) override {}
    void on_closed(sctp::Association&, sctp::CloseReason, const std::string&) override {
        association_ = nullptr;
    }

    std::optional<test::DraftPeer> peer;
    bool up = false;

 private:
    struct Waiting {
        sctp::FragmentInfo info;
        test::Octets octets;
        size_t sent = 0;
    };
    void send(uint16_t stream, uint32_t ppid, const test::Octets& octets) {
        waiting_.push_back({{.stream = stream, .ppid = ppid, .end_of_message = true}, octets});
        flush();
    }
    void flush() {
        while (!waiting_.empty() && association_ != nullptr) {
            Waiting& front = waiting_.front();
            const auto taken =
                association_->send(front.info, std::span(front.octets).subspan(front.sent));
            if (!taken) {
                return;
            }
            front.sent += *taken;
            if (front.sent < front.octets.size()) {
                return;
            }
            waiting_.pop_front();
        }
    }

    keys::ChunkProtection& protection_;
    const test::Pki& pki_;
    sctp::Association* association_ = nullptr;
    std::deque<Waiting> waiting_;
    test::Octets assembling_;
    uint16_t old_ = 0;
};

class Native : public testing::TestWithParam<bool> {
 protected:
    static void SetUpTestSuite() { test::eal(512); }
};

TEST_P(Native, exchanges_and_rekeys_with_the_gateway) {
    const bool native_is_client = GetParam();
    World::Settings settings;
    settings.seed = 51;
    settings.keys_a = Keys::tls13;
    settings.keys_b = Keys::tls13;  // makes its certificate
    settings.without_b = true;
    settings.trunk = {.loss = 0.02, .reorder = 0.05};
    settings.roles_a = native_is_client ? "s" : "c";
    World world(settings);
    std::optional<Node> node;
    node.emplace("native", world.trunk.device_b(), port::Prefix{*IpAddress::parse("10.2.0.2"), 24},
                 std::vector<port::Route>{}, world.clock, 77);
    std::vector<std::unique_ptr<NativeAssociation>> natives;
    sctp::LegSettings leg;
    leg.key_management = keys::LocalKeyManagement{.methods = {packet::kMethodTls13}};
    node->listen(kServicePort, leg, [&](sctp::Association&) {
        natives.push_back(std::make_unique<NativeAssociation>(node->protection(), *world.pki));
        return natives.back().get();
    });
    world.also = [&] { node->poll(); };

    Peer& client = world.connect();
    const auto messages = make_messages(61, 80, 9'000);
    const auto exchange = [&](size_t rounds) {
        for (const auto& m : messages) {
            client.send(m);
        }
        ASSERT_TRUE(world.run_until(
            [&] { return client.received().size() == rounds * messages.size(); }, seconds(120)))
            << client.received().size();
    };
    exchange(1);
    ASSERT_EQ(natives.size(), 1U);
    for (size_t round = 2; round < 10; ++round) {
        world.run_for(milliseconds(1500));
        const uint16_t before = natives[0]->peer->epoch();
        if (round % 2 == 0) {
            world.a->request_rekey();
        } else {
            natives[0]->peer->start();
        }
        exchange(round);
        ASSERT_TRUE(
            world.run_until([&] { return natives[0]->peer->epoch() > before; }, seconds(20)));
    }
    EXPECT_EQ(natives[0]->peer->failure(), "");
    EXPECT_EQ(natives[0]->peer->epoch(), packet::kFirstEpoch + 8);
    EXPECT_EQ(world.a->relay().counters().protection_failures, 0U);
    world.trunk.clear();
    world.also = nullptr;
    node.reset();
}

INSTANTIATE_TEST_SUITE_P(Roles, Native, testing::Bool(), [](const auto& role) {
    return role.param ? "native_is_client" : "native_is_server";
});

}  // namespace
}  // namespace sdg::sim
