// RestartStore in Redis or Valkey: the store a standby gateway on another machine shares.
//
// Every write is one Lua script, atomic on the server, that checks the lease first. Each connection
// joins a lease anew before it writes, so a command that was still on its way over a lost
// connection when its owner went on does nothing.
//
// What the server must do, checked when connecting unless require_durable is false: append-only
// file with appendfsync always (a reply then means "on disk") and maxmemory-policy noeviction. A
// fail-over to a replica that lacks a deletion would give a context out twice: with replicas, set
// wait_replicas to all of them; a take that not all have confirmed returns nothing. A cluster needs
// a hash tag in prefix ("{sdg}").
//
// The connection is in clear (Debian's hiredis has no TLS): a Unix socket, or a network nobody else
// is on. Contexts are sealed before they leave; the password, the leases and the addresses of
// associations are not.
//
// No wait for the server is longer than its time-out; a call has at most six of them (connect,
// authenticate and check, join, reserve, write, WAIT), and the first that runs out ends it. After a
// failed attempt to connect, calls fail at once for retry_after. A read is tried again over a new
// connection once; a write never is.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>

#include "control/restart/store.h"
#include "foundation/clock.h"
#include "foundation/ip_address.h"
#include "foundation/random.h"

namespace sdg::restart {

struct UnixSocket {
    std::string path;
};
// An address, not a name: resolving would block.
struct TcpSocket {
    IpAddress address;
    uint16_t port = 6379;
};

struct RedisSettings {
    std::variant<UnixSocket, TcpSocket> server;
    std::string user;      // empty: the default user
    SecretBytes password;  // empty: none
    std::string prefix = "sdg";
    std::chrono::milliseconds connect_timeout{500};
    std::chrono::milliseconds command_timeout{1000};
    std::chrono::milliseconds retry_after{1000};
    bool require_durable = true;
    unsigned wait_replicas = 0;
    std::chrono::milliseconds wait_timeout{500};  // shorter than command_timeout
};

// Connects and checks the server. Beside the errors of every call: invalid_argument (settings, or a
// server that does not promise durability; names the setting), corrupt (the prefix is used by
// something else). clock paces reconnecting. random and both clocks outlive the store. Not across
// fork().
[[nodiscard]] Result<std::unique_ptr<RestartStore>> open_redis_store(RedisSettings settings,
                                                                     KeyRing ring, Random& random,
                                                                     const Clock& clock,
                                                                     const WallClock& wall_clock);

}  // namespace sdg::restart
