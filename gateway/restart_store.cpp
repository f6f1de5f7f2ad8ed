#include "gateway/restart_store.h"

#include <algorithm>
#include <utility>

#include "control/keymgmt/owner_only_file.h"
#include "control/restart/key_source.h"
#include "control/restart/redis_store.h"
#include "control/restart/sqlite_store.h"

namespace sdg::gateway {
namespace {

restart::KeySource source_of(const config::SealingKeySource& from) {
    if (from.file) {
        return restart::KeyFile{*from.file};
    }
    if (from.credential) {
        return restart::KeyCredential{*from.credential};
    }
    return restart::KeyToken{from.token.value_or(""), from.wrapped_file.value_or("")};
}

Result<restart::KeyRing> ring_of(const config::Restart& settings) {
    auto active = restart::load_key_encryption_key(source_of(settings.key));
    if (!active) {
        return fail(active.error().code, "restart.key: {}", active.error().message);
    }
    std::vector<SecretBytes> further;
    for (const config::SealingKeySource& former : settings.former_keys) {
        auto loaded = restart::load_key_encryption_key(source_of(former));
        if (!loaded) {
            return fail(loaded.error().code, "restart.former_keys[{}]: {}", further.size(),
                        loaded.error().message);
        }
        further.push_back(std::move(*loaded));
    }
    return restart::KeyRing::make(*active, further);
}

Result<restart::RedisSettings> redis_settings(const config::RedisServer& from) {
    restart::RedisSettings to;
    if (from.place.socket.empty()) {
        to.server = restart::TcpSocket{from.place.address, from.place.port};
    } else {
        to.server = restart::UnixSocket{from.place.socket};
    }
    to.user = from.user;
    if (from.password_file) {
        auto file = keymgmt::read_owner_only_file(*from.password_file, 4096);
        if (!file) {
            return fail(file.error().code, "restart.redis.password_file: {}", file.error().message);
        }
        const auto octets = file->bytes();
        const auto end = std::find_if(octets.begin(), octets.end(),
                                      [](uint8_t c) { return c == '\n' || c == '\r'; });
        to.password = SecretBytes::copy_of(std::span(octets.begin(), end));
    }
    to.prefix = from.prefix;
    to.wait_replicas = from.wait_replicas;
    to.require_durable = from.require_durable;
    return to;
}

}  // namespace

Result<std::unique_ptr<restart::RestartStore>> open_restart_store(const config::Restart& settings,
                                                                  const Clock& clock,
                                                                  const WallClock& wall_clock,
                                                                  Random& random) {
    auto ring = ring_of(settings);
    if (!ring) {
        return tl::unexpected(ring.error());
    }
    if (settings.sqlite_file) {
        return restart::open_sqlite_store({.path = *settings.sqlite_file}, std::move(*ring), random,
                                          wall_clock);
    }
    auto redis = redis_settings(*settings.redis);
    if (!redis) {
        return tl::unexpected(redis.error());
    }
    return restart::open_redis_store(std::move(*redis), std::move(*ring), random, clock,
                                     wall_clock);
}

Result<std::unique_ptr<restart::Keeper>> open_keeper(const config::Restart& settings,
                                                     size_t associations, const Clock& clock,
                                                     const WallClock& wall_clock, Random& random) {
    auto store = open_restart_store(settings, clock, wall_clock, random);
    if (!store) {
        return tl::unexpected(store.error());
    }
    return restart::Keeper::start(std::move(*store),
                                  {.group = settings.group,
                                   .owner = settings.owner,
                                   .lease = std::chrono::milliseconds(settings.lease_ms),
                                   .capacity = 2 * associations + restart::kMaxBatch},
                                  clock);
}

Result<std::filesystem::path> make_restart_key(const config::Restart& settings, Random& random) {
    const restart::KeySource source = source_of(settings.key);
    const auto* token = std::get_if<restart::KeyToken>(&source);
    if (token == nullptr) {
        return fail(ErrorCode::invalid_argument,
                    "restart.key names no token; a key in a file is made by openssl rand -hex 32");
    }
    if (auto made = restart::create_wrapped_key(*token, random); !made) {
        return fail(made.error().code, "restart.key: {}", made.error().message);
    }
    return token->wrapped_key;
}

Result<size_t> rotate_restart_keys(const config::Restart& settings, const Clock& clock,
                                   const WallClock& wall_clock, Random& random) {
    auto store = open_restart_store(settings, clock, wall_clock, random);
    auto ring = ring_of(settings);
    if (!store || !ring) {
        return tl::unexpected(store ? ring.error() : store.error());
    }
    return (*store)->rotate(std::move(*ring));
}

}  // namespace sdg::gateway
