#include "control/restart/sqlite_database.h"

#include <cerrno>
#include <utility>

namespace sdg::restart {
namespace {

ErrorCode error_code(int code, int system_error) {
    const bool no_room = system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
    switch (code & 0xff) {
        case SQLITE_FULL:
        case SQLITE_NOMEM:
            return ErrorCode::resource_exhausted;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return ErrorCode::permission_denied;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:  // lost the race for the WAL's locks too often
            return ErrorCode::timed_out;
        case SQLITE_CANTOPEN:
            return system_error == EACCES || system_error == EROFS || system_error == EPERM
                       ? ErrorCode::permission_denied
                   : no_room ? ErrorCode::resource_exhausted
                             : ErrorCode::io;
        case SQLITE_IOERR:
            // SQLite keeps no errno of a failed write: a quota, a limit, or a dying disk.
            return no_room || code == SQLITE_IOERR_WRITE ? ErrorCode::resource_exhausted
                   : code == SQLITE_IOERR_SHORT_READ     ? ErrorCode::corrupt
                                                         : ErrorCode::io;
        case SQLITE_MISUSE:
            return ErrorCode::internal;
        default:
            // NOTADB and CORRUPT; and whatever makes our own fixed statements fail: a schema that
            // is not ours any more.
            return ErrorCode::corrupt;
    }
}

std::string_view remedy(ErrorCode code) {
    switch (code) {
        case ErrorCode::resource_exhausted:
            return " (no room, a quota, or a failing disk)";
        case ErrorCode::permission_denied:
            return " (the gateway must be able to write here)";
        case ErrorCode::timed_out:
            return " (another process holds it)";
        case ErrorCode::corrupt:
            return " (move the file away; associations then restart without protection)";
        default:
            return "";
    }
}

// What read makes of the first row, or `none` when there is no row.
template <class T, class Read>
Result<T> first_row(Database& database, const char* sql, T none, Read read) {
    auto statement = Statement::prepare(database, sql);
    if (!statement) {
        return tl::unexpected(statement.error());
    }
    const auto row = statement->step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    return *row ? read(*statement) : none;
}

}  // namespace

tl::unexpected<Error> Database::error(int code) const {
    const int system_error = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
    const ErrorCode kind = error_code(code, system_error);
    return fail(kind, "restart store {}: {}{}", path_,
                handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code), remedy(kind));
}

Result<Database> Database::open(const std::filesystem::path& path,
                                std::chrono::milliseconds busy_timeout) {
    Database out;
    out.path_ = path.string();
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(
        path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
        nullptr);
    out.handle_.reset(handle);  // there is one even after most errors
    if (code != SQLITE_OK) {
        return out.error(code);
    }
    sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout.count()));
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    // A file made by somebody else must not make us run what is in its schema.
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, 1 << 20);
    return out;
}

Result<void> Database::execute(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        return error(code);
    }
    return {};
}

Result<int64_t> Database::integer(const char* sql) {
    return first_row(*this, sql, int64_t{0}, [](Statement& row) { return row.integer(0); });
}

Result<std::string> Database::text(const char* sql) {
    return first_row(*this, sql, std::string(),
                     [](Statement& row) { return std::string(row.text(0)); });
}

Result<Statement> Statement::prepare(Database& database, std::string_view sql) {
    sqlite3_stmt* handle = nullptr;
    const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                        &handle, nullptr);
    if (code != SQLITE_OK) {
        return database.error(code);
    }
    return Statement(database, handle);
}

// A parameter that cannot be bound stays NULL, which every column refuses.
Statement& Statement::bind(int parameter, std::string_view text) {
    sqlite3_bind_text(handle_.get(), parameter, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
    return *this;
}

Statement& Statement::bind(int parameter, std::span<const uint8_t> octets) {
    sqlite3_bind_blob(handle_.get(), parameter, octets.data(), static_cast<int>(octets.size()),
                      SQLITE_STATIC);
    return *this;
}

Statement& Statement::bind(int parameter, int64_t value) {
    sqlite3_bind_int64(handle_.get(), parameter, value);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code == SQLITE_DONE) {
        return false;
    }
    return database_->error(code);
}

Result<void> Statement::run() {
    auto row = step();
    reset();
    return row.map([](bool) {});
}

std::string_view Statement::text(int column) const {
    if (sqlite3_column_type(handle_.get(), column) != SQLITE_TEXT) {
        return {};
    }
    const auto* text = sqlite3_column_text(handle_.get(), column);
    if (text == nullptr) {
        return {};
    }
    return {reinterpret_cast<const char*>(text),
            static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::span<const uint8_t> Statement::octets(int column) const {
    if (sqlite3_column_type(handle_.get(), column) != SQLITE_BLOB) {
        return {};
    }
    const auto* octets = static_cast<const uint8_t*>(sqlite3_column_blob(handle_.get(), column));
    return octets == nullptr
               ? std::span<const uint8_t>{}
               : std::span{octets,
                           static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

int64_t Statement::integer(int column) const {
    return sqlite3_column_type(handle_.get(), column) == SQLITE_INTEGER
               ? sqlite3_column_int64(handle_.get(), column)
               : 0;
}

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
    // In WAL mode SQLite would go on writing to a file nobody finds again.
    int moved = 0;
    sqlite3_file_control(database.handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved != 0) {
        return fail(ErrorCode::io,
                    "restart store {}: was moved or removed while in use (open it again)",
                    database.path());
    }
    auto begun = database.execute(kind == Kind::immediate ? "BEGIN IMMEDIATE" : "BEGIN");
    if (!begun) {
        return tl::unexpected(begun.error());
    }
    return Transaction(database);
}

Transaction::~Transaction() {
    // Some errors have rolled back already.
    if (database_ != nullptr && database_->in_transaction()) {
        (void)database_->execute("ROLLBACK");
    }
}

Result<void> Transaction::commit() {
    return database_->execute("COMMIT");
}

}  // namespace sdg::restart
