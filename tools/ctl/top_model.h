// What `top` shows, computed from two answers of the gateway: rates, shares, and what has moved.
// Knows nothing of screens. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace sdg::ctl::top {

// The gateway's answers of one round, all asked for at about the same time.
struct Answers {
    double time = 0;  // seconds of a clock that only goes forward
    nlohmann::json status;
    nlohmann::json workers;       // the list
    nlohmann::json ports;         // the list
    nlohmann::json backends;      // the list
    nlohmann::json certificates;  // the list
    nlohmann::json associations;  // the list: all, or the busiest
};

// Rates are a second; unset: there is nothing to take a difference from.
using Rate = std::optional<double>;

struct Worker {
    uint64_t index = 0;
    Rate packets;
    Rate sealed;
    Rate opened;
    Rate dropped;
    Rate cycles_per_packet;
    Rate idle_share;  // of time, 0 to 1
};

struct Port {
    std::string name;
    bool link_up = false;
    Rate packets_in;
    Rate bits_in;
    Rate packets_out;
    Rate bits_out;
    Rate lost;  // no room, no buffers, errors
};

struct Backend {
    std::string name;
    std::string state;
    uint64_t associations = 0;
    uint64_t failures = 0;
};

struct Association {
    uint64_t id = 0;
    std::string state;
    std::string listener;
    std::string peer;
    std::string identity;
    std::string method;
    std::string backend;
    std::string backend_peer;
    std::string backend_identity;
    std::string backend_method;
    double age = 0;  // seconds
    Rate messages;   // both directions
    Rate bits;
};

struct Drop {
    std::string reason;
    double rate = 0;
};

struct Figures {
    std::string version;
    std::string state;
    double uptime = 0;  // seconds
    uint64_t associations = 0;
    uint64_t relaying = 0;
    Rate messages_to_backend;
    Rate messages_from_backend;
    Rate bits_to_backend;
    Rate bits_from_backend;
    Rate sealed;  // records, all workers
    Rate opened;
    std::vector<Worker> workers;
    std::vector<Port> ports;
    std::vector<Backend> backends;
    std::vector<Drop> drops;  // those that move, the most first
    std::vector<Association> listed;
    std::vector<std::string> warnings;
};

// before may be null. The gateway's restart between the two is noticed, and gives no rates.
[[nodiscard]] Figures figures(const Answers* before, const Answers& now);

// 1234567 -> "1.23M"; unset: "-".
[[nodiscard]] std::string short_count(const Rate& value);
// "3d04h", "2h07m", "41s"
[[nodiscard]] std::string short_time(double seconds);

}  // namespace sdg::ctl::top
