#include "control/restart/redis_store.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "control/restart/association_codec.h"
#include "control/restart/redis_connection.h"
#include "control/restart/redis_scripts.h"
#include "control/restart/sealed_row.h"

namespace sdg::restart {
namespace {

constexpr std::string_view kFormat = "sdg restart store 1";
constexpr size_t kKeyIdAt = 17;  // octets into a row; the mark follows
constexpr int kRotationAttempts = 5;
constexpr char kCurrent = 'c';
constexpr char kPrevious = 'p';

using Words = std::vector<std::string>;

std::span<const uint8_t> octets_of(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string text_of_octets(std::span<const uint8_t> octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

std::string field_of(char which, const sctp::FourTuple& tuple) {
    return which + text_of_octets(encode(tuple));
}

// Zero for what is no number, which no lease and no generation has.
uint64_t number_of(std::string_view text) {
    uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool is_lost(const Error& error) {
    return error.code == ErrorCode::unavailable || error.code == ErrorCode::timed_out;
}

std::vector<std::span<const uint8_t>> newest_first(std::string_view current,
                                                   std::string_view previous) {
    std::vector<std::span<const uint8_t>> out;
    for (const std::string_view row : {current, previous}) {
        if (!row.empty()) {
            out.push_back(octets_of(row));
        }
    }
    return out;
}

class RedisStore final : public RestartStore {
 public:
    RedisStore(RedisSettings settings, KeyRing ring, Random& random, const Clock& clock,
               const WallClock& wall_clock)
        : RestartStore(std::move(ring), random, wall_clock),
          connection_(std::move(settings), clock) {}

    Result<void> open();

 private:
    // Whom a connection has joined a group as.
    struct Joined {
        std::string owner;
        uint64_t epoch = 0;
        std::string session;
        uint64_t connection = 0;
    };
    struct StoredField {
        std::string field;
        std::string row;
    };

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

    [[nodiscard]] std::string key(std::string_view what) const {
        return connection_.settings().prefix + ":" + std::string(what);
    }
    [[nodiscard]] std::string lease_key(std::string_view group) const {
        return key("lease:") + std::string(group);
    }
    [[nodiscard]] std::string contexts_key(std::string_view group) const {
        return key("contexts:") + std::string(group);
    }

    Result<Reply> run(const Words& words);
    Result<Reply> eval(const char* script, const Words& keys, const Words& arguments);
    // For what changes nothing: once more over a new connection.
    Result<Reply> read(const Words& words);
    Result<std::string> session_of(const Lease& lease);
    // A script that begins with the guard; arguments follow owner, epoch, session.
    Result<Reply> guarded(const char* script, const Lease& lease, const std::string& third_key,
                          const Words& arguments);
    Result<void> wait_for_replicas();
    Result<std::vector<StoredField>> fields_of(std::string_view group);
    Result<std::vector<std::string>> groups();
    Result<void> check_keys();
    Result<size_t> rotate_once(const KeyRing& ring, bool& changed);

    RedisConnection connection_;
    std::map<std::string, Joined, std::less<>> joined_;
};

tl::unexpected<Error> strange(std::string_view what) {
    return fail(ErrorCode::corrupt, "redis: {} is not what this program has written", what);
}

Result<Reply> RedisStore::run(const Words& words) {
    if (auto ready = connection_.ensure(); !ready) {
        return tl::unexpected(ready.error());
    }
    const std::vector<std::string_view> views(words.begin(), words.end());
    return connection_.command(views);
}

Result<Reply> RedisStore::eval(const char* script, const Words& keys, const Words& arguments) {
    Words words = {"EVAL", script, std::to_string(keys.size())};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words);
}

Result<Reply> RedisStore::read(const Words& words) {
    auto reply = run(words);
    return !reply && is_lost(reply.error()) ? run(words) : std::move(reply);
}

Result<std::string> RedisStore::session_of(const Lease& lease) {
    if (auto ready = connection_.ensure(); !ready) {
        return tl::unexpected(ready.error());
    }
    const auto known = joined_.find(lease.group);
    if (known != joined_.end() && known->second.owner == lease.owner &&
        known->second.epoch == lease.epoch && known->second.connection == connection_.number()) {
        return known->second.session;
    }
    const auto reply = eval(script::kJoin, {key("meta"), lease_key(lease.group)},
                            {lease.owner, std::to_string(lease.epoch)});
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    const auto elements = elements_of(**reply);
    if (elements.size() == 3 && text_of(*elements[0]) == "fenced") {
        return fenced(lease, text_of(*elements[1]), number_of(text_of(*elements[2])));
    }
    if (elements.size() != 2) {
        return strange("the lease");
    }
    std::string session(text_of(*elements[1]));
    joined_[lease.group] = {lease.owner, lease.epoch, session, connection_.number()};
    return session;
}

Result<Reply> RedisStore::guarded(const char* script, const Lease& lease,
                                  const std::string& third_key, const Words& arguments) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto session = session_of(lease);
        if (!session) {
            return tl::unexpected(session.error());
        }
        Words all = {lease.owner, std::to_string(lease.epoch), *session};
        all.insert(all.end(), arguments.begin(), arguments.end());
        auto reply = eval(script, {key("meta"), lease_key(lease.group), third_key}, all);
        if (!reply) {
            return reply;
        }
        const auto elements = elements_of(**reply);
        const std::string_view verdict = elements.empty() ? "" : text_of(*elements[0]);
        if (verdict == "ok") {
            return reply;
        }
        joined_.erase(lease.group);
        if (verdict == "fenced" && elements.size() == 3) {
            return fenced(lease, text_of(*elements[1]), number_of(text_of(*elements[2])));
        }
    }
    return fail(ErrorCode::unavailable,
                "group {}: another connection of {} writes at the same time", lease.group,
                lease.owner);
}

Result<void> RedisStore::wait_for_replicas() {
    const RedisSettings& settings = connection_.settings();
    if (settings.wait_replicas == 0) {
        return {};
    }
    const auto reply = run({"WAIT", std::to_string(settings.wait_replicas),
                            std::to_string(settings.wait_timeout.count())});
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    const long long confirmed = (*reply)->type == REDIS_REPLY_INTEGER ? (*reply)->integer : 0;
    if (confirmed < static_cast<long long>(settings.wait_replicas)) {
        return fail(ErrorCode::timed_out, "redis: {} of {} replicas have confirmed in {} ms",
                    confirmed, settings.wait_replicas, settings.wait_timeout.count());
    }
    return {};
}

Result<Lease> RedisStore::do_acquire(std::string_view group, std::string_view owner, WallTime now,
                                     WallTime expires, AcquireMode mode) {
    const auto reply =
        eval(script::kAcquire, {key("meta"), lease_key(group), key("groups")},
             {std::string(owner), std::to_string(now.count()), std::to_string(expires.count()),
              mode == AcquireMode::force ? "1" : "0", std::string(group)});
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    const auto elements = elements_of(**reply);
    if (elements.size() != 3) {
        return strange("the lease");
    }
    if (text_of(*elements[0]) == "held") {
        const WallTime end(static_cast<int64_t>(number_of(text_of(*elements[2]))));
        return held(group, text_of(*elements[1]), now, end);
    }
    Lease lease{std::string(group), std::string(owner), number_of(text_of(*elements[1])), expires};
    joined_[lease.group] = {lease.owner, lease.epoch, std::string(text_of(*elements[2])),
                            connection_.number()};
    return wait_for_replicas().map([&] { return lease; });
}

Result<void> RedisStore::do_renew(const Lease& lease, WallTime expires) {
    return guarded(script::kRenew, lease, key("groups"), {std::to_string(expires.count())})
        .and_then([this](const Reply&) { return wait_for_replicas(); });
}

Result<void> RedisStore::do_put(const Lease& lease,
                                std::span<const StoredAssociation> associations) {
    const auto reserved =
        guarded(script::kReserve, lease, key("generation"), {std::to_string(associations.size())});
    if (!reserved) {
        return tl::unexpected(reserved.error());
    }
    const auto elements = elements_of(**reserved);
    const uint64_t last = elements.size() == 2 ? number_of(text_of(*elements[1])) : 0;
    if (last < associations.size()) {
        return strange("the generation counter");
    }
    uint64_t generation = last - associations.size();
    Words arguments = {std::to_string(kKeyIdAt + 1)};
    for (const StoredAssociation& one : associations) {
        const auto row = seal_row(
            ring().active(), {lease.group, one.description.tuple},
            {.generation = ++generation, .lease_epoch = lease.epoch, .key_id = {}, .mark = {}},
            one.description, one.context, random());
        if (!row) {
            return tl::unexpected(row.error());
        }
        arguments.push_back(text_of_octets(encode(one.description.tuple)));
        arguments.push_back(text_of_octets(*row));
    }
    return guarded(script::kPut, lease, contexts_key(lease.group), arguments)
        .and_then([this](const Reply&) { return wait_for_replicas(); });
}

Result<void> RedisStore::do_drop_previous(const Lease& lease,
                                          std::span<const sctp::FourTuple> tuples) {
    Words fields;
    for (const sctp::FourTuple& tuple : tuples) {
        fields.push_back(field_of(kPrevious, tuple));
    }
    return guarded(script::kDelete, lease, contexts_key(lease.group), fields)
        .and_then([this](const Reply&) { return wait_for_replicas(); });
}

Result<void> RedisStore::do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) {
    Words fields;
    for (const sctp::FourTuple& tuple : tuples) {
        fields.push_back(field_of(kCurrent, tuple));
        fields.push_back(field_of(kPrevious, tuple));
    }
    return guarded(script::kDelete, lease, contexts_key(lease.group), fields)
        .and_then([this](const Reply&) { return wait_for_replicas(); });
}

Result<std::vector<Result<TakenAssociation>>> RedisStore::do_take(
    const Lease& lease, std::span<const sctp::FourTuple> tuples) {
    std::vector<Result<TakenAssociation>> out;
    Words words = {"HMGET", contexts_key(lease.group)};
    for (const sctp::FourTuple& tuple : tuples) {
        words.push_back(field_of(kCurrent, tuple));
        words.push_back(field_of(kPrevious, tuple));
    }
    Words arguments;
    if (!tuples.empty()) {
        const auto reply = read(words);
        if (!reply) {
            return tl::unexpected(reply.error());
        }
        const auto rows = elements_of(**reply);
        if (rows.size() != 2 * tuples.size()) {
            return strange("the hash of contexts");
        }
        for (size_t i = 0; i < tuples.size(); ++i) {
            const std::string_view current = text_of(*rows[2 * i]);
            const std::string_view previous = text_of(*rows[2 * i + 1]);
            out.push_back(open_all(lease.group, tuples[i], newest_first(current, previous)));
            if (out.back()) {
                arguments.push_back(text_of_octets(encode(tuples[i])));
                arguments.emplace_back(current);
                arguments.emplace_back(previous);
            }
        }
    }
    // What was opened leaves this function only after the server has said that it is gone.
    const auto deleted = guarded(script::kTake, lease, contexts_key(lease.group), arguments);
    if (!deleted) {
        return tl::unexpected(deleted.error());
    }
    if (auto confirmed = wait_for_replicas(); !confirmed) {
        return tl::unexpected(confirmed.error());
    }
    const auto verdicts = elements_of(**deleted);
    size_t at = 1;
    for (size_t i = 0; i < out.size(); ++i) {
        if (out[i] && (at >= verdicts.size() || text_of(*verdicts[at++]) != "1")) {
            out[i] = fail(ErrorCode::unavailable, "{}: has changed meanwhile; take it again",
                          to_string(tuples[i]));
        }
    }
    return out;
}

Result<std::vector<RedisStore::StoredField>> RedisStore::fields_of(std::string_view group) {
    const auto reply = read({"HGETALL", contexts_key(group)});
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    std::vector<StoredField> out;
    const auto elements = elements_of(**reply);
    for (size_t i = 0; i + 1 < elements.size(); i += 2) {
        out.push_back({std::string(text_of(*elements[i])), std::string(text_of(*elements[i + 1]))});
    }
    return out;
}

Result<Listing> RedisStore::do_list(std::string_view group) {
    const auto fields = fields_of(group);
    if (!fields) {
        return tl::unexpected(fields.error());
    }
    std::map<std::string, std::pair<std::string_view, std::string_view>> rows;
    for (const auto& [field, row] : *fields) {
        const char which = field.empty() ? '\0' : field.front();
        // Any other field gets a place of its own, which list_one() finds unreadable.
        auto& place =
            which == kCurrent || which == kPrevious ? rows[field.substr(1)] : rows["?" + field];
        (which == kPrevious ? place.second : place.first) = row;
    }
    Listing listing;
    for (const auto& [tuple, both] : rows) {
        list_one(group, octets_of(tuple), newest_first(both.first, both.second), listing);
    }
    return listing;
}

Result<std::vector<std::string>> RedisStore::groups() {
    const auto reply = read({"SMEMBERS", key("groups")});
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    std::vector<std::string> out;
    for (const redisReply* element : elements_of(**reply)) {
        out.emplace_back(text_of(*element));
    }
    return out;
}

Result<size_t> RedisStore::rotate_once(const KeyRing& ring, bool& changed) {
    changed = false;
    const auto names = groups();
    if (!names) {
        return tl::unexpected(names.error());
    }
    Words keys = {key("meta")};
    Words arguments;
    size_t count = 0;
    for (const std::string& group : *names) {
        const auto fields = fields_of(group);
        if (!fields) {
            return tl::unexpected(fields.error());
        }
        keys.push_back(contexts_key(group));
        for (const auto& [field, row] : *fields) {
            const auto header = parse_row_header(octets_of(row));
            if (header && header->key_id == ring.active().id()) {
                continue;
            }
            const auto tuple =
                field.empty() ? std::nullopt : decode_tuple(octets_of(field).subspan(1));
            if (!tuple) {
                return strange("a field of group " + group);
            }
            const auto anew = reseal_row(ring, {group, *tuple}, octets_of(row), random());
            if (!anew) {
                return tl::unexpected(anew.error());
            }
            arguments.insert(arguments.end(),
                             {std::to_string(keys.size()), field, row, text_of_octets(*anew)});
            ++count;
        }
    }
    if (count == 0) {
        return 0;
    }
    const auto reply = eval(script::kRotate, keys, arguments);
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    const auto elements = elements_of(**reply);
    changed = elements.empty() || text_of(*elements[0]) != "ok";
    return count;
}

Result<size_t> RedisStore::do_rotate(const KeyRing& ring) {
    for (int attempt = 0; attempt < kRotationAttempts; ++attempt) {
        bool changed = false;
        auto count = rotate_once(ring, changed);
        if (!count) {
            return count;
        }
        if (!changed) {
            return wait_for_replicas().map([&] { return *count; });
        }
    }
    return fail(ErrorCode::unavailable, "redis: contexts changed at every attempt; rotate again");
}

Result<void> RedisStore::check_keys() {
    const auto names = groups();
    if (!names) {
        return tl::unexpected(names.error());
    }
    for (const std::string& group : *names) {
        const auto fields = fields_of(group);
        if (!fields) {
            return tl::unexpected(fields.error());
        }
        for (const StoredField& one : *fields) {
            const auto header = parse_row_header(octets_of(one.row));
            if (header && ring().find(header->key_id) == nullptr) {
                return fail(ErrorCode::permission_denied,
                            "redis: group {} has rows sealed under key-encryption key {}, "
                            "configured: {}",
                            group, to_string(header->key_id), ring().ids());
            }
        }
    }
    return {};
}

Result<void> RedisStore::open() {
    const RedisSettings& settings = connection_.settings();
    if (settings.prefix.empty() || settings.prefix.size() > 64) {
        return fail(ErrorCode::invalid_argument, "a prefix of {} octets, expected 1 to 64",
                    settings.prefix.size());
    }
    const auto none = std::chrono::milliseconds(0);
    if (settings.connect_timeout <= none || settings.command_timeout <= none ||
        settings.wait_timeout <= none || settings.wait_timeout >= settings.command_timeout) {
        return fail(ErrorCode::invalid_argument,
                    "time-outs of redis must be above 0, wait_timeout below command_timeout");
    }
    const auto format = eval(script::kOpen, {key("meta")}, {std::string(kFormat)});
    if (!format) {
        return tl::unexpected(format.error());
    }
    if (text_of(**format) != kFormat) {
        return fail(ErrorCode::corrupt,
                    "redis: the prefix \"{}\" is used by something else, or by another version of "
                    "this program",
                    settings.prefix);
    }
    return check_keys();
}

}  // namespace

Result<std::unique_ptr<RestartStore>> open_redis_store(RedisSettings settings, KeyRing ring,
                                                       Random& random, const Clock& clock,
                                                       const WallClock& wall_clock) {
    auto store = std::make_unique<RedisStore>(std::move(settings), std::move(ring), random, clock,
                                              wall_clock);
    return store->open().map([&]() -> std::unique_ptr<RestartStore> { return std::move(store); });
}

}  // namespace sdg::restart
