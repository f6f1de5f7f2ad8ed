// Keys change under a worker that seals and opens at full rate: no packet is lost, none fails to
// open, none is opened under a freed key. Meant for the thread sanitizer; it runs everywhere.
//
// What the sanitizer sees: our own loads and stores of AssociationEntry and the contexts, and
// rte_rcu_qsbr, whose functions are inline and so instrumented here. What it does not see: the
// insides of librte_hash and IPsec-MB (libraries built without it). That hides nothing we rely on:
// everything a worker reads through the hash is ordered by AssociationEntry::live_generation, and
// contexts are freed by operator delete, which the sanitizer knows, so a use after free or an
// unordered one of any context shows. tests/tsan.supp silences librte_hash alone.
#include <gtest/gtest.h>
#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "dataplane/keys/association_table.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/packet/byte_order.h"
#include "dataplane/record/open_context.h"
#include "dataplane/record/seal_context.h"
#include "tests/support/eal.h"
#include "tests/unit/keys/key_fixtures.h"

namespace sdg::keys {
namespace {

constexpr AssociationKey kKey{5000, 6000, 0x5eed5eed};
constexpr size_t kBurst = 16;
constexpr size_t kInFlight = 4;  // bursts between sealing and opening
constexpr uint32_t kContent = 200;

struct Flying {
    std::array<uint8_t, 256> octets{};
    uint32_t length = 0;
    bool restart = false;
};

// Seals a numbered packet stream to itself with a few bursts of delay, as two gateways would.
class LoopWorker {
 public:
    explicit LoopWorker(ChunkProtection& protection)
        : protection_(protection), engine_(*record::RecordEngine::create()) {}

    void run() {
        rte_rcu_qsbr* quiescence = protection_.quiescence();
        rte_rcu_qsbr_thread_register(quiescence, 0);
        rte_rcu_qsbr_thread_online(quiescence, 0);
        while (!stop_.load(std::memory_order_relaxed)) {
            round(true);
            rounds_.fetch_add(1, std::memory_order_release);
            rte_rcu_qsbr_quiescent(quiescence, 0);
        }
        for (size_t i = 0; i < kInFlight; ++i) {
            round(false);
        }
        rte_rcu_qsbr_thread_offline(quiescence, 0);
        rte_rcu_qsbr_thread_unregister(quiescence, 0);
    }
    void stop() { stop_.store(true); }
    [[nodiscard]] uint64_t rounds() const { return rounds_.load(std::memory_order_acquire); }

    // After the thread has ended.
    uint64_t sealed = 0;
    uint64_t opened = 0;
    uint64_t not_sealed = 0;
    uint64_t no_association = 0;
    uint64_t no_key = 0;
    uint64_t not_opened = 0;
    uint64_t out_of_order = 0;

 private:
    void round(bool send) {
        // All keys of the table at once, most of them missing or coming and going.
        std::array<PackedKey, 32> keys;
        for (uint16_t i = 0; i < keys.size(); ++i) {
            keys[i] = {i, i, i};
        }
        keys[7] = {kKey.local_port, kKey.peer_port, kKey.local_tag};
        std::array<AssociationEntry*, 32> entries{};
        protection_.table().lookup(keys, entries);
        for (uint16_t i = 0; i < keys.size(); ++i) {
            if (entries[i] != nullptr && i != 7 && entries[i]->key.local_port != i) {
                ++no_association;
            }
        }
        AssociationEntry* entry = entries[7];
        if (entry == nullptr) {
            ++no_association;
            return;
        }
        std::array<Flying, kBurst>& slot = flying_[turn_++ % kInFlight];
        open(*entry, slot);
        if (send) {
            seal(*entry, slot);
        }
    }

    void seal(AssociationEntry& entry, std::array<Flying, kBurst>& burst) {
        std::array<record::SealRequest, kBurst> requests;
        // Once per burst, as the worker does it: the burst is wholly under one key.
        record::SealContext* context = entry.selected_send.load(std::memory_order_acquire);
        for (size_t i = 0; i < kBurst; ++i) {
            packet::store_be32(burst[i].octets.data() + record::kRecordHeader,
                               static_cast<uint32_t>(sent_number_++));
            burst[i].restart = context->restart();
            requests[i].context = context;
            requests[i].record = burst[i].octets.data();
            requests[i].content_length = kContent;
            requests[i].room = static_cast<uint32_t>(burst[i].octets.size());
        }
        engine_->seal_burst(requests);
        for (size_t i = 0; i < kBurst; ++i) {
            const bool ok = requests[i].outcome == record::SealOutcome::sealed;
            burst[i].length = ok ? requests[i].record_length : 0;
            ++(ok ? sealed : not_sealed);
        }
    }

    void open(AssociationEntry& entry, std::array<Flying, kBurst>& burst) {
        std::array<record::OpenRequest, kBurst> requests;
        size_t count = 0;
        for (Flying& flying : burst) {
            if (flying.length == 0) {
                continue;
            }
            const size_t role = flying.restart ? 1 : 0;
            record::OpenContext* context =
                entry.receive[role][flying.octets[0] & 3].load(std::memory_order_acquire);
            if (context == nullptr) {
                ++no_key;
                continue;
            }
            requests[count].context = context;
            requests[count].record = flying.octets.data();
            requests[count++].record_length = flying.length;
        }
        engine_->open_burst(std::span(requests).first(count));
        for (size_t i = 0; i < count; ++i) {
            if (requests[i].outcome != record::OpenOutcome::opened) {
                ++not_opened;
                continue;
            }
            ++opened;
            const uint32_t number =
                packet::load_be32(requests[i].record + requests[i].content_offset);
            out_of_order += number == received_number_ ? 0 : 1;
            received_number_ = number + 1;
        }
        for (Flying& flying : burst) {
            flying.length = 0;
        }
    }

    ChunkProtection& protection_;
    std::unique_ptr<record::RecordEngine> engine_;
    std::array<std::array<Flying, kBurst>, kInFlight> flying_{};
    uint64_t turn_ = 0;
    uint64_t sent_number_ = 0;
    uint32_t received_number_ = 0;
    std::atomic<uint64_t> rounds_{0};
    std::atomic<bool> stop_{false};
};

void wait_for_rounds(const LoopWorker& worker, uint64_t more) {
    const uint64_t until = worker.rounds() + more;
    while (worker.rounds() < until) {
        std::this_thread::yield();
    }
}

TEST(EpochSwap, hundreds_of_epochs_under_full_rate) {
    sdg::test::eal();
    const auto protection = test::protection(64);
    const AssociationId id = *protection->add(kKey, 0);
    const auto install = [&](KeyRole role, uint16_t epoch) {
        const auto keys = test::material(epoch * 2U + static_cast<uint64_t>(role));
        // Receive first, as everywhere.
        ASSERT_TRUE(protection->establish_receive_key(id, role, epoch, keys));
        ASSERT_TRUE(protection->establish_send_key(id, role, epoch, keys));
        ASSERT_TRUE(protection->select_send_key(id, role, epoch));
    };
    install(KeyRole::primary, 3);
    LoopWorker worker(*protection);
    std::thread thread([&worker] { worker.run(); });
    wait_for_rounds(worker, 2);

    KeyRole role = KeyRole::primary;
    uint16_t epoch = 3;
    uint64_t sealed = 0;
    uint64_t opened = 0;
    size_t most_awaiting = 0;
    std::vector<AssociationId> passing;
    for (int swap = 0; swap < 400; ++swap) {
        const KeyRole old_role = role;
        const uint16_t old_epoch = epoch;
        // Now and then over to restart keys of the same epoch and on from there.
        if (swap % 10 == 9) {
            role = role == KeyRole::primary ? KeyRole::restart : KeyRole::primary;
        } else {
            ++epoch;
        }
        install(role, epoch);
        // Others come and go meanwhile, so that the hash moves its keys.
        for (const AssociationId other : passing) {
            protection->remove(other);
        }
        passing.clear();
        for (uint16_t i = 0; i < 32; i = static_cast<uint16_t>(i + 1 + swap % 3)) {
            if (const auto added = protection->add({i, i, i}, 0)) {
                passing.push_back(*added);
                ASSERT_TRUE(
                    protection->establish_send_key(*added, KeyRole::primary, 3, test::material(i)));
            }
        }
        // What was sealed under the old key has arrived after that many rounds.
        wait_for_rounds(worker, kInFlight + 2);
        const std::vector<EpochStatistics> statistics = *protection->statistics(id);
        for (const EpochStatistics& of : statistics) {
            if (of.role == old_role && of.epoch == old_epoch) {
                EXPECT_EQ(of.sealed, of.opened) << "epoch " << of.epoch;
                EXPECT_EQ(of.open_failed, 0U);
                sealed += of.sealed;
                opened += of.opened;
            }
        }
        ASSERT_TRUE(protection->destroy_send_key(id, old_role, old_epoch));
        ASSERT_TRUE(protection->destroy_receive_key(id, old_role, old_epoch));
        most_awaiting = std::max(most_awaiting, protection->awaiting_reclaim());
        protection->reclaim();
    }
    wait_for_rounds(worker, 2);
    protection->reclaim();
    EXPECT_EQ(protection->awaiting_reclaim(), 0U);
    worker.stop();
    thread.join();
    const EpochStatistics last = protection->statistics(id)->back();
    EXPECT_EQ(last.sealed, last.opened);

    EXPECT_GT(worker.sealed, 400 * kBurst);
    EXPECT_EQ(worker.opened, worker.sealed);
    EXPECT_EQ(worker.sealed, sealed + last.sealed);
    EXPECT_EQ(worker.opened, opened + last.opened);
    EXPECT_EQ(worker.not_sealed, 0U);
    EXPECT_EQ(worker.no_association, 0U);
    EXPECT_EQ(worker.no_key, 0U);
    EXPECT_EQ(worker.not_opened, 0U);
    EXPECT_EQ(worker.out_of_order, 0U);
    EXPECT_GT(most_awaiting, 0U);
    RecordProperty("packets", std::to_string(worker.sealed));
    RecordProperty("most_awaiting_reclaim", std::to_string(most_awaiting));
}

// Keys are taken away while records under them are still on their way: those are lost, as they must
// be, but nothing is ever opened or sealed with memory that is gone.
TEST(EpochSwap, keys_destroyed_in_use_are_freed_after_the_worker_has_let_go) {
    sdg::test::eal();
    const auto protection = test::protection(64);
    const AssociationId id = *protection->add(kKey, 0);
    const auto install = [&](uint16_t epoch) {
        const auto keys = test::material(epoch);
        ASSERT_TRUE(protection->establish_receive_key(id, KeyRole::primary, epoch, keys));
        ASSERT_TRUE(protection->establish_send_key(id, KeyRole::primary, epoch, keys));
        ASSERT_TRUE(protection->select_send_key(id, KeyRole::primary, epoch));
    };
    install(3);
    LoopWorker worker(*protection);
    std::thread thread([&worker] { worker.run(); });
    wait_for_rounds(worker, 1);
    for (uint16_t epoch = 4; epoch < 1004; ++epoch) {
        install(epoch);
        ASSERT_TRUE(
            protection->destroy_send_key(id, KeyRole::primary, static_cast<uint16_t>(epoch - 1)));
        ASSERT_TRUE(protection->destroy_receive_key(id, KeyRole::primary,
                                                    static_cast<uint16_t>(epoch - 1)));
        protection->reclaim();
        // Now and then long enough that what was sealed under one epoch comes back before it goes.
        if (epoch % 16 == 0) {
            wait_for_rounds(worker, kInFlight + 2);
        }
    }
    worker.stop();
    thread.join();
    EXPECT_EQ(worker.not_sealed, 0U);
    EXPECT_EQ(worker.sealed, worker.opened + worker.no_key + worker.not_opened);
    EXPECT_GT(worker.opened, 0U);
    protection->reclaim();
    EXPECT_EQ(protection->awaiting_reclaim(), 0U);
}

}  // namespace
}  // namespace sdg::keys
