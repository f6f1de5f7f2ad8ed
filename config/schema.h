// The schema: one table of every key, from which checking, defaults and docs/config.md are made.
//
// A path is the key's place with [] for "each element": "ports[].routes[].via". The table is in the
// order of the documentation; a section stands before its keys. Immutable, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sdg::config {

enum class ValueType {
    section,  // a map with the keys below this path
    list,     // of the element that has this path plus "[]"
    boolean,
    integer,
    fraction,        // a decimal number
    text,            // any single line
    name,            // an identifier of the user's, or a reference to one
    choice,          // one of choices
    address,         // IPv4 or IPv6
    host_address,    // one of the host's own, the loopback address too
    address_prefix,  // an interface's address with the length of its on-link prefix
    network_prefix,  // a network: no bits set after the prefix
    mac_address,
    peer_name,      // "any", "dns:...", "uri:..." or "ip:..."
    device,         // a DPDK vdev for packets or a PCI address
    crypto_device,  // a DPDK vdev for ciphers or a PCI address
    file,
};

// Whether a key may, must or need not be there.
enum class Presence { optional, required };

struct Key {
    std::string_view path;
    ValueType type;
    Presence presence = Presence::optional;
    // Written as in YAML; empty: no default, the description says what absence means.
    std::string_view default_text = {};
    std::string_view unit = {};
    // Of the number, or of the number of elements of a list. Both zero: not bounded here.
    double minimum = 0;
    double maximum = 0;
    bool power_of_two = false;
    std::span<const std::string_view> choices = {};
    std::string_view description = {};
};

[[nodiscard]] std::span<const Key> schema();
// The key with this path, or nullptr.
[[nodiscard]] const Key* find_key(std::string_view path);
// Keys directly below a section ("", "ports[]"), without elements of lists.
[[nodiscard]] std::vector<const Key*> keys_below(std::string_view section_path);
// The part of a path after its last dot: "port".
[[nodiscard]] std::string_view last_part(std::string_view path);
// What a value of this key has to be, as an error and the documentation say it:
// "a whole number from 576 to 9000 (octets)".
[[nodiscard]] std::string expectation(const Key& key);

// docs/config.md.
[[nodiscard]] std::string schema_page();

}  // namespace sdg::config
