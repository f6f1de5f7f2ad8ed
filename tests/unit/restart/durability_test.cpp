// What is left when the process is killed: every acknowledged put, and no context that was taken.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <optional>

#include "control/restart/sqlite_store.h"
#include "tests/unit/restart/backend.h"
#include "tests/unit/restart/child.h"
#include "tests/unit/restart/sample.h"
#include "tests/unit/restart/temp_folder.h"

// In the place of the C library's, so that flushes can be counted and be instants to die at.
namespace {
unsigned flushes = 0;
void (*before_flush)() = nullptr;
}  // namespace
extern "C" int fdatasync(int file) {
    ++flushes;
    if (before_flush != nullptr) {
        before_flush();
    }
    return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace sdg::restart::test {
namespace {

using namespace std::chrono_literals;

// --- Random operations, killed at random.

constexpr unsigned kAssociations = 6;

enum class Kind { put, drop_previous, take, remove };
struct Operation {
    Kind kind = Kind::put;
    unsigned association = 0;
    uint64_t seed = 0;  // of the context put
};

std::vector<Operation> operations(uint64_t seed, size_t count) {
    SeededRandom random(seed);
    std::vector<Operation> out;
    for (size_t i = 0; i < count; ++i) {
        static constexpr Kind kKinds[] = {Kind::put,           Kind::put, Kind::put,  Kind::take,
                                          Kind::drop_previous, Kind::put, Kind::take, Kind::remove};
        out.push_back({kKinds[random.u32() % 8], random.u32() % kAssociations, seed * 10'000 + i});
    }
    return out;
}

// Per association the seeds of its contexts, newest first.
using Model = std::map<unsigned, std::vector<uint64_t>>;

void apply(Model& model, const Operation& operation) {
    auto& contexts = model[operation.association];
    switch (operation.kind) {
        case Kind::put:
            contexts.insert(contexts.begin(), operation.seed);
            contexts.resize(std::min<size_t>(contexts.size(), 2));
            break;
        case Kind::drop_previous:
            contexts.resize(std::min<size_t>(contexts.size(), 1));
            break;
        default:
            contexts.clear();
    }
}

// One letter per operation done; anything else is an error's text.
std::string carry_out(Backend& backend, const std::string& group,
                      const std::vector<Operation>& list, const Child::Say& say) {
    auto store = backend.open(ring());
    if (!store) {
        return store.error().message;
    }
    const auto lease = (*store)->acquire(group, "gw-a", 10s);
    if (!lease) {
        return lease.error().message;
    }
    for (const Operation& operation : list) {
        const auto which = tuple(operation.association);
        Result<void> done;
        switch (operation.kind) {
            case Kind::put:
                done = (*store)->put(*lease, one(operation.association, operation.seed));
                break;
            case Kind::drop_previous:
                done = (*store)->drop_previous(*lease, {&which, 1});
                break;
            case Kind::take: {
                auto taken = take_one(**store, *lease, which);
                if (!taken && taken.error().code != ErrorCode::not_found) {
                    done = tl::unexpected(taken.error());
                }
                break;
            }
            case Kind::remove:
                done = (*store)->remove(*lease, {&which, 1});
                break;
        }
        if (!done) {
            return done.error().message;
        }
        say(".");
    }
    return "";
}

// What is in the group, found by taking it; nothing when it is not what the model says.
bool holds(const std::map<unsigned, TakenAssociation>& found, const Model& model) {
    for (const auto& [association, seeds] : model) {
        const auto taken = found.find(association);
        const size_t count = taken == found.end() ? 0 : taken->second.contexts.size();
        if (count != seeds.size()) {
            return false;
        }
        for (size_t i = 0; i < count; ++i) {
            if (!same(taken->second.contexts[i], context(seeds[i]))) {
                return false;
            }
        }
    }
    return true;
}

class Killed : public testing::TestWithParam<BackendKind> {};

TEST_P(Killed, at_any_instant_what_was_acknowledged_holds) {
    const auto backend = make_backend(GetParam());
    SeededRandom random(42);
    size_t in_the_middle = 0;
    for (uint64_t round = 0; round < 40; ++round) {
        const std::string group = "round-" + std::to_string(round);
        const auto list = operations(round, 3000);
        size_t acknowledged = 0;
        {
            Child child(
                [&](const Child::Say& say) { return carry_out(*backend, group, list, say); });
            child.read(random.u32() % 50);
            child.kill();
            const std::string& said = child.finish();
            acknowledged = said.size();
            ASSERT_EQ(said, std::string(acknowledged, '.'));
        }
        Model before;
        for (size_t i = 0; i < acknowledged; ++i) {
            apply(before, list[i]);
        }
        Model after = before;
        if (acknowledged < list.size()) {
            apply(after, list[acknowledged]);
            ++in_the_middle;
        }
        auto store = backend->open(ring());
        ASSERT_TRUE(store) << store.error().message;
        const auto lease = (*store)->acquire(group, "gw-a", 10s);
        ASSERT_TRUE(lease);
        std::map<unsigned, TakenAssociation> found;
        for (unsigned i = 0; i < kAssociations; ++i) {
            auto taken = take_one(**store, *lease, tuple(i));
            if (taken) {
                EXPECT_EQ(taken->description, description(i));
                found.emplace(i, std::move(*taken));
            }
        }
        EXPECT_TRUE(holds(found, before) || holds(found, after))
            << group << " after " << acknowledged << " operations";
    }
    EXPECT_GT(in_the_middle, 20U) << "the children were too fast for their killer";
}

TEST_P(Killed, a_rotation_happens_wholly_or_not_at_all) {
    const auto backend = make_backend(GetParam());
    constexpr unsigned kCount = 200;
    {
        auto store = *backend->open(ring());
        const auto lease = store->acquire("g", "gw-a", 10s);
        std::vector<StoredAssociation> many;
        for (unsigned i = 0; i < kCount; ++i) {
            many.push_back(stored(i, i));
        }
        ASSERT_TRUE(store->put(*lease, many));
    }
    SeededRandom random(43);
    for (unsigned round = 0; round < 10; ++round) {
        {
            Child child([&](const Child::Say& say) -> std::string {
                auto store = backend->open(ring({0, 1}));
                for (unsigned i = 1; store && i < 1000; ++i) {
                    const auto rotated = (*store)->rotate(i % 2 == 1 ? ring({1, 0}) : ring({0, 1}));
                    if (!rotated) {
                        return rotated.error().message;
                    }
                    say(".");
                }
                return "end";
            });
            child.read(random.u32() % 6);
            child.kill();
            const std::string& said = child.finish();
            ASSERT_EQ(said, std::string(said.size(), '.'));
        }
        // One of the two keys is enough for everything.
        auto first = backend->open(ring({0}));
        auto second = backend->open(ring({1}));
        ASSERT_NE(first.has_value(), second.has_value());
        const auto listing = (first ? *first : *second)->list("g");
        ASSERT_TRUE(listing);
        EXPECT_EQ(listing->associations.size(), kCount);
        EXPECT_TRUE(listing->damaged.empty());
    }
}

INSTANTIATE_TEST_SUITE_P(Stores, Killed, testing::Values(BackendKind::sqlite, BackendKind::redis),
                         [](const auto& backend) { return name_of(backend.param); });

// --- SQLite, killed at every single write and flush.

long steps_left = -1;  // negative: nobody dies

void step() {
    if (steps_left > 0 && --steps_left == 0) {
        ::kill(::getpid(), SIGKILL);
    }
}

ssize_t write_then_maybe_die(int file, const void* octets, size_t length, off_t offset) {
    if (steps_left == 1) {
        // Half of it reaches the file.
        (void)!::syscall(SYS_pwrite64, file, octets, length / 2, offset);
    }
    step();
    return ::syscall(SYS_pwrite64, file, octets, length, offset);
}
ssize_t plain_write_then_maybe_die(int file, const void* octets, size_t length) {
    step();
    return ::syscall(SYS_write, file, octets, length);
}
int truncate_then_maybe_die(int file, off_t length) {
    step();
    return static_cast<int>(::syscall(SYS_ftruncate, file, length));
}
int unlink_then_maybe_die(const char* path) {
    step();
    return static_cast<int>(::syscall(SYS_unlink, path));
}

template <class Function>
void replace_system_call(const char* name, Function* function) {
    sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
    vfs->xSetSystemCall(vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(function));
}

void die_at_step(long number) {
    replace_system_call("pwrite", &write_then_maybe_die);
    replace_system_call("pwrite64", &write_then_maybe_die);
    replace_system_call("write", &plain_write_then_maybe_die);
    replace_system_call("ftruncate", &truncate_then_maybe_die);
    replace_system_call("unlink", &unlink_then_maybe_die);
    before_flush = &step;
    steps_left = number;
}

class EveryStep : public testing::Test {
 protected:
    Result<std::unique_ptr<RestartStore>> open(const std::vector<uint64_t>& keys = {0, 1}) {
        return open_sqlite_store({.path = folder_ / "store"}, ring(keys), random_, wall_clock_);
    }
    // A store with contexts 1 and 2 of association 0, and 3 of association 2; its lease.
    Lease prepare() {
        for (const char* suffix : {"", "-wal", "-shm"}) {
            std::filesystem::remove(folder_ / (std::string("store") + suffix));
        }
        auto store = open();
        EXPECT_TRUE(store) << store.error().message;
        const auto lease = (*store)->acquire("g", "gw-a", 10s);
        EXPECT_TRUE((*store)->put(*lease, one(0, 1)));
        EXPECT_TRUE((*store)->put(*lease, one(0, 2)));
        EXPECT_TRUE((*store)->put(*lease, one(2, 3)));
        return *lease;
    }
    // Runs body in children that die at the 1st, 2nd, ... step, until one lives. check is told
    // whether body had said that it was done. Returns how many died.
    unsigned die_everywhere(
        const std::function<Result<void>(RestartStore&, const Lease&)>& body,
        const std::function<void(RestartStore&, const Lease&, bool done)>& check) {
        for (long number = 1; number < 1000; ++number) {
            const Lease lease = prepare();
            Child child([&](const Child::Say& say) -> std::string {
                auto store = open();
                if (!store) {
                    return store.error().message;
                }
                die_at_step(number);
                const auto done = body(**store, lease);
                say(done ? "+" : done.error().message);
                store->reset();  // closing writes, too
                return "";
            });
            const std::string said = child.finish();
            EXPECT_TRUE(said.empty() || said == "+") << said;
            auto store = open();
            EXPECT_TRUE(store) << store.error().message << " after step " << number;
            if (!store) {
                return 0;
            }
            check(**store, lease, said == "+");
            if (!child.was_killed()) {
                return static_cast<unsigned>(number - 1);
            }
        }
        return 1000;
    }
    // Seeds of an association's contexts by taking it.
    static std::vector<uint64_t> seeds(RestartStore& store, const Lease& lease, unsigned number) {
        std::vector<uint64_t> out;
        if (const auto taken = take_one(store, lease, tuple(number))) {
            for (const RestartContext& one : taken->contexts) {
                for (uint64_t seed = 1; seed < 10; ++seed) {
                    if (same(one, context(seed))) {
                        out.push_back(seed);
                    }
                }
            }
        }
        return out;
    }
    using Seeds = std::vector<uint64_t>;

    TempFolder folder_;
    SystemRandom random_;
    ManualWallClock wall_clock_;
};

TEST_F(EveryStep, of_a_put) {
    const unsigned steps = die_everywhere(
        [](RestartStore& store, const Lease& lease) { return store.put(lease, one(0, 4)); },
        [](RestartStore& store, const Lease& lease, bool done) {
            const Seeds found = seeds(store, lease, 0);
            EXPECT_TRUE(found == (Seeds{4, 2}) || (!done && found == (Seeds{2, 1})));
            EXPECT_EQ(seeds(store, lease, 2), (Seeds{3}));
        });
    EXPECT_GE(steps, 4U);
    EXPECT_LT(steps, 1000U);
}

TEST_F(EveryStep, of_a_take_and_nothing_that_was_returned_comes_back) {
    const unsigned steps = die_everywhere(
        [](RestartStore& store, const Lease& lease) -> Result<void> {
            return take_one(store, lease, tuple(0)).map([](const TakenAssociation&) {});
        },
        [](RestartStore& store, const Lease& lease, bool done) {
            const Seeds found = seeds(store, lease, 0);
            EXPECT_TRUE(found.empty() || (!done && found == (Seeds{2, 1})));
            EXPECT_EQ(seeds(store, lease, 2), (Seeds{3}));
        });
    EXPECT_GE(steps, 4U);
    EXPECT_LT(steps, 1000U);
}

TEST_F(EveryStep, of_a_rotation) {
    const unsigned steps = die_everywhere(
        [](RestartStore& store, const Lease&) {
            return store.rotate(ring({1, 0})).map([](size_t) {});
        },
        [this](RestartStore& store, const Lease& lease, bool done) {
            EXPECT_NE(open({0}).has_value(), open({1}).has_value());
            EXPECT_TRUE(!done || open({1}));
            EXPECT_EQ(seeds(store, lease, 0), (Seeds{2, 1}));
            EXPECT_EQ(seeds(store, lease, 2), (Seeds{3}));
        });
    EXPECT_GE(steps, 4U);
    EXPECT_LT(steps, 1000U);
}

TEST_F(EveryStep, of_making_the_file) {
    for (long number = 1; number < 1000; ++number) {
        std::filesystem::remove(folder_ / "store");
        Child child([&](const Child::Say&) -> std::string {
            die_at_step(number);
            const auto store = open();
            return store ? "" : store.error().message;
        });
        EXPECT_EQ(child.finish(), "");
        auto store = open();
        ASSERT_TRUE(store) << store.error().message << " after step " << number;
        ASSERT_TRUE((*store)->acquire("g", "gw-a", 10s));
        if (!child.was_killed()) {
            EXPECT_GE(number, 4);
            return;
        }
        store->reset();
        for (const char* suffix : {"-wal", "-shm"}) {
            std::filesystem::remove(folder_ / (std::string("store") + suffix));
        }
    }
    ADD_FAILURE() << "no end";
}

TEST_F(EveryStep, every_write_is_flushed_before_it_returns) {
    const Lease lease = prepare();
    auto store = open();
    ASSERT_TRUE(store);
    const auto flushes_of = [](const auto& call) {
        const unsigned before = flushes;
        EXPECT_TRUE(call());
        return flushes - before;
    };
    const auto which = tuple(0);
    EXPECT_GE(flushes_of([&] { return (*store)->put(lease, one(0, 5)); }), 1U);
    EXPECT_GE(flushes_of([&] { return (*store)->drop_previous(lease, {&which, 1}); }), 1U);
    EXPECT_GE(flushes_of([&] { return take_one(**store, lease, which); }), 1U);
    EXPECT_GE(flushes_of([&] { return (*store)->renew(lease, 5s); }), 1U);
    std::vector<StoredAssociation> many;
    for (unsigned i = 0; i < 100; ++i) {
        many.push_back(stored(i, i));
    }
    EXPECT_LE(flushes_of([&] { return (*store)->put(lease, many); }), 3U) << "once for all";
}

}  // namespace
}  // namespace sdg::restart::test
