// Protected restart in the key table: what goes over to the new association, what the workers find.
#include <gtest/gtest.h>

#include "dataplane/keys/restart_paths.h"
#include "tests/support/eal.h"
#include "tests/unit/keys/key_fixtures.h"

namespace sdg::keys {
namespace {

using test::lookup_one;
using test::material;

constexpr AssociationKey kKey{38412, 9899, 0x11111111};
const IpAddress kLocal = *IpAddress::parse("10.0.0.1");
const IpAddress kPeer = *IpAddress::parse("10.0.0.2");

class Restart : public testing::Test {
 protected:
    static void SetUpTestSuite() { sdg::test::eal(); }
    void SetUp() override {
        id = *protection->add(kKey, 1);
        ASSERT_TRUE(protection->configure_replay_window(id, 64));
        establish(id, KeyRole::primary, 5, 1);
        establish(id, KeyRole::restart, 4, 2);
        establish(id, KeyRole::restart, 5, 3);
        ASSERT_TRUE(protection->select_send_key(id, KeyRole::primary, 5));
        ASSERT_TRUE(protection->set_restart_path(id, kLocal, kPeer));
    }
    void establish(AssociationId of, KeyRole role, uint16_t epoch, uint64_t number) {
        ASSERT_TRUE(protection->establish_receive_key(of, role, epoch, material(number)));
        ASSERT_TRUE(protection->establish_send_key(of, role, epoch, material(number + 100)));
    }
    [[nodiscard]] AssociationEntry* at(const IpAddress& local, const IpAddress& peer,
                                       uint16_t local_port = 38412, uint16_t peer_port = 9899) {
        return protection->table().find_restart(restart_path(local, peer, local_port, peer_port));
    }

    std::unique_ptr<ChunkProtection> protection = test::protection(2, 2, true);
    AssociationId id;
};

TEST_F(Restart, is_found_by_the_whole_path) {
    EXPECT_EQ(at(kLocal, kPeer)->id, id);
    EXPECT_EQ(at(kPeer, kLocal), nullptr);
    EXPECT_EQ(at(kLocal, kPeer, 38412, 9898), nullptr);
    EXPECT_EQ(at(kLocal, kPeer, 38411, 9899), nullptr);
    IpAddress other_family = kPeer;
    other_family.family = IpAddress::Family::v6;
    EXPECT_EQ(at(other_family, other_family), nullptr);
    protection->remove(id);
    EXPECT_EQ(at(kLocal, kPeer), nullptr);
}

TEST_F(Restart, path_belongs_to_one_association) {
    const auto other = *protection->add({38412, 9899, 0x222}, 0);
    EXPECT_EQ(protection->set_restart_path(other, kLocal, kPeer).error().code,
              ErrorCode::already_exists);
    EXPECT_TRUE(protection->set_restart_path(id, kLocal, kPeer)) << "again";
    protection->remove(id);
    EXPECT_TRUE(protection->set_restart_path(other, kLocal, kPeer));
    EXPECT_EQ(at(kLocal, kPeer)->id, other);
}

TEST_F(Restart, path_of_an_association_that_has_ended_is_free_at_once) {
    for (int i = 0; i < 500; ++i) {
        protection->clear_restart_path(id);
        protection->clear_restart_path(id);
        EXPECT_EQ(at(kLocal, kPeer), nullptr);
        ASSERT_TRUE(protection->set_restart_path(id, kLocal, kPeer)) << i;
        protection->reclaim();
    }
    EXPECT_EQ(at(kLocal, kPeer)->id, id);
}

TEST_F(Restart, without_the_option_there_are_no_paths) {
    const auto plain = test::protection(2);
    const auto one = *plain->add(kKey, 0);
    EXPECT_EQ(plain->set_restart_path(one, kLocal, kPeer).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(plain->table().find_restart(restart_path(kLocal, kPeer, 38412, 9899)), nullptr);
}

TEST_F(Restart, gives_the_keys_of_one_epoch_to_a_new_association) {
    const auto fresh = protection->restart(id, 0x33333333, 0x44444444, 5);
    ASSERT_TRUE(fresh) << fresh.error().message;
    EXPECT_EQ(protection->size(), 1U);
    EXPECT_EQ(lookup_one(*protection, kKey), nullptr);
    AssociationEntry* entry = lookup_one(*protection, {38412, 9899, 0x33333333});
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->id, *fresh);
    EXPECT_EQ(entry->owner_worker, 1U) << "sequence numbers have one writer";
    EXPECT_EQ(entry->policy.load(), ClearPolicy::initiation_only);
    EXPECT_TRUE(entry->restart_supported.load());
    EXPECT_EQ(at(kLocal, kPeer), entry);
    const auto all = *protection->statistics(*fresh);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].role, KeyRole::restart);
    EXPECT_EQ(all[0].epoch, 5);
    EXPECT_TRUE(all[0].selected && all[0].has_send_key && all[0].has_receive_key);
    for (size_t low = 0; low < 4; ++low) {
        EXPECT_EQ(entry->receive[0][low].load(), nullptr);
        EXPECT_EQ(entry->receive[1][low].load() != nullptr, low == (5 & 3));
    }
    EXPECT_FALSE(protection->statistics(id)) << "the old one is gone";
    // New keys go in beside them.
    establish(*fresh, KeyRole::primary, 3, 7);
    establish(*fresh, KeyRole::restart, 3, 8);
    ASSERT_TRUE(protection->select_send_key(*fresh, KeyRole::primary, 3));
    EXPECT_TRUE(protection->destroy_send_key(*fresh, KeyRole::restart, 5));
    EXPECT_TRUE(protection->destroy_receive_key(*fresh, KeyRole::restart, 5));
}

TEST_F(Restart, again_and_again_in_a_full_table) {
    const auto other = *protection->add({1, 2, 3}, 0);
    AssociationId now = id;
    for (uint32_t tag = 1; tag < 500; ++tag) {
        const auto fresh = protection->restart(now, tag, tag, 5);
        ASSERT_TRUE(fresh) << tag << ": " << fresh.error().message;
        now = *fresh;
        EXPECT_EQ(at(kLocal, kPeer)->id, now);
        protection->reclaim();
    }
    EXPECT_EQ(protection->size(), 2U);
    protection->remove(other);
}

TEST_F(Restart, that_cannot_be_changes_nothing) {
    EXPECT_EQ(protection->restart(id, 9, 9, 3).error().code, ErrorCode::not_found);
    ASSERT_TRUE(protection->destroy_send_key(id, KeyRole::restart, 4));
    EXPECT_EQ(protection->restart(id, 9, 9, 4).error().code, ErrorCode::not_found)
        << "one direction is not enough";
    const auto other = *protection->add({38412, 9899, 0x222}, 0);
    EXPECT_EQ(protection->restart(id, 0x222, 9, 5).error().code, ErrorCode::already_exists);
    protection->remove(other);
    EXPECT_EQ(lookup_one(*protection, kKey)->id, id);
    EXPECT_EQ(at(kLocal, kPeer)->id, id);
    EXPECT_EQ(protection->statistics(id)->size(), 3U);
    EXPECT_FALSE(protection->restart({}, 1, 1, 5));
}

TEST_F(Restart, logs_the_keys_again_for_the_tags_they_then_have) {
    protection = test::protection(2, 2, true);
    std::vector<std::pair<uint32_t, KeyRole>> lines;
    protection->set_key_log([&](uint32_t tag, uint16_t, KeyRole role, const record::KeyMaterial&) {
        lines.emplace_back(tag, role);
    });
    id = *protection->add(kKey, 0);
    establish(id, KeyRole::restart, 3, 1);
    lines.clear();
    ASSERT_TRUE(protection->restart(id, 0x33, 0x44, 3));
    EXPECT_EQ(lines, (std::vector<std::pair<uint32_t, KeyRole>>{{0x44, KeyRole::restart},
                                                                {0x33, KeyRole::restart}}));
}

}  // namespace
}  // namespace sdg::keys
