#include "tests/unit/restart/backend.h"

#include <sqlite3.h>

#include <fstream>
#include <iterator>

#include "control/restart/association_codec.h"
#include "control/restart/sqlite_database.h"
#include "control/restart/sqlite_store.h"
#include "tests/unit/restart/redis_server.h"
#include "tests/unit/restart/temp_folder.h"

namespace sdg::restart::test {
namespace {

std::string all_files(const std::filesystem::path& folder) {
    std::string out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) {
            std::ifstream file(entry.path(), std::ios::binary);
            out.append(std::istreambuf_iterator<char>(file), {});
        }
    }
    return out;
}

class SqliteBackend final : public Backend {
 public:
    Result<std::unique_ptr<RestartStore>> open(KeyRing ring) override {
        return open_sqlite_store({.path = path(), .busy_timeout = std::chrono::seconds(30)},
                                 std::move(ring), random, wall_clock);
    }
    void swap_rows(const std::string& group, const sctp::FourTuple& a,
                   const sctp::FourTuple& b) override {
        const std::string row_a = newest(group, a);
        const std::string row_b = newest(group, b);
        write(group, a, row_b);
        write(group, b, row_a);
    }
    void move_row(const std::string& from, const std::string& to,
                  const sctp::FourTuple& which) override {
        const EncodedTuple key = encode(which);
        auto database = *Database::open(path(), std::chrono::seconds(30));
        auto update = *Statement::prepare(
            database, "UPDATE context SET grp=?2 WHERE grp=?1 AND association=?3");
        EXPECT_TRUE(update.bind(1, std::string_view(from))
                        .bind(2, std::string_view(to))
                        .bind(3, std::span<const uint8_t>(key))
                        .run());
    }
    void damage_row(const std::string& group, const sctp::FourTuple& which) override {
        std::string row = newest(group, which);
        row.back() = static_cast<char>(row.back() ^ 1);
        write(group, which, row);
    }
    std::string everything() override { return all_files(folder_.path()); }

 private:
    [[nodiscard]] std::filesystem::path path() const { return folder_ / "store"; }
    std::string newest(const std::string& group, const sctp::FourTuple& which) {
        const EncodedTuple key = encode(which);
        auto database = *Database::open(path(), std::chrono::seconds(30));
        auto select = *Statement::prepare(database,
                                          "SELECT sealed FROM context WHERE grp=?1 AND "
                                          "association=?2 ORDER BY generation DESC LIMIT 1");
        EXPECT_TRUE(
            *select.bind(1, std::string_view(group)).bind(2, std::span<const uint8_t>(key)).step());
        const auto octets = select.octets(0);
        return {octets.begin(), octets.end()};
    }
    void write(const std::string& group, const sctp::FourTuple& which, const std::string& row) {
        const EncodedTuple key = encode(which);
        auto database = *Database::open(path(), std::chrono::seconds(30));
        auto update = *Statement::prepare(
            database,
            "UPDATE context SET sealed=?3 WHERE grp=?1 AND association=?2 AND generation="
            "(SELECT max(generation) FROM context WHERE grp=?1 AND association=?2)");
        EXPECT_TRUE(
            update.bind(1, std::string_view(group))
                .bind(2, std::span<const uint8_t>(key))
                .bind(3, std::span(reinterpret_cast<const uint8_t*>(row.data()), row.size()))
                .run());
    }

    TempFolder folder_;
};

class RedisBackend final : public Backend {
 public:
    Result<std::unique_ptr<RestartStore>> open(KeyRing ring) override {
        return open_redis_store(server_.settings(), std::move(ring), random, clock, wall_clock);
    }
    void swap_rows(const std::string& group, const sctp::FourTuple& a,
                   const sctp::FourTuple& b) override {
        const std::string row_a = server_.command({"HGET", hash(group), field(a)});
        const std::string row_b = server_.command({"HGET", hash(group), field(b)});
        (void)server_.command({"HSET", hash(group), field(a), row_b, field(b), row_a});
    }
    void move_row(const std::string& from, const std::string& to,
                  const sctp::FourTuple& which) override {
        const std::string row = server_.command({"HGET", hash(from), field(which)});
        (void)server_.command({"HSET", hash(to), field(which), row});
        (void)server_.command({"HDEL", hash(from), field(which)});
    }
    void damage_row(const std::string& group, const sctp::FourTuple& which) override {
        std::string row = server_.command({"HGET", hash(group), field(which)});
        row.back() = static_cast<char>(row.back() ^ 1);
        (void)server_.command({"HSET", hash(group), field(which), row});
    }
    std::string everything() override { return all_files(server_.folder()); }

 private:
    static std::string hash(const std::string& group) { return "sdg:contexts:" + group; }
    static std::string field(const sctp::FourTuple& which) {
        const EncodedTuple key = encode(which);
        return "c" + std::string(key.begin(), key.end());
    }
    RedisServer server_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(BackendKind kind) {
    if (kind == BackendKind::sqlite) {
        return std::make_unique<SqliteBackend>();
    }
    return std::make_unique<RedisBackend>();
}

}  // namespace sdg::restart::test
