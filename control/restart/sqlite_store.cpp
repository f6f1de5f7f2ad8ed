#include "control/restart/sqlite_store.h"

#include <algorithm>
#include <utility>

#include "control/restart/association_codec.h"
#include "control/restart/sealed_row.h"
#include "control/restart/sqlite_file.h"

namespace sdg::restart {
namespace {

using Kind = Transaction::Kind;
using Row = std::vector<uint8_t>;

struct StoredRow {
    int64_t generation = 0;
    Row sealed;
};

class SqliteStore final : public RestartStore {
 public:
    SqliteStore(Database database, KeyRing ring, Random& random, const WallClock& wall_clock)
        : RestartStore(std::move(ring), random, wall_clock), database_(std::move(database)) {}

    // permission_denied, naming the keys, unless the ring has every key that is in use.
    Result<void> check_keys();

 private:
    Result<Lease> do_acquire(std::string_view group, std::string_view owner, WallTime now,
                             WallTime expires, AcquireMode mode) override;
    Result<void> do_renew(const Lease& lease, WallTime expires) override;
    Result<void> do_put(const Lease& lease,
                        std::span<const StoredAssociation> associations) override;
    Result<void> do_drop_previous(const Lease& lease,
                                  std::span<const sctp::FourTuple> tuples) override;
    Result<void> do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) override;
    Result<std::vector<Result<TakenAssociation>>> do_take(
        const Lease& lease, std::span<const sctp::FourTuple> tuples) override;
    Result<Listing> do_list(std::string_view group) override;
    Result<size_t> do_rotate(const KeyRing& ring) override;

    // A write: body under the lease, in one transaction.
    template <class Body>
    Result<void> write(const Lease& lease, Body body);
    // A write: sql, of group and association, for each of them.
    Result<void> erase_each(std::string_view sql, const Lease& lease,
                            std::span<const sctp::FourTuple> tuples);
    Result<void> check_lease(const Lease& lease);
    Result<int64_t> reserve_generations(size_t count);
    // Newest first.
    static Result<std::vector<StoredRow>> rows_of(Statement& select, std::string_view group,
                                                  const EncodedTuple& tuple);
    Result<void> put_one(Statement& select, Statement& erase, Statement& insert, const Lease& lease,
                         const StoredAssociation& association, int64_t generation);

    Database database_;
};

constexpr const char* kSelectRows =
    "SELECT generation, sealed FROM context WHERE grp=?1 AND association=?2 "
    "ORDER BY generation DESC";
constexpr const char* kDeleteRow =
    "DELETE FROM context WHERE grp=?1 AND association=?2 AND generation=?3";
constexpr const char* kDeleteAll = "DELETE FROM context WHERE grp=?1 AND association=?2";
constexpr const char* kInsertRow = "INSERT INTO context VALUES(?1, ?2, ?3, ?4)";

// The database's integers are signed; epochs and generations never get there.
int64_t as_column(uint64_t value) {
    return static_cast<int64_t>(value);
}

template <class Body>
Result<void> SqliteStore::write(const Lease& lease, Body body) {
    auto transaction = Transaction::begin(database_, Kind::immediate);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    return check_lease(lease).and_then(body).and_then([&] { return transaction->commit(); });
}

Result<void> SqliteStore::check_lease(const Lease& lease) {
    auto select = Statement::prepare(database_, "SELECT owner, epoch FROM lease WHERE grp=?1");
    if (!select) {
        return tl::unexpected(select.error());
    }
    const auto row = select->bind(1, lease.group).step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    if (!*row) {
        return fenced(lease, "", 0);
    }
    if (select->text(0) != lease.owner || select->integer(1) != as_column(lease.epoch)) {
        return fenced(lease, select->text(0), static_cast<uint64_t>(select->integer(1)));
    }
    return {};
}

Result<Lease> SqliteStore::do_acquire(std::string_view group, std::string_view owner, WallTime now,
                                      WallTime expires, AcquireMode mode) {
    auto transaction = Transaction::begin(database_, Kind::immediate);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    auto select =
        Statement::prepare(database_, "SELECT owner, epoch, expires FROM lease WHERE grp=?1");
    auto replace =
        Statement::prepare(database_, "INSERT OR REPLACE INTO lease VALUES(?1, ?2, ?3, ?4)");
    if (!select || !replace) {
        return tl::unexpected(select ? replace.error() : select.error());
    }
    const auto row = select->bind(1, group).step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    int64_t epoch = 0;
    if (*row) {
        const WallTime end(select->integer(2));
        if (mode == AcquireMode::if_free && end > now && select->text(0) != owner) {
            return held(group, select->text(0), now, end);
        }
        epoch = select->integer(1);
    }
    select->reset();
    return replace->bind(1, group)
        .bind(2, owner)
        .bind(3, epoch + 1)
        .bind(4, expires.count())
        .run()
        .and_then([&] { return transaction->commit(); })
        .map([&] {
            return Lease{std::string(group), std::string(owner), static_cast<uint64_t>(epoch + 1),
                         expires};
        });
}

Result<void> SqliteStore::do_renew(const Lease& lease, WallTime expires) {
    return write(lease, [&]() -> Result<void> {
        auto update =
            Statement::prepare(database_, "UPDATE lease SET expires=?2, owner=?3 WHERE grp=?1");
        if (!update) {
            return tl::unexpected(update.error());
        }
        // Without an owner nobody matches the lease any more, not even its last holder.
        const bool released = expires == WallTime(0);
        return update->bind(1, lease.group)
            .bind(2, expires.count())
            .bind(3, std::string_view(released ? "" : lease.owner))
            .run();
    });
}

Result<int64_t> SqliteStore::reserve_generations(size_t count) {
    auto update = Statement::prepare(
        database_, "UPDATE counter SET value=value+?1 WHERE name='generation' RETURNING value");
    if (!update) {
        return tl::unexpected(update.error());
    }
    const auto row = update->bind(1, static_cast<int64_t>(count)).step();
    if (!row) {
        return tl::unexpected(row.error());
    }
    if (!*row) {
        return fail(ErrorCode::corrupt, "restart store {}: has no generation counter",
                    database_.path());
    }
    return update->integer(0) - static_cast<int64_t>(count) + 1;
}

Result<std::vector<StoredRow>> SqliteStore::rows_of(Statement& select, std::string_view group,
                                                    const EncodedTuple& tuple) {
    std::vector<StoredRow> out;
    select.bind(1, group).bind(2, std::span<const uint8_t>(tuple));
    for (;;) {
        const auto row = select.step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            break;
        }
        const auto sealed = select.octets(1);
        out.push_back({select.integer(0), Row(sealed.begin(), sealed.end())});
    }
    select.reset();
    return out;
}

Result<void> SqliteStore::put_one(Statement& select, Statement& erase, Statement& insert,
                                  const Lease& lease, const StoredAssociation& association,
                                  int64_t generation) {
    const sctp::FourTuple& tuple = association.description.tuple;
    const EncodedTuple key = encode(tuple);
    const auto sealed = seal_row(ring().active(), {lease.group, tuple},
                                 {.generation = static_cast<uint64_t>(generation),
                                  .lease_epoch = lease.epoch,
                                  .key_id = {},
                                  .mark = {}},
                                 association.description, association.context, random());
    if (!sealed) {
        return tl::unexpected(sealed.error());
    }
    const auto rows = rows_of(select, lease.group, key);
    if (!rows) {
        return tl::unexpected(rows.error());
    }
    bool has_previous = false;
    for (const StoredRow& row : *rows) {
        const auto header = parse_row_header(row.sealed);
        const SealingKey* sealing = header ? ring().find(header->key_id) : nullptr;
        const bool same = sealing != nullptr && header->mark == sealing->mark(association.context);
        if (!same && !has_previous) {
            has_previous = true;
            continue;
        }
        auto erased = erase.bind(1, lease.group)
                          .bind(2, std::span<const uint8_t>(key))
                          .bind(3, row.generation)
                          .run();
        if (!erased) {
            return erased;
        }
    }
    return insert.bind(1, lease.group)
        .bind(2, std::span<const uint8_t>(key))
        .bind(3, generation)
        .bind(4, std::span<const uint8_t>(*sealed))
        .run();
}

Result<void> SqliteStore::do_put(const Lease& lease,
                                 std::span<const StoredAssociation> associations) {
    return write(lease, [&]() -> Result<void> {
        auto generation = reserve_generations(associations.size());
        auto select = Statement::prepare(database_, kSelectRows);
        auto erase = Statement::prepare(database_, kDeleteRow);
        auto insert = Statement::prepare(database_, kInsertRow);
        if (!generation) {
            return tl::unexpected(generation.error());
        }
        if (!select || !erase || !insert) {
            return fail(ErrorCode::corrupt, "restart store {}: its tables are not ours",
                        database_.path());
        }
        for (const StoredAssociation& one : associations) {
            if (auto put = put_one(*select, *erase, *insert, lease, one, (*generation)++); !put) {
                return put;
            }
        }
        return {};
    });
}

Result<void> SqliteStore::erase_each(std::string_view sql, const Lease& lease,
                                     std::span<const sctp::FourTuple> tuples) {
    return write(lease, [&]() -> Result<void> {
        auto erase = Statement::prepare(database_, sql);
        if (!erase) {
            return tl::unexpected(erase.error());
        }
        for (const sctp::FourTuple& tuple : tuples) {
            const EncodedTuple key = encode(tuple);
            auto erased = erase->bind(1, lease.group).bind(2, std::span<const uint8_t>(key)).run();
            if (!erased) {
                return erased;
            }
        }
        return {};
    });
}

Result<void> SqliteStore::do_drop_previous(const Lease& lease,
                                           std::span<const sctp::FourTuple> tuples) {
    return erase_each(
        "DELETE FROM context WHERE grp=?1 AND association=?2 AND generation<"
        "(SELECT max(generation) FROM context WHERE grp=?1 AND association=?2)",
        lease, tuples);
}

Result<void> SqliteStore::do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) {
    return erase_each(kDeleteAll, lease, tuples);
}

Result<std::vector<Result<TakenAssociation>>> SqliteStore::do_take(
    const Lease& lease, std::span<const sctp::FourTuple> tuples) {
    std::vector<Result<TakenAssociation>> out;
    // What was opened leaves this function only after the commit that deletes it.
    auto deleted = write(lease, [&]() -> Result<void> {
        auto select = Statement::prepare(database_, kSelectRows);
        auto erase = Statement::prepare(database_, kDeleteAll);
        if (!select || !erase) {
            return tl::unexpected(select ? erase.error() : select.error());
        }
        for (const sctp::FourTuple& tuple : tuples) {
            const EncodedTuple key = encode(tuple);
            const auto rows = rows_of(*select, lease.group, key);
            if (!rows) {
                return tl::unexpected(rows.error());
            }
            const std::vector<std::span<const uint8_t>> newest_first = [&] {
                std::vector<std::span<const uint8_t>> spans;
                for (const StoredRow& row : *rows) {
                    spans.emplace_back(row.sealed);
                }
                return spans;
            }();
            out.push_back(open_all(lease.group, tuple, newest_first));
            if (!out.back()) {
                continue;
            }
            auto erased = erase->bind(1, lease.group).bind(2, std::span<const uint8_t>(key)).run();
            if (!erased) {
                return erased;
            }
        }
        return {};
    });
    if (!deleted) {
        return tl::unexpected(deleted.error());
    }
    return out;
}

Result<Listing> SqliteStore::do_list(std::string_view group) {
    auto transaction = Transaction::begin(database_, Kind::read);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    auto select = Statement::prepare(database_,
                                     "SELECT association, sealed FROM context WHERE grp=?1 "
                                     "ORDER BY association, generation DESC");
    if (!select) {
        return tl::unexpected(select.error());
    }
    select->bind(1, group);
    Listing listing;
    Row association;
    std::vector<Row> rows;
    const auto flush = [&] {
        if (!rows.empty()) {
            const std::vector<std::span<const uint8_t>> spans(rows.begin(), rows.end());
            list_one(group, association, spans, listing);
            rows.clear();
        }
    };
    for (;;) {
        const auto row = select->step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            break;
        }
        const auto key = select->octets(0);
        if (!std::equal(key.begin(), key.end(), association.begin(), association.end())) {
            flush();
            association.assign(key.begin(), key.end());
        }
        const auto sealed = select->octets(1);
        rows.emplace_back(sealed.begin(), sealed.end());
    }
    flush();
    return listing;
}

Result<size_t> SqliteStore::do_rotate(const KeyRing& ring) {
    struct Anew {
        std::string group;
        Row association;
        int64_t generation;
        Row sealed;
    };
    auto transaction = Transaction::begin(database_, Kind::immediate);
    if (!transaction) {
        return tl::unexpected(transaction.error());
    }
    auto select =
        Statement::prepare(database_, "SELECT grp, association, generation, sealed FROM context");
    auto update = Statement::prepare(
        database_,
        "UPDATE context SET sealed=?4 WHERE grp=?1 AND association=?2 AND generation=?3");
    if (!select || !update) {
        return tl::unexpected(select ? update.error() : select.error());
    }
    std::vector<Anew> anew;
    for (;;) {
        const auto row = select->step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            break;
        }
        const auto header = parse_row_header(select->octets(3));
        if (header && header->key_id == ring.active().id()) {
            continue;
        }
        const auto tuple = decode_tuple(select->octets(1));
        if (!tuple) {
            return fail(ErrorCode::corrupt, "restart store {}: a row without a valid association",
                        database_.path());
        }
        auto sealed = reseal_row(ring, {select->text(0), *tuple}, select->octets(3), random());
        if (!sealed) {
            return tl::unexpected(sealed.error());
        }
        const auto key = select->octets(1);
        anew.push_back({std::string(select->text(0)), Row(key.begin(), key.end()),
                        select->integer(2), std::move(*sealed)});
    }
    select->reset();
    for (const Anew& one : anew) {
        auto updated = update->bind(1, one.group)
                           .bind(2, std::span<const uint8_t>(one.association))
                           .bind(3, one.generation)
                           .bind(4, std::span<const uint8_t>(one.sealed))
                           .run();
        if (!updated) {
            return tl::unexpected(updated.error());
        }
    }
    if (auto committed = transaction->commit(); !committed) {
        return tl::unexpected(committed.error());
    }
    // The old ciphertext goes from the WAL, too, unless another process is reading just now.
    (void)database_.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    return anew.size();
}

Result<void> SqliteStore::check_keys() {
    auto select = Statement::prepare(database_, "SELECT sealed FROM context");
    if (!select) {
        return tl::unexpected(select.error());
    }
    for (;;) {
        const auto row = select->step();
        if (!row) {
            return tl::unexpected(row.error());
        }
        if (!*row) {
            return {};
        }
        const auto header = parse_row_header(select->octets(0));
        if (header && ring().find(header->key_id) == nullptr) {
            return fail(ErrorCode::permission_denied,
                        "restart store {}: has rows sealed under key-encryption key {}, "
                        "configured: {}",
                        database_.path(), to_string(header->key_id), ring().ids());
        }
    }
}

}  // namespace

Result<std::unique_ptr<RestartStore>> open_sqlite_store(const SqliteSettings& settings,
                                                        KeyRing ring, Random& random,
                                                        const WallClock& wall_clock) {
    auto database = open_store_file(settings.path, settings.busy_timeout);
    if (!database) {
        return tl::unexpected(database.error());
    }
    auto store =
        std::make_unique<SqliteStore>(std::move(*database), std::move(ring), random, wall_clock);
    return store->check_keys().map(
        [&]() -> std::unique_ptr<RestartStore> { return std::move(store); });
}

}  // namespace sdg::restart
