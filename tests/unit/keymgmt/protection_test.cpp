// Actions of a session carried out on the real key table and a fake association.
#include "control/keymgmt/protection.h"

#include <gtest/gtest.h>

#include "control/keymgmt/preshared/method.h"
#include "dataplane/packet/code_points.h"
#include "tests/support/eal.h"
#include "tests/unit/relay/fake_host.h"

namespace sdg::keymgmt {
namespace {

using keys::KeyRole;
using std::chrono::seconds;

constexpr uint8_t kTestMethod = 200;

// A session that does what the test has put into it.
struct Script {
    Actions on_agreed;
    Actions on_established;
    Actions on_first_opened;
    Actions on_tick;
    std::vector<std::vector<uint8_t>> messages;
    size_t epochs_seen = 0;
    std::optional<SessionContext> context;
    std::optional<Error> refusal;
    std::vector<std::pair<uint16_t, bool>> told_kept;
};

class ScriptedSession final : public Session {
 public:
    explicit ScriptedSession(Script& script) : script_(script) {}
    Actions on_parameters_agreed() override { return std::move(script_.on_agreed); }
    Actions on_established() override { return std::move(script_.on_established); }
    Actions on_first_opened() override { return std::move(script_.on_first_opened); }
    Actions on_message(std::span<const uint8_t> octets) override {
        script_.messages.emplace_back(octets.begin(), octets.end());
        return {};
    }
    Actions on_sender_dry() override { return {}; }
    Actions on_restart_keys_kept(uint16_t epoch, bool kept) override {
        script_.told_kept.emplace_back(epoch, kept);
        return {};
    }
    Actions on_tick(TimePoint, std::span<const keys::EpochStatistics> epochs) override {
        script_.epochs_seen = epochs.size();
        return std::move(script_.on_tick);
    }

 private:
    Script& script_;
};

class ScriptedMethod final : public Method {
 public:
    explicit ScriptedMethod(Script& script) : script_(script) {}
    uint8_t id() const override { return kTestMethod; }
    Result<std::unique_ptr<Session>> start(SessionContext context) override {
        script_.context = std::move(context);
        if (script_.refusal) {
            return tl::unexpected(*script_.refusal);
        }
        return std::make_unique<ScriptedSession>(script_);
    }

 private:
    Script& script_;
};

struct Owner final : ProtectionOwner {
    void on_protection_up() override { ++up; }
    void on_protection_failed(const std::string& why) override { failures.push_back(why); }
    void on_protection_turn() override { ++turns; }
    bool on_keep_restart_keys(const KeepRestartKeys& keys) override {
        kept.push_back(keys.epoch);
        return has_store;
    }
    void on_drop_previous_restart_keys() override { ++dropped; }
    bool has_store = false;
    std::vector<uint16_t> kept;
    size_t dropped = 0;
    size_t up = 0;
    size_t turns = 0;
    std::vector<std::string> failures;
};

record::KeyMaterial material(uint8_t fill) {
    record::KeyMaterial out;
    out.key = SecretBytes::copy_of(std::vector<uint8_t>(16, fill));
    out.iv = SecretBytes::copy_of(std::vector<uint8_t>(12, fill));
    out.sn_key = SecretBytes::copy_of(std::vector<uint8_t>(16, fill));
    return out;
}

KeepRestartKeys keep(uint16_t epoch) {
    KeepRestartKeys out;
    out.epoch = epoch;
    out.wait = true;
    return out;
}

template <class... Each>
Actions actions(Each&&... each) {
    Actions out;
    (out.emplace_back(std::forward<Each>(each)), ...);
    return out;
}

class Protection : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(); }

    void SetUp() override {
        auto made = keys::ChunkProtection::create({.max_associations = 4, .workers = 1});
        ASSERT_TRUE(made) << made.error().message;
        table = std::move(*made);
        association.number = *table->add({38412, 5000, 0x1111}, 0);
        const std::vector<uint8_t> methods = {kTestMethod, 0};
        auto& negotiated = association.settled;
        negotiated.local_parameter =
            *packet::KeyManagementParameter::create(1, packet::kKmFlagClient, methods);
        negotiated.peer_parameter =
            *packet::KeyManagementParameter::create(2, packet::kKmFlagServer, methods);
        negotiated.local_tag = 0x1111;
        negotiated.peer_tag = 0x2222;
        negotiated.initiator = true;
        agree(kTestMethod, keys::KmRole::client);
        association.established = true;
        policy.name = "trunk";
        policy.methods = {std::make_shared<ScriptedMethod>(script)};
    }

    void agree(uint8_t method, keys::KmRole role) {
        association.settled.agreement = {.role = role, .method = method, .restart = false};
        ASSERT_TRUE(table->set_agreement(association.number, *association.settled.agreement,
                                         *association.settled.local_parameter,
                                         *association.settled.peer_parameter));
    }

    std::unique_ptr<AssociationProtection> start() {
        auto made = AssociationProtection::start(policy, *table, queue, association, owner);
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        return made ? std::move(*made) : nullptr;
    }

    [[nodiscard]] std::optional<keys::EpochStatistics> epoch(uint16_t number) const {
        const auto all = table->statistics(association.number);
        for (const auto& one : *all) {
            if (one.epoch == number) {
                return one;
            }
        }
        return std::nullopt;
    }

    std::unique_ptr<keys::ChunkProtection> table;
    ManualClock clock;
    HandshakeQueue queue{1, clock};
    relay::FakeAssociation association;
    Script script;
    Policy policy;
    Owner owner;
};

TEST_F(Protection, tells_the_session_which_parameter_and_tag_is_whose) {
    start();
    ASSERT_TRUE(script.context);
    EXPECT_EQ(script.context->role, keys::KmRole::client);
    EXPECT_TRUE(script.context->initiator);
    EXPECT_EQ(script.context->client_tag, 0x1111U);
    EXPECT_EQ(script.context->server_tag, 0x2222U);
    const auto local = association.settled.local_parameter->wire();
    const auto peer = association.settled.peer_parameter->wire();
    EXPECT_TRUE(std::ranges::equal(script.context->client_parameter, local));
    EXPECT_TRUE(std::ranges::equal(script.context->server_parameter, peer));

    agree(kTestMethod, keys::KmRole::server);
    start();
    EXPECT_EQ(script.context->role, keys::KmRole::server);
    EXPECT_EQ(script.context->client_tag, 0x2222U);
    EXPECT_EQ(script.context->server_tag, 0x1111U);
    EXPECT_TRUE(std::ranges::equal(script.context->client_parameter, peer));
    EXPECT_TRUE(std::ranges::equal(script.context->server_parameter, local));
}

TEST_F(Protection, carries_key_actions_out_in_order) {
    script.on_agreed = actions(InstallReceiveKey{KeyRole::primary, 3, material(1)},
                               InstallReceiveKey{KeyRole::primary, 4, material(2)},
                               SetClearPolicy{keys::ClearPolicy::handshake_only});
    script.on_established = actions(InstallSendKey{KeyRole::primary, 3, material(3)},
                                    SelectSendKey{KeyRole::primary, 3}, RequireProtection{},
                                    RequestHeartbeat{}, ProtectionUp{});
    script.on_tick = actions(
        InstallSendKey{KeyRole::primary, 4, material(4)}, SelectSendKey{KeyRole::primary, 4},
        DestroySendKey{KeyRole::primary, 3}, DestroyReceiveKey{KeyRole::primary, 3});
    const auto protection = start();
    protection->on_parameters_agreed();
    ASSERT_TRUE(epoch(3));
    EXPECT_TRUE(epoch(3)->has_receive_key);
    EXPECT_FALSE(epoch(3)->has_send_key);
    EXPECT_TRUE(epoch(4)->has_receive_key);
    EXPECT_FALSE(protection->is_up());

    protection->on_established();
    EXPECT_TRUE(epoch(3)->selected);
    EXPECT_EQ(association.heartbeats, 1U);
    EXPECT_TRUE(protection->is_up());
    EXPECT_EQ(owner.up, 1U);

    protection->on_tick(seconds(1));
    EXPECT_EQ(script.epochs_seen, 2U);
    EXPECT_TRUE(epoch(4)->selected);
    EXPECT_FALSE(epoch(3) && (epoch(3)->has_send_key || epoch(3)->has_receive_key));
    EXPECT_TRUE(owner.failures.empty());
}

TEST_F(Protection, fails_once_and_does_nothing_after_it) {
    script.on_agreed = actions(InstallReceiveKey{KeyRole::primary, 3, material(1)},
                               InstallReceiveKey{KeyRole::primary, 3, material(2)},  // twice
                               InstallReceiveKey{KeyRole::primary, 4, material(2)});
    script.on_established = actions(ProtectionUp{});
    script.on_tick = actions(Fail{"again"});
    const auto protection = start();
    protection->on_parameters_agreed();
    ASSERT_EQ(owner.failures.size(), 1U);
    EXPECT_TRUE(owner.failures[0].starts_with("key management: ")) << owner.failures[0];
    EXPECT_FALSE(epoch(4));
    protection->on_established();
    protection->on_tick(seconds(1));
    EXPECT_EQ(owner.up, 0U);
    EXPECT_EQ(owner.failures.size(), 1U);
}

TEST_F(Protection, passes_the_sessions_verdict_on) {
    script.on_established = actions(ProtectionUp{});
    script.on_tick = actions(Fail{"the peer has other keys"}, RequestHeartbeat{});
    const auto protection = start();
    protection->on_established();
    protection->on_tick(seconds(1));
    EXPECT_EQ(owner.failures, std::vector<std::string>{"the peer has other keys"});
    EXPECT_FALSE(protection->is_up());
    EXPECT_EQ(association.heartbeats, 0U);
}

TEST_F(Protection, does_not_start_with_a_method_that_the_policy_lacks) {
    agree(192, keys::KmRole::client);
    const auto made = AssociationProtection::start(policy, *table, queue, association, owner);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::not_found);
    EXPECT_NE(made.error().message.find("trunk"), std::string::npos);
}

TEST_F(Protection, does_not_start_when_the_method_refuses) {
    script.refusal = Error{ErrorCode::resource_exhausted, "one at a time"};
    const auto made = AssociationProtection::start(policy, *table, queue, association, owner);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().message, "one at a time");
}

TEST_F(Protection, does_not_start_with_an_impossible_replay_window) {
    policy.replay_window = 100;
    EXPECT_FALSE(AssociationProtection::start(policy, *table, queue, association, owner));
}

TEST_F(Protection, sends_key_management_messages_as_the_association_takes_them) {
    script.on_established = actions(SendMessage{{1, 2, 3, 4, 5}}, SendMessage{{6}});
    association.room = 2;
    const auto protection = start();
    protection->on_established();
    ASSERT_FALSE(protection->send_pending());
    association.room = 100;
    EXPECT_TRUE(protection->send_pending());
    ASSERT_EQ(association.outgoing.size(), 3U);
    EXPECT_EQ(association.outgoing[0].octets, (std::vector<uint8_t>{1, 2}));
    EXPECT_FALSE(association.outgoing[0].info.end_of_message);
    EXPECT_EQ(association.outgoing[1].octets, (std::vector<uint8_t>{3, 4, 5}));
    EXPECT_TRUE(association.outgoing[1].info.end_of_message);
    EXPECT_EQ(association.outgoing[2].octets, (std::vector<uint8_t>{6}));
    for (const auto& piece : association.outgoing) {
        EXPECT_EQ(piece.info.ppid, packet::kPpidKeyManagement);
        EXPECT_EQ(piece.info.stream, 0);
        EXPECT_FALSE(piece.info.unordered);
    }
    EXPECT_TRUE(protection->send_pending());
    EXPECT_EQ(association.outgoing.size(), 3U) << "once only";
}

TEST_F(Protection, fails_when_key_management_messages_pile_up) {
    for (int i = 0; i < 65; ++i) {
        script.on_established.emplace_back(SendMessage{{1}});
    }
    association.room = 0;
    const auto protection = start();
    protection->on_established();
    EXPECT_EQ(owner.failures.size(), 1U);
}

TEST_F(Protection, hands_messages_to_the_session) {
    const auto protection = start();
    const std::vector<uint8_t> octets = {9, 8};
    protection->on_message(octets);
    EXPECT_EQ(script.messages, std::vector<std::vector<uint8_t>>{octets});
}

// Method 0 on the real table: the two sides' send and receive keys agree and the epoch is live.
TEST_F(Protection, of_method_0_ends_with_protection_required) {
    agree(0, keys::KmRole::client);
    policy.methods = {make_preshared_method(SecretBytes(32), record::Suite::aes_256_gcm_sha384,
                                            KeySessionOptions{})};
    std::vector<std::string> logged;
    table->set_key_log([&](uint32_t tag, uint16_t number, KeyRole, const record::KeyMaterial&) {
        logged.push_back(fmt::format("{:x} {}", tag, number));
    });
    ASSERT_TRUE(table->set_peer_tag(association.number, 0x2222));
    const auto protection = start();
    EXPECT_EQ(protection->method(), 0);
    protection->on_parameters_agreed();
    protection->on_established();
    protection->on_first_opened();
    EXPECT_TRUE(protection->is_up());
    EXPECT_TRUE(owner.failures.empty());
    EXPECT_TRUE(epoch(3)->selected);
    EXPECT_EQ(logged, (std::vector<std::string>{"1111 3", "1111 4", "2222 3"}));
}

TEST_F(Protection, what_follows_restart_keys_waits_until_they_are_kept) {
    owner.has_store = true;
    script.on_established = actions(keep(4), ProtectionUp{});
    script.on_first_opened = actions(Report{.text = "later"}, RequireProtection{});
    auto protection = start();
    protection->on_established();
    protection->on_first_opened();
    EXPECT_EQ(owner.kept, std::vector<uint16_t>{4});
    EXPECT_EQ(owner.up, 0U);
    protection->on_restart_keys_kept(3, true);  // of others
    EXPECT_EQ(owner.up, 0U);
    protection->on_restart_keys_kept(4, true);
    EXPECT_EQ(owner.up, 1U);
    EXPECT_EQ(script.told_kept, (std::vector<std::pair<uint16_t, bool>>{{3, true}, {4, true}}));
}

TEST_F(Protection, a_slow_store_holds_nothing_up_for_long) {
    owner.has_store = true;
    script.on_established = actions(keep(4), ProtectionUp{});
    auto protection = start();
    protection->on_established();
    protection->on_tick(TimePoint{});
    protection->on_tick(TimePoint{});
    EXPECT_EQ(owner.up, 0U);
    protection->on_tick(TimePoint{});
    EXPECT_EQ(owner.up, 1U);
    protection->on_restart_keys_kept(4, true);
    EXPECT_EQ(script.told_kept.size(), 1U);
}

TEST_F(Protection, without_a_store_nothing_waits) {
    script.on_established = actions(keep(4), ProtectionUp{}, DropPreviousRestartKeys{});
    auto protection = start();
    protection->on_established();
    EXPECT_EQ(owner.up, 1U);
    EXPECT_EQ(owner.dropped, 1U);
    EXPECT_EQ(script.told_kept, (std::vector<std::pair<uint16_t, bool>>{{4, true}}));
}

}  // namespace
}  // namespace sdg::keymgmt
