#include "dataplane/keys/chunk_protection.h"

#include <gtest/gtest.h>
#include <rte_rcu_qsbr.h>

#include <set>

#include "dataplane/keys/association_table.h"
#include "dataplane/record/open_context.h"
#include "dataplane/record/seal_context.h"
#include "tests/support/eal.h"
#include "tests/support/hex.h"
#include "tests/unit/keys/key_fixtures.h"

namespace sdg::keys {
namespace {

using record::OpenContext;
using record::SealContext;
using test::lookup_one;
using test::material;
using test::protection;

constexpr AssociationKey kKey{5000, 6000, 0x01020304};

class ChunkProtectionTest : public ::testing::Test {
 protected:
    static void SetUpTestSuite() { sdg::test::eal(); }

    void SetUp() override {
        protection_ = protection();
        id_ = *protection_->add(kKey, 0);
        entry_ = lookup_one(*protection_, kKey);
        ASSERT_NE(entry_, nullptr);
    }
    SealContext* selected() { return entry_->selected_send.load(); }
    OpenContext* receive(KeyRole role, uint16_t epoch) {
        return entry_->receive[static_cast<size_t>(role)][epoch & 3].load();
    }

    std::unique_ptr<ChunkProtection> protection_;
    AssociationId id_;
    AssociationEntry* entry_ = nullptr;
};

TEST_F(ChunkProtectionTest, a_new_association_is_open_and_without_keys) {
    EXPECT_EQ(entry_->key, kKey);
    EXPECT_EQ(entry_->id, id_);
    EXPECT_EQ(entry_->owner_worker, 0);
    EXPECT_EQ(entry_->policy.load(), ClearPolicy::everything);
    EXPECT_FALSE(entry_->restart_supported.load());
    EXPECT_EQ(selected(), nullptr);
    EXPECT_EQ(protection_->table().find(id_), entry_);
    EXPECT_TRUE(protection_->statistics(id_)->empty());
    EXPECT_EQ(protection_->size(), 1U);
    EXPECT_TRUE(protection_->contains(kKey));
}

TEST_F(ChunkProtectionTest, lookup_tells_every_field_of_the_key_apart) {
    const std::array<PackedKey, 5> keys = {
        PackedKey{5000, 6000, 0x01020304}, PackedKey{5001, 6000, 0x01020304},
        PackedKey{5000, 6001, 0x01020304}, PackedKey{5000, 6000, 0x01020305},
        PackedKey{6000, 5000, 0x01020304}};
    std::array<AssociationEntry*, 5> found;
    found.fill(entry_);
    protection_->table().lookup(keys, found);
    EXPECT_EQ(found,
              (std::array<AssociationEntry*, 5>{entry_, nullptr, nullptr, nullptr, nullptr}));
}

TEST_F(ChunkProtectionTest, ports_and_tag_are_taken_once) {
    EXPECT_EQ(protection_->add(kKey, 0).error().code, ErrorCode::already_exists);
    EXPECT_EQ(protection_->add({1, 2, 3}, 7).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(protection_->size(), 1U);
}

TEST_F(ChunkProtectionTest, a_full_table_says_so_and_recovers) {
    std::vector<AssociationId> ids;
    for (uint16_t i = 1; i < 16; ++i) {
        ids.push_back(*protection_->add({i, i, i}, 0));
    }
    EXPECT_EQ(protection_->add({99, 99, 99}, 0).error().code, ErrorCode::resource_exhausted);
    protection_->remove(ids[3]);
    EXPECT_TRUE(protection_->add({99, 99, 99}, 0));
    EXPECT_EQ(protection_->size(), 16U);
}

TEST_F(ChunkProtectionTest, stale_ids_are_refused_by_every_function) {
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 3, material(1)));
    protection_->remove(id_);
    protection_->remove(id_);  // no harm
    protection_->reclaim();
    const AssociationId second = *protection_->add(kKey, 0);
    EXPECT_EQ(second.index, id_.index);
    EXPECT_NE(second.generation, id_.generation);
    for (const AssociationId stale :
         {id_, AssociationId{}, AssociationId{0, 0}, AssociationId{UINT32_MAX - 1, 1}}) {
        const auto km = *LocalKeyManagement{.methods = {0}}.parameter(1);
        EXPECT_EQ(protection_->table().find(stale), nullptr);
        const auto expect_not_found = [](const auto& result) {
            ASSERT_FALSE(result);
            EXPECT_EQ(result.error().code, ErrorCode::not_found);
        };
        expect_not_found(protection_->set_agreement(stale, {}, km, km));
        expect_not_found(protection_->agreement(stale));
        expect_not_found(protection_->downgrade_prevention_data(stale));
        expect_not_found(protection_->local_parameter(stale));
        expect_not_found(protection_->peer_parameter(stale));
        expect_not_found(protection_->establish_send_key(stale, KeyRole::primary, 3, material(1)));
        expect_not_found(
            protection_->establish_receive_key(stale, KeyRole::primary, 3, material(1)));
        expect_not_found(protection_->destroy_send_key(stale, KeyRole::primary, 3));
        expect_not_found(protection_->destroy_receive_key(stale, KeyRole::primary, 3));
        expect_not_found(protection_->select_send_key(stale, KeyRole::primary, 3));
        expect_not_found(protection_->require_protected_packets(stale));
        expect_not_found(protection_->set_clear_policy(stale, ClearPolicy::everything));
        expect_not_found(protection_->configure_replay_window(stale, 64));
        expect_not_found(protection_->set_restart_supported(stale, true));
        expect_not_found(protection_->statistics(stale));
        expect_not_found(protection_->set_peer_tag(stale, 1));
        EXPECT_FALSE(protection_->has_opened(stale, KeyRole::primary, 3));
    }
    // The new one starts clean.
    EXPECT_TRUE(protection_->statistics(second)->empty());
    EXPECT_EQ(selected(), nullptr);
    EXPECT_EQ(entry_->policy.load(), ClearPolicy::everything);
}

TEST_F(ChunkProtectionTest, agreement_and_parameters_are_kept_as_on_the_wire) {
    EXPECT_EQ(protection_->agreement(id_).error().code, ErrorCode::not_found);
    const auto local = *LocalKeyManagement{.methods = {0}, .server = false}.parameter(5);
    const auto peer =
        *packet::KeyManagementParameter::parse(sdg::test::from_hex("8006000b 00000009 ea c000"));
    const auto agreed = *negotiate(local, peer);
    ASSERT_TRUE(protection_->set_agreement(id_, agreed, local, peer));
    EXPECT_EQ(*protection_->agreement(id_), agreed);
    EXPECT_EQ(*protection_->local_parameter(id_), sdg::test::from_hex("8006000a 00000005 01 00"));
    EXPECT_EQ(*protection_->peer_parameter(id_), sdg::test::from_hex("8006000b 00000009 ea c000"));
    EXPECT_EQ(*protection_->downgrade_prevention_data(id_),
              sdg::test::from_hex("8006000a 00000005 01 00 8006000b 00000009 ea c000"));
}

TEST_F(ChunkProtectionTest, selecting_publishes_and_needs_an_established_key) {
    EXPECT_EQ(protection_->select_send_key(id_, KeyRole::primary, 3).error().code,
              ErrorCode::not_found);
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 3, material(1)));
    EXPECT_EQ(selected(), nullptr);
    EXPECT_FALSE(protection_->select_send_key(id_, KeyRole::restart, 3));
    EXPECT_FALSE(protection_->select_send_key(id_, KeyRole::primary, 4));
    ASSERT_TRUE(protection_->select_send_key(id_, KeyRole::primary, 3));
    ASSERT_NE(selected(), nullptr);
    EXPECT_EQ(selected()->epoch(), 3);
    EXPECT_FALSE(selected()->restart());
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::restart, 3, material(2)));
    ASSERT_TRUE(protection_->select_send_key(id_, KeyRole::restart, 3));
    EXPECT_TRUE(selected()->restart());
    const auto statistics = *protection_->statistics(id_);
    ASSERT_EQ(statistics.size(), 2U);
    EXPECT_FALSE(statistics[0].selected);
    EXPECT_TRUE(statistics[1].selected);
    EXPECT_EQ(statistics[1].role, KeyRole::restart);
    EXPECT_EQ(statistics[1].seal_limit, record::traits(material(1).suite)->seal_limit);
    EXPECT_FALSE(statistics[1].has_receive_key);
}

TEST_F(ChunkProtectionTest, receive_keys_are_published_at_once_by_role_and_low_bits) {
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::restart, 3, material(2)));
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 4, material(3)));
    EXPECT_EQ(receive(KeyRole::primary, 3)->epoch(), 3);
    EXPECT_TRUE(receive(KeyRole::restart, 3)->restart());
    EXPECT_EQ(receive(KeyRole::primary, 4)->epoch(), 4);
    EXPECT_EQ(receive(KeyRole::primary, 5), nullptr);
}

TEST_F(ChunkProtectionTest, a_key_is_never_replaced_in_place) {
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 3, material(2)));
    const OpenContext* before = receive(KeyRole::primary, 3);
    EXPECT_EQ(protection_->establish_send_key(id_, KeyRole::primary, 3, material(3)).error().code,
              ErrorCode::already_exists);
    EXPECT_EQ(
        protection_->establish_receive_key(id_, KeyRole::primary, 3, material(3)).error().code,
        ErrorCode::already_exists);
    // Epoch 7 looks like 3 on the wire.
    EXPECT_EQ(
        protection_->establish_receive_key(id_, KeyRole::primary, 7, material(3)).error().code,
        ErrorCode::already_exists);
    EXPECT_EQ(receive(KeyRole::primary, 3), before);
    ASSERT_TRUE(protection_->destroy_receive_key(id_, KeyRole::primary, 3));
    EXPECT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 7, material(3)));
}

TEST_F(ChunkProtectionTest, bad_keys_are_refused) {
    for (const uint16_t epoch : {uint16_t{0}, uint16_t{1}, uint16_t{2}}) {
        EXPECT_EQ(
            protection_->establish_send_key(id_, KeyRole::primary, epoch, material(1)).error().code,
            ErrorCode::invalid_argument);
    }
    record::KeyMaterial wrong = material(1);
    wrong.iv = SecretBytes(8);
    EXPECT_EQ(protection_->establish_send_key(id_, KeyRole::primary, 3, wrong).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(protection_->establish_receive_key(id_, KeyRole::primary, 3, wrong).error().code,
              ErrorCode::invalid_argument);
    EXPECT_TRUE(protection_->statistics(id_)->empty());
}

TEST_F(ChunkProtectionTest, the_send_key_in_use_is_not_destroyed_while_clear_packets_may_leave) {
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(protection_->select_send_key(id_, KeyRole::primary, 3));
    EXPECT_EQ(protection_->destroy_send_key(id_, KeyRole::primary, 3).error().code,
              ErrorCode::invalid_argument);
    EXPECT_NE(selected(), nullptr);
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 4, material(2)));
    ASSERT_TRUE(protection_->select_send_key(id_, KeyRole::primary, 4));
    EXPECT_TRUE(protection_->destroy_send_key(id_, KeyRole::primary, 3));
    EXPECT_EQ(selected()->epoch(), 4);
    ASSERT_TRUE(protection_->require_protected_packets(id_));
    EXPECT_TRUE(protection_->destroy_send_key(id_, KeyRole::primary, 4));
    EXPECT_EQ(selected(), nullptr);
    EXPECT_EQ(entry_->policy.load(), ClearPolicy::initiation_only);
}

TEST_F(ChunkProtectionTest, destroying_what_is_not_there) {
    EXPECT_EQ(protection_->destroy_send_key(id_, KeyRole::primary, 3).error().code,
              ErrorCode::not_found);
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 3, material(1)));
    EXPECT_EQ(protection_->destroy_receive_key(id_, KeyRole::primary, 3).error().code,
              ErrorCode::not_found);
    EXPECT_TRUE(protection_->destroy_send_key(id_, KeyRole::primary, 3));
    EXPECT_TRUE(protection_->statistics(id_)->empty());
}

TEST_F(ChunkProtectionTest, memory_waits_for_every_registered_worker) {
    protection_ = protection(16, 2);
    id_ = *protection_->add(kKey, 1);
    entry_ = lookup_one(*protection_, kKey);
    rte_rcu_qsbr* quiescence = protection_->quiescence();
    for (const unsigned worker : {0U, 1U}) {
        ASSERT_EQ(rte_rcu_qsbr_thread_register(quiescence, worker), 0);
        rte_rcu_qsbr_thread_online(quiescence, worker);
    }
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 3, material(1)));
    OpenContext* held = receive(KeyRole::primary, 3);
    ASSERT_TRUE(protection_->destroy_receive_key(id_, KeyRole::primary, 3));
    EXPECT_EQ(receive(KeyRole::primary, 3), nullptr);
    protection_->reclaim();
    EXPECT_EQ(protection_->awaiting_reclaim(), 1U);
    EXPECT_EQ(held->epoch(), 3);  // still there for the worker that holds it
    rte_rcu_qsbr_quiescent(quiescence, 0);
    protection_->reclaim();
    EXPECT_EQ(protection_->awaiting_reclaim(), 1U);
    rte_rcu_qsbr_quiescent(quiescence, 1);
    protection_->reclaim();
    EXPECT_EQ(protection_->awaiting_reclaim(), 0U);
    // An offline worker (asleep) is not waited for.
    rte_rcu_qsbr_thread_offline(quiescence, 0);
    rte_rcu_qsbr_thread_offline(quiescence, 1);
    protection_->remove(id_);
    protection_->reclaim();
    EXPECT_EQ(protection_->awaiting_reclaim(), 0U);
}

TEST_F(ChunkProtectionTest, a_removed_association_keeps_its_face_to_the_worker_that_holds_it) {
    rte_rcu_qsbr* quiescence = protection_->quiescence();
    ASSERT_EQ(rte_rcu_qsbr_thread_register(quiescence, 0), 0);
    rte_rcu_qsbr_thread_online(quiescence, 0);
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(protection_->select_send_key(id_, KeyRole::primary, 3));
    ASSERT_TRUE(protection_->require_protected_packets(id_));
    protection_->remove(id_);
    protection_->reclaim();
    // Not one packet of it may leave in clear now.
    EXPECT_NE(selected(), nullptr);
    EXPECT_EQ(entry_->policy.load(), ClearPolicy::initiation_only);
    EXPECT_EQ(lookup_one(*protection_, kKey), nullptr);
    EXPECT_EQ(protection_->table().find(id_), nullptr);
    // The same ports and tag at once: another entry, as this one is still in use.
    const AssociationId second = *protection_->add(kKey, 0);
    EXPECT_NE(second.index, id_.index);
    EXPECT_NE(lookup_one(*protection_, kKey), entry_);
    rte_rcu_qsbr_quiescent(quiescence, 0);
    protection_->reclaim();
    EXPECT_EQ(selected(), nullptr);
    EXPECT_NE(lookup_one(*protection_, kKey), nullptr);
    rte_rcu_qsbr_thread_offline(quiescence, 0);
}

TEST_F(ChunkProtectionTest, many_come_and_go_without_losing_room) {
    protection_ = protection(1000);
    for (uint32_t round = 0; round < 20; ++round) {
        std::vector<AssociationId> ids;
        std::set<uint32_t> indices;
        for (uint32_t i = 0; i < 1000; ++i) {
            const auto id = protection_->add(
                {static_cast<uint16_t>(i), static_cast<uint16_t>(round), i * 2654435761U + round},
                0);
            ASSERT_TRUE(id) << id.error().message;
            ids.push_back(*id);
            EXPECT_TRUE(indices.insert(id->index).second);
        }
        for (uint32_t i = 0; i < 1000; ++i) {
            const AssociationKey key{static_cast<uint16_t>(i), static_cast<uint16_t>(round),
                                     i * 2654435761U + round};
            AssociationEntry* found = lookup_one(*protection_, key);
            ASSERT_NE(found, nullptr);
            EXPECT_EQ(found->id, ids[i]);
            protection_->remove(ids[i]);
        }
        EXPECT_EQ(protection_->size(), 0U);
    }
    protection_->reclaim();
    EXPECT_EQ(protection_->awaiting_reclaim(), 0U);
}

TEST_F(ChunkProtectionTest, a_burst_of_64_is_looked_up_at_once) {
    protection_ = protection(64);
    std::vector<PackedKey> keys;
    for (uint16_t i = 0; i < 64; ++i) {
        keys.push_back({i, 2, 3});
        if (i % 2 == 0) {
            ASSERT_TRUE(protection_->add({i, 2, 3}, 0));
        }
    }
    std::vector<AssociationEntry*> found(64);
    protection_->table().lookup(keys, found);
    for (uint16_t i = 0; i < 64; ++i) {
        if (i % 2 == 0) {
            ASSERT_NE(found[i], nullptr);
            EXPECT_EQ(found[i]->key.local_port, i);
        } else {
            EXPECT_EQ(found[i], nullptr);
        }
    }
    protection_->table().lookup({}, {});
}

TEST_F(ChunkProtectionTest, counters_follow_the_records) {
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(protection_->select_send_key(id_, KeyRole::primary, 3));
    const auto engine = *record::RecordEngine::create();
    std::array<uint8_t, 128> octets{};
    std::array<record::SealRequest, 1> seal;
    seal[0].context = selected();
    seal[0].record = octets.data();
    seal[0].content_length = 32;
    seal[0].room = octets.size();
    engine->seal_burst(seal);
    ASSERT_EQ(seal[0].outcome, record::SealOutcome::sealed);
    EXPECT_FALSE(protection_->has_opened(id_, KeyRole::primary, 3));
    std::array<uint8_t, 128> forged = octets;
    forged[20] ^= 1;
    for (uint8_t* record : {forged.data(), octets.data()}) {
        std::array<record::OpenRequest, 1> open;
        open[0].context = receive(KeyRole::primary, 3);
        open[0].record = record;
        open[0].record_length = seal[0].record_length;
        engine->open_burst(open);
    }
    const EpochStatistics of = protection_->statistics(id_)->at(0);
    EXPECT_EQ(of.sealed, 1U);
    EXPECT_EQ(of.opened, 1U);
    EXPECT_EQ(of.open_failed, 1U);
    EXPECT_EQ(of.open_limit, record::traits(material(1).suite)->open_failure_limit);
    EXPECT_TRUE(protection_->has_opened(id_, KeyRole::primary, 3));
    EXPECT_FALSE(protection_->has_opened(id_, KeyRole::restart, 3));
    EXPECT_FALSE(protection_->has_opened(id_, KeyRole::primary, 4));
}

TEST_F(ChunkProtectionTest, replay_window_applies_to_later_receive_keys) {
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 3, material(1)));
    for (const uint32_t bad : {0U, 32U, 100U, 131072U}) {
        EXPECT_EQ(protection_->configure_replay_window(id_, bad).error().code,
                  ErrorCode::invalid_argument);
    }
    ASSERT_TRUE(protection_->configure_replay_window(id_, 4096));
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 4, material(2)));
    EXPECT_EQ(receive(KeyRole::primary, 3)->replay_window().size(), 1024U);
    EXPECT_EQ(receive(KeyRole::primary, 4)->replay_window().size(), 4096U);
}

TEST_F(ChunkProtectionTest, policy_and_restart_reach_the_worker) {
    ASSERT_TRUE(protection_->set_clear_policy(id_, ClearPolicy::handshake_only));
    EXPECT_EQ(entry_->policy.load(), ClearPolicy::handshake_only);
    ASSERT_TRUE(protection_->require_protected_packets(id_));
    EXPECT_EQ(entry_->policy.load(), ClearPolicy::initiation_only);
    ASSERT_TRUE(protection_->set_restart_supported(id_, true));
    EXPECT_TRUE(entry_->restart_supported.load());
}

TEST_F(ChunkProtectionTest, key_log_names_the_tag_that_the_records_carry) {
    struct Line {
        uint32_t tag;
        uint16_t epoch;
        KeyRole role;
        bool operator==(const Line&) const = default;
    };
    std::vector<Line> lines;
    protection_->set_key_log(
        [&lines](uint32_t tag, uint16_t epoch, KeyRole role, const record::KeyMaterial& logged) {
            EXPECT_EQ(logged.key, material(1).key);
            lines.push_back({tag, epoch, role});
        });
    ASSERT_TRUE(protection_->set_peer_tag(id_, 0xaabbccdd));
    ASSERT_TRUE(protection_->establish_receive_key(id_, KeyRole::primary, 3, material(1)));
    ASSERT_TRUE(protection_->establish_send_key(id_, KeyRole::restart, 4, material(1)));
    EXPECT_FALSE(protection_->establish_send_key(id_, KeyRole::restart, 4, material(1)));
    EXPECT_EQ(lines, (std::vector<Line>{{kKey.local_tag, 3, KeyRole::primary},
                                        {0xaabbccdd, 4, KeyRole::restart}}));
}

TEST(ChunkProtection, settings_are_checked) {
    sdg::test::eal();
    EXPECT_EQ(ChunkProtection::create({.max_associations = 0, .workers = 1}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(ChunkProtection::create({.max_associations = 1'000'001, .workers = 1}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(ChunkProtection::create({.max_associations = 1, .workers = 0}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_TRUE(ChunkProtection::create({.max_associations = 1, .workers = 1}));
    EXPECT_GE(ChunkProtection::supported_suites().size(), 3U);
}

}  // namespace
}  // namespace sdg::keys
