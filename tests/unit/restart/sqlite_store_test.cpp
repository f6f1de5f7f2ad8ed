// The file of the SQLite store: who may use it, and what happens when it is not as it should be.
#include "control/restart/sqlite_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "control/restart/sqlite_file.h"
#include "tests/unit/restart/child.h"
#include "tests/unit/restart/sample.h"
#include "tests/unit/restart/temp_folder.h"

namespace sdg::restart::test {
namespace {

using namespace std::chrono_literals;

class SqliteFile : public testing::Test {
 protected:
    Result<std::unique_ptr<RestartStore>> open(const std::filesystem::path& path) {
        return open_sqlite_store({.path = path, .busy_timeout = 5s}, ring(), random_, wall_clock_);
    }
    Result<std::unique_ptr<RestartStore>> open() { return open(path_); }
    Error error_of(const std::filesystem::path& path) {
        const auto store = open(path);
        EXPECT_FALSE(store);
        return store ? Error{} : store.error();
    }
    // Six associations with two contexts each.
    Lease fill() {
        auto store = open();
        EXPECT_TRUE(store) << store.error().message;
        const auto lease = (*store)->acquire("g", "gw-a", 10s);
        for (unsigned i = 0; i < 6; ++i) {
            EXPECT_TRUE((*store)->put(*lease, one(i, i)));
            EXPECT_TRUE((*store)->put(*lease, one(i, 100 + i)));
        }
        return *lease;
    }
    static std::string content(const std::filesystem::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(const std::string& octets) {
        for (const char* suffix : {"-wal", "-shm"}) {
            std::filesystem::remove(path_.string() + suffix);
        }
        std::ofstream(path_, std::ios::binary | std::ios::trunc) << octets;
    }
    // Whatever the store says, what it gives out is what was put in.
    void nothing_false_comes_out(const Lease& lease) {
        auto store = open();
        if (!store) {
            EXPECT_NE(store.error().message.find(path_.filename()), std::string::npos)
                << store.error().message;
            ++refused_;
            return;
        }
        (void)(*store)->list("g");
        (void)(*store)->put(lease, one(9, 9));
        for (unsigned i = 0; i < 6; ++i) {
            const auto taken = take_one(**store, lease, tuple(i));
            if (!taken) {
                EXPECT_NE(taken.error().code, ErrorCode::internal);
                continue;
            }
            ++good_;
            EXPECT_EQ(taken->description, description(i));
            for (const RestartContext& one : taken->contexts) {
                EXPECT_TRUE(same(one, context(i)) || same(one, context(100 + i)));
            }
        }
        damaged_ += (*store)->counts().damaged;
    }

    TempFolder folder_;
    std::filesystem::path path_ = folder_ / "store";
    SystemRandom random_;
    ManualWallClock wall_clock_;
    unsigned refused_ = 0;
    uint64_t damaged_ = 0;
    unsigned good_ = 0;
};

TEST_F(SqliteFile, is_for_its_owner_only) {
    const mode_t mask = ::umask(0);
    fill();
    auto store = open();
    ASSERT_TRUE((*store)->put(*(*store)->acquire("g", "gw-a", 10s), one(0, 1)));
    ::umask(mask);
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
        struct stat status {};
        ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777, 0600U) << entry.path();
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 3)
        << "store, -wal, -shm";
    store->reset();
    ::chmod(path_.c_str(), 0640);
    const Error error = error_of(path_);
    EXPECT_EQ(error.code, ErrorCode::permission_denied);
    EXPECT_NE(error.message.find("chmod 600"), std::string::npos);
}

TEST_F(SqliteFile, its_directory_is_checked) {
    EXPECT_EQ(error_of(folder_ / "none" / "store").code, ErrorCode::not_found);
    ::chmod(folder_.path().c_str(), 0770);
    const Error open_to_group = error_of(path_);
    EXPECT_EQ(open_to_group.code, ErrorCode::permission_denied);
    EXPECT_NE(open_to_group.message.find("chmod go-w"), std::string::npos);
    ::chmod(folder_.path().c_str(), 0755);
    EXPECT_TRUE(open());
    std::filesystem::create_symlink(path_, folder_ / "link");
    EXPECT_EQ(error_of(folder_ / "link").code, ErrorCode::permission_denied);
    ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(error_of(folder_ / "fifo").code, ErrorCode::permission_denied);
    EXPECT_EQ(error_of(folder_.path()).code, ErrorCode::permission_denied);
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
        EXPECT_NE(error_of(path_).message.find("user 12345"), std::string::npos);
    }
}

TEST_F(SqliteFile, of_another_program_is_left_as_it_is) {
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "CREATE TABLE recipes(name)", nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(other);
    ::chmod(path_.c_str(), 0600);
    const std::string before = content(path_);
    const Error error = error_of(path_);
    EXPECT_EQ(error.code, ErrorCode::corrupt);
    EXPECT_NE(error.message.find("another program"), std::string::npos);
    EXPECT_EQ(content(path_), before);

    write(std::string(5000, 'x'));
    EXPECT_EQ(error_of(path_).code, ErrorCode::corrupt);
    EXPECT_EQ(content(path_), std::string(5000, 'x'));
    write("");
    EXPECT_EQ(error_of(path_).code, ErrorCode::corrupt) << "truncated is not new";
}

TEST_F(SqliteFile, of_a_later_version_is_refused) {
    fill();
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, "PRAGMA user_version=2", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
    const Error error = error_of(path_);
    EXPECT_EQ(error.code, ErrorCode::invalid_argument);
    EXPECT_NE(error.message.find("version 2"), std::string::npos);
}

TEST_F(SqliteFile, with_any_octet_changed_gives_nothing_false) {
    const Lease lease = fill();
    const std::string good = content(path_);
    ASSERT_GT(good.size(), 8192U);
    SeededRandom random(7);
    for (size_t at = 0; at < good.size(); at += at < 200 ? 3 : 41 + random.u32() % 20) {
        std::string damaged = good;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.u32() % 8));
        write(damaged);
        nothing_false_comes_out(lease);
    }
    for (size_t at = 0; at + 512 <= good.size(); at += 512) {
        std::string damaged = good;
        for (size_t i = 0; i < 512; ++i) {
            damaged[at + i] = static_cast<char>(random.u32());
        }
        write(damaged);
        nothing_false_comes_out(lease);
    }
    EXPECT_GT(refused_, 20U);
    EXPECT_GT(damaged_, 20U);
    EXPECT_GT(good_, 20U);
}

TEST_F(SqliteFile, truncated_anywhere_gives_nothing_false) {
    const Lease lease = fill();
    const std::string good = content(path_);
    for (size_t length = 0; length < good.size(); length += length < 100 ? 7 : 509) {
        write(good.substr(0, length));
        nothing_false_comes_out(lease);
    }
    EXPECT_GT(refused_, 20U);
}

TEST_F(SqliteFile, with_a_damaged_log_gives_nothing_false) {
    const Lease lease = fill();
    const std::string file = content(path_);
    std::string log;
    {
        // A killed process leaves the log.
        Child child([&](const Child::Say& say) -> std::string {
            auto store = open();
            for (unsigned i = 0; i < 6; ++i) {
                if (!(*store)->put(lease, one(i, 100 + i)) || !(*store)->put(lease, one(i, i))) {
                    return "no";
                }
            }
            say("done");
            ::raise(SIGKILL);
            return "";
        });
        ASSERT_EQ(child.finish(), "done");
        log = content(path_.string() + "-wal");
    }
    ASSERT_GT(log.size(), 4096U);
    SeededRandom random(8);
    for (size_t at = 0; at < log.size(); at += at < 64 ? 3 : 800 + random.u32() % 300) {
        std::string damaged = log;
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.u32() % 8));
        write(file);
        std::ofstream(path_.string() + "-wal", std::ios::binary) << damaged;
        nothing_false_comes_out(lease);
    }
    EXPECT_GT(good_, 20U);
}

TEST_F(SqliteFile, damaged_while_open_is_an_error_of_the_call) {
    const Lease lease = fill();
    auto store = open();
    ASSERT_TRUE(store);
    // More than SQLite's cache holds.
    std::vector<StoredAssociation> many;
    for (unsigned i = 0; i < 4000; ++i) {
        many.push_back(stored(i, i));
        many.back().description.attachment.resize(1500);
    }
    ASSERT_TRUE((*store)->put(lease, many));
    store = open();
    const auto size = static_cast<off_t>(std::filesystem::file_size(path_));
    const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    const std::string noise(static_cast<size_t>(size), 'z');
    ASSERT_EQ(::pwrite(file, noise.data(), noise.size(), 0), size);
    ::close(file);
    const auto listing = (*store)->list("g");
    ASSERT_FALSE(listing);
    EXPECT_EQ(listing.error().code, ErrorCode::corrupt) << listing.error().message;
    EXPECT_GE((*store)->counts().alarms, 1U);
    (void)(*store)->put(lease, one(0, 50));
    EXPECT_EQ(error_of(path_).code, ErrorCode::corrupt);
}

TEST_F(SqliteFile, removed_or_replaced_while_open_takes_no_more_writes) {
    const Lease lease = fill();
    auto store = open();
    ASSERT_TRUE(store);
    std::filesystem::rename(path_, folder_ / "aside");
    const auto put = (*store)->put(lease, one(0, 50));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::io);
    EXPECT_NE(put.error().message.find("moved"), std::string::npos);
    std::filesystem::copy_file(folder_ / "aside", path_);
    EXPECT_FALSE(take_one(**store, lease, tuple(0))) << "else the copy would give it out again";
    EXPECT_FALSE((*store)->list("g"));
    EXPECT_EQ((*store)->counts().alarms, 3U);
}

TEST_F(SqliteFile, locked_by_another_process_times_out) {
    const Lease lease = fill();
    auto store =
        open_sqlite_store({.path = path_, .busy_timeout = 20ms}, ring(), random_, wall_clock_);
    ASSERT_TRUE(store);
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    const auto put = (*store)->put(lease, one(0, 1));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::timed_out) << put.error().message;
    EXPECT_TRUE((*store)->list("g")) << "readers go on";
    EXPECT_EQ((*store)->counts().unreachable, 1U);
    sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
    sqlite3_close(other);
    EXPECT_TRUE((*store)->put(lease, one(0, 1)));
}

// Fills the store until it refuses; what was acknowledged must be there, and the store usable.
std::string fill_up(RestartStore& store) {
    const auto lease = store.acquire("g", "gw-a", 10s);
    if (!lease) {
        return lease.error().message;
    }
    unsigned good = 0;
    Result<void> put;
    for (; good < 20'000; ++good) {
        put = store.put(*lease, one(good, good));
        if (!put) {
            break;
        }
    }
    if (put) {
        return "never full";
    }
    if (put.error().code != ErrorCode::resource_exhausted) {
        return "not called full: " + put.error().message;
    }
    const auto listing = store.list("g");
    if (!listing) {
        return "after full: " + listing.error().message;
    }
    if (good < 10 || listing->associations.size() != good || !listing->damaged.empty()) {
        return fmt::format("{} of {} are there", listing->associations.size(), good);
    }
    if (store.counts().full != 1 || store.counts().alarms != 1) {
        return "the counters say otherwise";
    }
    const auto taken = take_one(store, *lease, tuple(0));
    if (!taken && taken.error().code != ErrorCode::resource_exhausted) {
        return "take: " + taken.error().message;
    }
    return "";
}

TEST_F(SqliteFile, larger_than_allowed_is_full_and_nothing_is_lost) {
    EXPECT_EQ(in_child([this]() -> std::string {
                  ::signal(SIGXFSZ, SIG_IGN);
                  const rlimit limit{.rlim_cur = 300'000, .rlim_max = 300'000};
                  ::setrlimit(RLIMIT_FSIZE, &limit);
                  auto store = open();
                  return store ? fill_up(**store) : store.error().message;
              }),
              "");
    auto store = open();
    ASSERT_TRUE(store) << store.error().message;
    const auto lease = (*store)->acquire("g", "gw-a", 10s);
    EXPECT_TRUE((*store)->put(*lease, one(0, 1))) << "there is room again";
}

TEST_F(SqliteFile, on_a_full_disk_nothing_is_lost) {
    const std::string verdict = in_child([this]() -> std::string {
        if (!own_mounts() ||
            ::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=400k,mode=0700") != 0) {
            return "no namespace";
        }
        auto store = open();
        return store ? fill_up(**store) : store.error().message;
    });
    if (verdict == "no namespace") {
        GTEST_SKIP() << "mounting needs privileges";
    }
    EXPECT_EQ(verdict, "");
}

TEST_F(SqliteFile, cannot_be_made_without_any_room) {
    const std::string verdict = in_child([this]() -> std::string {
        if (!own_mounts() ||
            ::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=8k,mode=0700") != 0) {
            return "no namespace";
        }
        auto store = open();
        if (store || store.error().code != ErrorCode::resource_exhausted) {
            return store ? "made" : store.error().message;
        }
        return std::filesystem::is_empty(folder_.path()) ? "" : "something was left";
    });
    if (verdict == "no namespace") {
        GTEST_SKIP() << "mounting needs privileges";
    }
    EXPECT_EQ(verdict, "");
}

TEST_F(SqliteFile, on_a_read_only_file_system_is_refused) {
    fill();
    const std::string verdict = in_child([this]() -> std::string {
        const char* folder = folder_.path().c_str();
        if (!own_mounts() || ::mount(folder, folder, nullptr, MS_BIND, nullptr) != 0 ||
            ::mount("none", folder, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
            return "no namespace";
        }
        for (const auto& path : {path_, folder_ / "new"}) {
            const auto store = open(path);
            if (store || store.error().code != ErrorCode::permission_denied) {
                return store ? "opened" : store.error().message;
            }
        }
        return "";
    });
    if (verdict == "no namespace") {
        GTEST_SKIP() << "mounting needs privileges";
    }
    EXPECT_EQ(verdict, "");
}

}  // namespace
}  // namespace sdg::restart::test
