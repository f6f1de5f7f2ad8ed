// One connection to a Redis server, made again when it was lost. Internal to RedisStore.
//
// One thread at a time. Error codes: unavailable (no connection, server loading), timed_out,
// permission_denied (credentials, access list, read-only replica), resource_exhausted (memory, disk
// of the server), corrupt (a key has another type), io (the server says something else).
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/restart/redis_store.h"

namespace sdg::restart {

struct FreeReply {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

// A reply's text or octets; empty for every other type.
[[nodiscard]] std::string_view text_of(const redisReply& reply);
// A reply's elements; none for every other type.
[[nodiscard]] std::span<redisReply* const> elements_of(const redisReply& reply);

class RedisConnection {
 public:
    RedisConnection(RedisSettings settings, const Clock& clock)
        : settings_(std::move(settings)), clock_(clock) {}

    [[nodiscard]] const RedisSettings& settings() const { return settings_; }
    // Connects when there is no connection and the last failure is retry_after ago.
    [[nodiscard]] Result<void> ensure();
    // One command over the connection ensure() has made. An error of the connection ends it.
    [[nodiscard]] Result<Reply> command(std::span<const std::string_view> words);
    [[nodiscard]] Result<Reply> command(std::initializer_list<std::string_view> words) {
        return command(std::span<const std::string_view>(words.begin(), words.size()));
    }
    // Grows with every connection made, from 1.
    [[nodiscard]] uint64_t number() const { return number_; }
    [[nodiscard]] bool is_open() const { return context_ != nullptr; }

 private:
    struct FreeContext {
        void operator()(redisContext* context) const noexcept { redisFree(context); }
    };
    [[nodiscard]] Result<void> connect();
    [[nodiscard]] Result<void> authenticate();
    [[nodiscard]] Result<void> check_durable();
    [[nodiscard]] tl::unexpected<Error> lost(int system_error);
    [[nodiscard]] std::string name() const;

    RedisSettings settings_;
    const Clock& clock_;
    std::unique_ptr<redisContext, FreeContext> context_;
    std::optional<TimePoint> not_before_;
    Error last_failure_;
    uint64_t number_ = 0;
};

}  // namespace sdg::restart
