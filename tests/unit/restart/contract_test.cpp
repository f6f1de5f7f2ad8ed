// What RestartStore promises, over both implementations.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/restart/backend.h"
#include "tests/unit/restart/child.h"
#include "tests/unit/restart/sample.h"

namespace sdg::restart::test {
namespace {

using namespace std::chrono_literals;

class Contract : public testing::TestWithParam<BackendKind> {
 protected:
    void SetUp() override {
        backend_ = make_backend(GetParam());
        store_ = open();
    }
    std::unique_ptr<RestartStore> open(KeyRing keys = ring()) {
        auto store = backend_->open(std::move(keys));
        EXPECT_TRUE(store) << store.error().message;
        return store ? std::move(*store) : nullptr;
    }
    Lease acquire(RestartStore& store, const std::string& owner = "gw-a",
                  AcquireMode mode = AcquireMode::if_free) {
        auto lease = store.acquire("g", owner, 10s, mode);
        EXPECT_TRUE(lease) << lease.error().message;
        return lease ? *lease : Lease{};
    }
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<RestartStore> store_;
};

ErrorCode code_of(const Result<void>& result) {
    EXPECT_FALSE(result);
    return result ? ErrorCode::internal : result.error().code;
}

TEST_P(Contract, a_context_survives_reopening_and_is_taken_once) {
    const Lease lease = acquire(*store_);
    ASSERT_TRUE(store_->put(lease, one(3, 7)));
    store_.reset();
    store_ = open();
    const auto listing = store_->list("g");
    ASSERT_TRUE(listing) << listing.error().message;
    ASSERT_EQ(listing->associations.size(), 1U);
    EXPECT_EQ(listing->associations[0].description, description(3));
    EXPECT_EQ(listing->associations[0].epoch, context(7).epoch);
    EXPECT_EQ(listing->associations[0].lease_epoch, lease.epoch);
    EXPECT_FALSE(listing->associations[0].has_previous);

    const auto taken = take_one(*store_, lease, tuple(3));
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(taken->description, description(3));
    ASSERT_EQ(taken->contexts.size(), 1U);
    EXPECT_TRUE(same(taken->contexts[0], context(7)));
    EXPECT_EQ(take_one(*store_, lease, tuple(3)).error().code, ErrorCode::not_found);
    store_ = open();
    EXPECT_TRUE(store_->list("g")->associations.empty());
    EXPECT_EQ(take_one(*store_, lease, tuple(3)).error().code, ErrorCode::not_found);
    EXPECT_EQ(store_->counts().alarms, 0U);
}

TEST_P(Contract, every_suite_and_form_comes_back_as_it_was) {
    const Lease lease = acquire(*store_);
    for (unsigned i = 0; i < 12; ++i) {
        ASSERT_TRUE(store_->put(lease, one(i, i)));
    }
    EXPECT_EQ(store_->list("g")->associations.size(), 12U);
    for (unsigned i = 0; i < 12; ++i) {
        const auto taken = take_one(*store_, lease, tuple(i));
        ASSERT_TRUE(taken) << taken.error().message;
        EXPECT_EQ(taken->description, description(i));
        EXPECT_TRUE(same(taken->contexts.at(0), context(i)));
    }
    EXPECT_EQ(store_->counts().puts, 12U);
    EXPECT_EQ(store_->counts().takes, 12U);
}

TEST_P(Contract, the_previous_context_stays_until_dropped_and_the_one_before_goes) {
    const Lease lease = acquire(*store_);
    for (const uint64_t seed : {1, 2, 3}) {
        ASSERT_TRUE(store_->put(lease, one(0, seed)));
        ASSERT_TRUE(store_->put(lease, one(2, seed)));
    }
    EXPECT_TRUE(store_->list("g")->associations.at(0).has_previous);
    auto both = take_one(*store_, lease, tuple(0));
    ASSERT_TRUE(both);
    ASSERT_EQ(both->contexts.size(), 2U);
    EXPECT_TRUE(same(both->contexts[0], context(3)));
    EXPECT_TRUE(same(both->contexts[1], context(2)));

    const auto which = tuple(2);
    ASSERT_TRUE(store_->drop_previous(lease, {&which, 1}));
    EXPECT_FALSE(store_->list("g")->associations.at(0).has_previous);
    const auto newest = take_one(*store_, lease, which);
    ASSERT_EQ(newest->contexts.size(), 1U);
    EXPECT_TRUE(same(newest->contexts[0], context(3)));
}

TEST_P(Contract, a_repeated_put_never_makes_two_of_one_context) {
    const Lease lease = acquire(*store_);
    ASSERT_TRUE(store_->put(lease, one(0, 1)));
    ASSERT_TRUE(store_->put(lease, one(0, 2)));
    ASSERT_TRUE(store_->put(lease, one(0, 2)));
    auto taken = take_one(*store_, lease, tuple(0));
    ASSERT_EQ(taken->contexts.size(), 2U);
    EXPECT_TRUE(same(taken->contexts[0], context(2)));
    EXPECT_TRUE(same(taken->contexts[1], context(1)));

    ASSERT_TRUE(store_->put(lease, one(0, 3)));
    ASSERT_TRUE(store_->rotate(ring({1, 0})));
    ASSERT_TRUE(store_->put(lease, one(0, 3)));
    taken = take_one(*store_, lease, tuple(0));
    EXPECT_EQ(taken->contexts.size(), 1U);
}

TEST_P(Contract, one_context_asked_for_twice_in_one_call_is_given_once) {
    const Lease lease = acquire(*store_);
    ASSERT_TRUE(store_->put(lease, one(0, 1)));
    const std::vector<sctp::FourTuple> twice = {tuple(0), tuple(2), tuple(0)};
    const auto taken = store_->take(lease, twice);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_TRUE((*taken)[0]);
    EXPECT_EQ((*taken)[1].error().code, ErrorCode::not_found);
    EXPECT_FALSE((*taken)[2]);
}

TEST_P(Contract, a_thousand_associations_are_put_listed_and_taken_in_batches) {
    const Lease lease = acquire(*store_);
    std::vector<StoredAssociation> many;
    std::vector<sctp::FourTuple> tuples;
    for (unsigned i = 0; i < 1000; ++i) {
        many.push_back(stored(i, i));
        tuples.push_back(tuple(i));
    }
    ASSERT_TRUE(store_->put(lease, many));
    EXPECT_EQ(store_->list("g")->associations.size(), 1000U);
    const auto taken = store_->take(lease, tuples);
    ASSERT_TRUE(taken) << taken.error().message;
    for (unsigned i = 0; i < 1000; ++i) {
        ASSERT_TRUE((*taken)[i]);
        ASSERT_TRUE(same((*taken)[i]->contexts.at(0), context(i)));
    }
    EXPECT_TRUE(store_->list("g")->associations.empty());
}

TEST_P(Contract, removed_is_gone_and_unknown_is_no_error) {
    const Lease lease = acquire(*store_);
    ASSERT_TRUE(store_->put(lease, one(0, 1)));
    const std::vector<sctp::FourTuple> some = {tuple(0), tuple(5)};
    EXPECT_TRUE(store_->drop_previous(lease, some));
    EXPECT_TRUE(store_->remove(lease, some));
    EXPECT_TRUE(store_->list("g")->associations.empty());
    EXPECT_TRUE(store_->put(lease, {}));
    EXPECT_TRUE(store_->take(lease, {})->empty());
    EXPECT_TRUE(store_->list("unknown")->associations.empty());
}

TEST_P(Contract, a_group_belongs_to_one_owner_until_its_lease_ends) {
    const Lease lease = acquire(*store_);
    auto other = open();
    const auto refused = other->acquire("g", "gw-b", 10s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::already_exists);
    EXPECT_NE(refused.error().message.find("gw-a"), std::string::npos);
    backend_->wall_clock.advance(9s);
    const auto renewed = store_->renew(lease, 10s);
    ASSERT_TRUE(renewed);
    EXPECT_EQ(renewed->epoch, lease.epoch);
    backend_->wall_clock.advance(9s);
    EXPECT_FALSE(other->acquire("g", "gw-b", 10s));
    backend_->wall_clock.advance(1s);
    EXPECT_TRUE(store_->put(*renewed, one(0, 1))) << "late, but nobody has taken the group";
    const auto taken_over = other->acquire("g", "gw-b", 10s);
    ASSERT_TRUE(taken_over) << taken_over.error().message;
    EXPECT_EQ(taken_over->epoch, lease.epoch + 1);
    EXPECT_TRUE(take_one(*other, *taken_over, tuple(0))) << "of the former owner";
}

TEST_P(Contract, the_old_owner_is_fenced_in_every_write) {
    const Lease old_lease = acquire(*store_);
    ASSERT_TRUE(store_->put(old_lease, one(0, 1)));
    auto other = open();
    const Lease lease = acquire(*other, "gw-b", AcquireMode::force);
    const auto which = tuple(0);
    const std::span<const sctp::FourTuple> tuples(&which, 1);
    EXPECT_EQ(code_of(store_->put(old_lease, one(0, 2))), ErrorCode::fenced);
    EXPECT_EQ(code_of(store_->drop_previous(old_lease, tuples)), ErrorCode::fenced);
    EXPECT_EQ(code_of(store_->remove(old_lease, tuples)), ErrorCode::fenced);
    EXPECT_EQ(code_of(store_->release(old_lease)), ErrorCode::fenced);
    EXPECT_EQ(take_one(*store_, old_lease, which).error().code, ErrorCode::fenced);
    EXPECT_EQ(take_one(*store_, old_lease, tuple(5)).error().code, ErrorCode::fenced);
    const auto renewed = store_->renew(old_lease, 1s);
    ASSERT_FALSE(renewed);
    EXPECT_EQ(renewed.error().code, ErrorCode::fenced);
    EXPECT_NE(renewed.error().message.find("gw-b"), std::string::npos);
    EXPECT_EQ(store_->counts().fenced, 7U);
    EXPECT_EQ(store_->counts().alarms, 7U);
    const auto taken = take_one(*other, lease, which);
    ASSERT_TRUE(taken);
    EXPECT_TRUE(same(taken->contexts.at(0), context(1))) << "nothing of it has changed";
    Lease invented = lease;
    invented.epoch += 1;
    EXPECT_EQ(code_of(other->put(invented, one(0, 3))), ErrorCode::fenced);
    EXPECT_EQ(code_of(other->put({"never", "gw-b", 1, {}}, one(0, 3))), ErrorCode::fenced);
}

TEST_P(Contract, an_owner_that_starts_again_fences_its_former_self) {
    const Lease before = acquire(*store_);
    auto again = open();
    const Lease after = acquire(*again);
    EXPECT_EQ(after.epoch, before.epoch + 1);
    EXPECT_EQ(code_of(store_->put(before, one(0, 1))), ErrorCode::fenced);
    EXPECT_TRUE(again->put(after, one(0, 1)));
}

TEST_P(Contract, a_released_group_is_free_at_once) {
    const Lease lease = acquire(*store_);
    ASSERT_TRUE(store_->release(lease));
    EXPECT_EQ(code_of(store_->put(lease, one(0, 1))), ErrorCode::fenced);
    EXPECT_EQ(acquire(*store_, "gw-b").epoch, lease.epoch + 1);
}

TEST_P(Contract, groups_do_not_see_each_other) {
    const Lease a = acquire(*store_);
    const auto b = store_->acquire("other", "gw-b", 10s);
    ASSERT_TRUE(b);
    ASSERT_TRUE(store_->put(a, one(0, 1)));
    ASSERT_TRUE(store_->put(*b, one(0, 2)));
    EXPECT_TRUE(same(take_one(*store_, a, tuple(0))->contexts.at(0), context(1)));
    EXPECT_TRUE(same(take_one(*store_, *b, tuple(0))->contexts.at(0), context(2)));
}

TEST_P(Contract, two_connections_under_one_lease_take_turns) {
    const Lease lease = acquire(*store_);
    auto other = open();
    for (unsigned i = 0; i < 6; ++i) {
        EXPECT_TRUE((i % 2 == 0 ? store_ : other)->put(lease, one(i, i)));
    }
    EXPECT_EQ(store_->list("g")->associations.size(), 6U);
}

TEST_P(Contract, arguments_that_cannot_be_meant_are_refused) {
    EXPECT_EQ(store_->acquire("", "gw-a", 1s).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(store_->acquire("a b", "gw-a", 1s).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(store_->acquire("g", std::string(65, 'x'), 1s).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(store_->acquire("g", "gw-a", 0s).error().code, ErrorCode::invalid_argument);
    const Lease lease = acquire(*store_);
    auto bad = one(0, 1);
    bad[0].context.receive.key = SecretBytes(3);
    const auto wrong_key = store_->put(lease, bad);
    EXPECT_EQ(code_of(wrong_key), ErrorCode::invalid_argument);
    EXPECT_NE(wrong_key.error().message.find("10.0.0.1:38412"), std::string::npos);
    bad = one(0, 1);
    bad[0].description.policy.assign(256, 'p');
    EXPECT_EQ(code_of(store_->put(lease, bad)), ErrorCode::invalid_argument);
    bad = one(0, 1);
    bad[0].description.tuple.peer = {};
    EXPECT_EQ(code_of(store_->put(lease, bad)), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(store_->put(Lease{"g", "gw-a", 0, {}}, one(0, 1))),
              ErrorCode::invalid_argument);
    EXPECT_TRUE(store_->list("g")->associations.empty());
    EXPECT_EQ(store_->counts().alarms, 0U);
}

TEST_P(Contract, a_row_opens_in_its_own_place_only) {
    const Lease lease = acquire(*store_);
    for (const unsigned i : {0U, 2U, 4U}) {
        ASSERT_TRUE(store_->put(lease, one(i, i)));
    }
    backend_->swap_rows("g", tuple(0), tuple(2));
    const auto listing = store_->list("g");
    ASSERT_TRUE(listing);
    EXPECT_EQ(listing->associations.size(), 1U);
    EXPECT_EQ(listing->damaged.size(), 2U);
    EXPECT_EQ(take_one(*store_, lease, tuple(0)).error().code, ErrorCode::corrupt);
    EXPECT_EQ(take_one(*store_, lease, tuple(2)).error().code, ErrorCode::corrupt);
    EXPECT_GE(store_->counts().damaged, 4U);
    EXPECT_GE(store_->counts().alarms, 4U);
    EXPECT_TRUE(take_one(*store_, lease, tuple(4)));
    const std::vector<sctp::FourTuple> both = {tuple(0), tuple(2)};
    EXPECT_TRUE(store_->remove(lease, both));
    EXPECT_TRUE(store_->list("g")->damaged.empty());

    const auto other = store_->acquire("other", "gw-a", 10s);
    ASSERT_TRUE(store_->put(lease, one(6, 6)));
    backend_->move_row("g", "other", tuple(6));
    EXPECT_EQ(take_one(*store_, *other, tuple(6)).error().code, ErrorCode::corrupt);
}

TEST_P(Contract, of_a_damaged_and_a_good_context_the_good_one_is_taken) {
    const Lease lease = acquire(*store_);
    ASSERT_TRUE(store_->put(lease, one(0, 1)));
    ASSERT_TRUE(store_->put(lease, one(0, 2)));
    backend_->damage_row("g", tuple(0));
    EXPECT_EQ(store_->list("g")->associations.at(0).epoch, context(1).epoch);
    const auto taken = take_one(*store_, lease, tuple(0));
    ASSERT_TRUE(taken);
    ASSERT_EQ(taken->contexts.size(), 1U);
    EXPECT_TRUE(same(taken->contexts[0], context(1)));
    EXPECT_FALSE(take_one(*store_, lease, tuple(0)));
}

TEST_P(Contract, the_wrong_key_encryption_key_is_said_to_be_that) {
    const Lease lease = acquire(*store_);
    auto with_other_key = open(ring({5}));  // nothing is stored yet
    ASSERT_TRUE(store_->put(lease, one(0, 1)));
    const auto wrong = backend_->open(ring({1, 2}));
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::permission_denied);
    EXPECT_NE(wrong.error().message.find(to_string(ring().active().id())), std::string::npos);
    EXPECT_TRUE(open(ring({1, 0})));
    EXPECT_EQ(take_one(*with_other_key, lease, tuple(0)).error().code,
              ErrorCode::permission_denied);
    EXPECT_TRUE(take_one(*store_, lease, tuple(0))) << "it has stayed";
}

TEST_P(Contract, keys_are_rotated) {
    const Lease lease = acquire(*store_);
    for (unsigned i = 0; i < 20; ++i) {
        ASSERT_TRUE(store_->put(lease, one(i, i)));
        ASSERT_TRUE(store_->put(lease, one(i, 100 + i)));
    }
    EXPECT_EQ(*store_->rotate(ring()), 0U);
    const auto without_old = store_->rotate(ring({1}));
    ASSERT_FALSE(without_old);
    EXPECT_EQ(without_old.error().code, ErrorCode::permission_denied);
    EXPECT_TRUE(open()) << "nothing has changed";
    const auto rotated = store_->rotate(ring({1, 0}));
    ASSERT_TRUE(rotated) << rotated.error().message;
    EXPECT_EQ(*rotated, 40U);
    EXPECT_FALSE(backend_->open(ring({0})));
    auto anew = open(ring({1}));
    ASSERT_TRUE(anew);
    for (unsigned i = 0; i < 20; ++i) {
        const auto taken = take_one(*anew, lease, tuple(i));
        ASSERT_TRUE(taken) << taken.error().message;
        EXPECT_TRUE(same(taken->contexts.at(0), context(100 + i)));
        EXPECT_TRUE(same(taken->contexts.at(1), context(i)));
    }
    ASSERT_TRUE(store_->put(lease, one(0, 1))) << "the store that rotated uses the new key";
    EXPECT_TRUE(take_one(*anew, lease, tuple(0)));
}

TEST_P(Contract, no_key_and_no_identity_is_on_the_disk_in_clear) {
    const Lease lease = acquire(*store_);
    ASSERT_TRUE(store_->put(lease, one(2, 4)));
    ASSERT_TRUE(store_->put(lease, one(2, 5)));
    const std::string disk = backend_->everything();
    EXPECT_NE(disk.find("gw-a"), std::string::npos) << "the search works";
    for (const uint64_t seed : {4, 5}) {
        const RestartContext secret = context(seed);
        for (const SecretBytes* part :
             {&secret.send.key, &secret.send.sn_key, &secret.receive.key, &secret.receive.sn_key}) {
            const std::string octets(part->bytes().begin(), part->bytes().end());
            EXPECT_EQ(disk.find(octets), std::string::npos);
            EXPECT_EQ(disk.find(octets.substr(0, 8)), std::string::npos);
        }
    }
    const SecretBytes key = kek(0);
    EXPECT_EQ(disk.find(std::string(key.bytes().begin(), key.bytes().end())), std::string::npos);
    EXPECT_EQ(disk.find("gateway-2.example.org"), std::string::npos);
}

TEST_P(Contract, processes_work_side_by_side_each_in_its_group) {
    constexpr unsigned kEach = 25;
    const auto worker = [this](const std::string& group) {
        return [this, group](const Child::Say&) -> std::string {
            auto store = backend_->open(ring());
            if (!store) {
                return store.error().message;
            }
            const auto lease = (*store)->acquire(group, "gw-" + group, 10s);
            if (!lease) {
                return lease.error().message;
            }
            for (unsigned i = 0; i < kEach; ++i) {
                if (auto put = (*store)->put(*lease, one(i, i)); !put) {
                    return put.error().message;
                }
            }
            return "";
        };
    };
    store_.reset();  // not across fork()
    {
        Child a(worker("a"));
        Child b(worker("b"));
        Child c(worker("c"));
        for (Child* child : {&a, &b, &c}) {
            EXPECT_EQ(child->finish(), "");
            EXPECT_TRUE(child->exited_well());
        }
    }
    store_ = open();
    for (const char* group : {"a", "b", "c"}) {
        EXPECT_EQ(store_->list(group)->associations.size(), kEach);
    }
}

TEST_P(Contract, of_two_processes_that_fight_for_a_group_each_context_goes_to_one) {
    constexpr unsigned kCount = 40;
    const Lease lease = acquire(*store_);
    for (unsigned i = 0; i < kCount; ++i) {
        ASSERT_TRUE(store_->put(lease, one(i, i)));
    }
    store_.reset();
    const auto fighter = [this](const std::string& owner) {
        return [this, owner](const Child::Say& say) -> std::string {
            auto store = backend_->open(ring());
            if (!store) {
                return store.error().message;
            }
            for (unsigned i = 0; i < kCount; ++i) {
                for (;;) {
                    const auto mine = (*store)->acquire("g", owner, 10s, AcquireMode::force);
                    if (!mine) {
                        return mine.error().message;
                    }
                    const auto taken = take_one(**store, *mine, tuple(i));
                    if (taken) {
                        say(std::string(1, static_cast<char>('0' + i)));
                    } else if (taken.error().code == ErrorCode::fenced) {
                        continue;
                    } else if (taken.error().code != ErrorCode::not_found) {
                        return taken.error().message;
                    }
                    break;
                }
            }
            return "";
        };
    };
    Child a(fighter("gw-a"));
    Child b(fighter("gw-b"));
    std::string all = a.finish() + b.finish();
    std::sort(all.begin(), all.end());
    std::string expected;
    for (unsigned i = 0; i < kCount; ++i) {
        expected += static_cast<char>('0' + i);
    }
    EXPECT_EQ(all, expected);
}

INSTANTIATE_TEST_SUITE_P(Stores, Contract, testing::Values(BackendKind::sqlite, BackendKind::redis),
                         [](const auto& backend) { return name_of(backend.param); });

}  // namespace
}  // namespace sdg::restart::test
