// SQLite as this house uses it: RAII, Results, no exceptions. Internal to SqliteStore.
//
// One thread at a time. Error codes: permission_denied (read-only, rights), resource_exhausted
// (disk, quota, memory), timed_out (locked by another process), corrupt (damaged, not a database,
// not our tables), io.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "foundation/result.h"

namespace sdg::restart {

class Database {
 public:
    // An existing file, not through a symbolic link, read and write. Changes nothing.
    [[nodiscard]] static Result<Database> open(const std::filesystem::path& path,
                                               std::chrono::milliseconds busy_timeout);

    // Statements without parameters.
    [[nodiscard]] Result<void> execute(const char* sql);
    // The first column of the first row; empty text when there is none.
    [[nodiscard]] Result<int64_t> integer(const char* sql);
    [[nodiscard]] Result<std::string> text(const char* sql);

    [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
    [[nodiscard]] bool is_read_only() const {
        return sqlite3_db_readonly(handle_.get(), "main") == 1;
    }
    [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] tl::unexpected<Error> error(int code) const;

 private:
    struct Close {
        void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
    std::string path_;
};

// A prepared statement. Parameters count from 1, columns from 0; what is bound must live until the
// statement is reset or gone.
class Statement {
 public:
    [[nodiscard]] static Result<Statement> prepare(Database& database, std::string_view sql);

    Statement& bind(int parameter, std::string_view text);
    Statement& bind(int parameter, std::span<const uint8_t> octets);
    Statement& bind(int parameter, int64_t value);
    // True when there is a row to read.
    [[nodiscard]] Result<bool> step();
    // For statements without rows; ready to be bound again.
    [[nodiscard]] Result<void> run();
    void reset() { sqlite3_reset(handle_.get()); }

    // Valid until the next step, run or reset. Empty or zero when the type is another.
    [[nodiscard]] std::string_view text(int column) const;
    [[nodiscard]] std::span<const uint8_t> octets(int column) const;
    [[nodiscard]] int64_t integer(int column) const;

 private:
    struct Finalize {
        void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
    };
    Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}

    Database* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// Rolls back unless committed.
class Transaction {
 public:
    // immediate: takes the write lock at once, so that what was read is still true when it writes.
    enum class Kind : uint8_t { read, immediate };
    [[nodiscard]] static Result<Transaction> begin(Database& database, Kind kind);
    ~Transaction();
    Transaction(Transaction&& other) noexcept
        : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    // Durable on success. On an error nothing is known.
    [[nodiscard]] Result<void> commit();

 private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace sdg::restart
