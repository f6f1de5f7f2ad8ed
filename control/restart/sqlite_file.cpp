#include "control/restart/sqlite_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "foundation/descriptor.h"

namespace sdg::restart {
namespace {

constexpr const char* kSchema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE lease(grp TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL,"
    "  epoch INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE context(grp TEXT NOT NULL, association BLOB NOT NULL,"
    "  generation INTEGER NOT NULL, sealed BLOB NOT NULL,"
    "  PRIMARY KEY(grp, association, generation)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE counter(name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "INSERT INTO counter VALUES('generation', 0);"
    "PRAGMA application_id=1396986451;"
    "PRAGMA user_version=1;"
    "COMMIT;";
static_assert(kApplicationId == 1396986451 && kUserVersion == 1);

ErrorCode code_of(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
            return ErrorCode::not_found;
        case EACCES:
        case EPERM:
        case EROFS:
            return ErrorCode::permission_denied;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return ErrorCode::resource_exhausted;
        default:
            return ErrorCode::io;
    }
}

tl::unexpected<Error> system_failure(const std::filesystem::path& path, const char* what) {
    const int error = errno;
    return fail(code_of(error), "restart store {}: {}: {}", path.string(), what,
                std::strerror(error));
}

Result<void> check_owner(const std::filesystem::path& path, const struct stat& status,
                         mode_t not_for_others, const char* remedy) {
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
        return fail(ErrorCode::permission_denied,
                    "restart store {}: belongs to user {}, expected user {} or root", path.string(),
                    status.st_uid, ::geteuid());
    }
    if ((status.st_mode & not_for_others) != 0) {
        return fail(ErrorCode::permission_denied, "restart store {}: mode {:04o} is too open ({})",
                    path.string(), status.st_mode & 07777, remedy);
    }
    return {};
}

Result<std::filesystem::path> check_directory(const std::filesystem::path& path) {
    std::error_code error;
    const auto directory =
        std::filesystem::canonical(path.has_parent_path() ? path.parent_path() : ".", error);
    if (error || path.filename().empty()) {
        return fail(ErrorCode::not_found, "restart store {}: {}", path.string(),
                    error ? "its directory: " + error.message() : "is no file name");
    }
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) {
        return system_failure(directory, "cannot be looked at");
    }
    if (!S_ISDIR(status.st_mode)) {
        return fail(ErrorCode::not_found, "restart store {}: {} is no directory", path.string(),
                    directory.string());
    }
    // Asked here because SQLite only says that it "cannot open".
    if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        return system_failure(directory, "cannot be written to");
    }
    return check_owner(directory, status, S_IWGRP | S_IWOTH, "chmod go-w").map([&] {
        return directory / path.filename();
    });
}

Result<void> write_schema(const std::filesystem::path& path,
                          std::chrono::milliseconds busy_timeout) {
    auto database = Database::open(path, busy_timeout);
    if (!database) {
        return tl::unexpected(database.error());
    }
    return database->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;").and_then([&] {
        return database->execute(kSchema);
    });
    // Closing writes the WAL back and removes it.
}

Result<void> sync_path(const std::filesystem::path& path, int flags) {
    const Descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
    if (file.get() < 0 || ::fsync(file.get()) != 0) {
        return system_failure(path, "cannot be flushed");
    }
    return {};
}

Result<void> create(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout) {
    std::string name = path.string() + ".new-XXXXXX";
    const int file = ::mkostemp(name.data(), O_CLOEXEC);  // mode 0600
    if (file < 0) {
        return system_failure(path, "cannot be made");
    }
    ::close(file);
    auto made = write_schema(name, busy_timeout)
                    .and_then([&] { return sync_path(name, O_RDWR); })
                    .and_then([&]() -> Result<void> {
                        // Somebody else may have been faster; theirs is as good.
                        if (::link(name.c_str(), path.c_str()) != 0 && errno != EEXIST) {
                            return system_failure(path, "cannot be made");
                        }
                        return {};
                    });
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        ::unlink((name + suffix).c_str());
    }
    return made.and_then([&] { return sync_path(path.parent_path(), O_RDONLY | O_DIRECTORY); });
}

Result<void> check_file(const std::filesystem::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return system_failure(path, "cannot be looked at");
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(ErrorCode::permission_denied, "restart store {}: is not a regular file",
                    path.string());
    }
    if (status.st_size == 0) {
        return fail(ErrorCode::corrupt,
                    "restart store {}: is empty (was it truncated? remove it to start anew)",
                    path.string());
    }
    if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0) {
        return system_failure(path, "cannot be written to");
    }
    return check_owner(path, status, S_IRWXG | S_IRWXO, "chmod 600");
}

Result<void> check_is_ours(Database& database) {
    const auto application = database.integer("PRAGMA application_id");
    if (!application) {
        return tl::unexpected(application.error());
    }
    if (*application != kApplicationId) {
        return fail(ErrorCode::corrupt,
                    "restart store {}: is a database of another program (application id {:#x})",
                    database.path(), static_cast<uint32_t>(*application));
    }
    const auto version = database.integer("PRAGMA user_version");
    if (!version) {
        return tl::unexpected(version.error());
    }
    if (*version != kUserVersion) {
        return fail(ErrorCode::invalid_argument,
                    "restart store {}: has version {}, this program knows {}", database.path(),
                    *version, kUserVersion);
    }
    return {};
}

Result<void> set_up(Database& database) {
    if (database.is_read_only()) {
        return fail(ErrorCode::permission_denied, "restart store {}: is read-only",
                    database.path());
    }
    const auto mode = database.text("PRAGMA journal_mode=WAL");
    if (!mode) {
        return tl::unexpected(mode.error());
    }
    if (*mode != "wal") {
        return fail(ErrorCode::io, "restart store {}: this file system cannot do WAL",
                    database.path());
    }
    return database
        .execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cell_size_check=ON;")
        .and_then([&]() -> Result<void> {
            const auto verdict = database.text("PRAGMA quick_check(1)");
            if (!verdict) {
                return tl::unexpected(verdict.error());
            }
            if (*verdict != "ok") {
                return fail(ErrorCode::corrupt,
                            "restart store {}: is damaged: {} (move the file away)",
                            database.path(), *verdict);
            }
            return {};
        });
}

}  // namespace

Result<Database> open_store_file(const std::filesystem::path& path,
                                 std::chrono::milliseconds busy_timeout) {
    const auto real = check_directory(path);
    if (!real) {
        return tl::unexpected(real.error());
    }
    struct stat status {};
    if (::lstat(real->c_str(), &status) != 0 && errno == ENOENT) {
        if (auto made = create(*real, busy_timeout); !made) {
            return tl::unexpected(made.error());
        }
    }
    if (auto checked = check_file(*real); !checked) {
        return tl::unexpected(checked.error());
    }
    auto database = Database::open(*real, busy_timeout);
    if (!database) {
        return database;
    }
    if (auto ready = check_is_ours(*database).and_then([&] { return set_up(*database); }); !ready) {
        return tl::unexpected(ready.error());
    }
    return database;
}

}  // namespace sdg::restart
