// The configuration as plain values: what one YAML file says, checked, with defaults filled in.
//
// config/load.h makes it; the gateway program reads it and hands the parts to the ports, workers,
// listeners and key management. Nothing here refers to YAML, DPDK, usrsctp or OpenSSL types.
// Immutable after loading, so any thread may read it. Units are in the names; addresses are in
// network byte order inside IpAddress, port numbers are in host order. Names that refer to other
// entries (protection, backend, the port that owns an address) are resolved to indexes into the
// vectors of Configuration. File names are resolved against the folder of the configuration file.
//
// The defaults here are those of the schema (config/schema.cpp); a test holds them together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "foundation/ip_address.h"

namespace sdg::config {

using MacAddress = std::array<uint8_t, 6>;

enum class Hugepages {
    automatic,  // use them when some are reserved, else do without
    never,
    require,  // fail to start without
};

struct Eal {
    uint32_t memory_mib = 256;
    Hugepages hugepages = Hugepages::automatic;
    std::optional<std::string> file_prefix;
    bool telemetry = false;
    std::vector<std::string> extra_args;  // appended to the EAL's command line as they are
};

struct Workers {
    uint32_t count = 1;
    std::vector<uint32_t> cpus;   // empty: not pinned; else one CPU for each worker
    uint32_t idle_sleep_us = 50;  // 0: never sleep
    uint32_t burst = 32;          // packets
    std::optional<std::string> crypto_device;
};

struct ControlLoop {
    std::optional<uint32_t> cpu;
    uint32_t idle_sleep_us = 50;
};

// An address with the length of its on-link prefix (port address) or a network (route).
struct Prefix {
    IpAddress address;
    uint8_t length = 0;  // bits

    friend bool operator==(const Prefix&, const Prefix&) = default;
};

struct Route {
    Prefix prefix;
    IpAddress via;

    friend bool operator==(const Route&, const Route&) = default;
};

struct Neighbour {
    IpAddress address;
    MacAddress mac{};

    friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

struct Port {
    std::string name;
    std::string device;  // "net_af_packet0,iface=eth1" or "0000:01:00.0"
    uint32_t mtu = 1500;
    std::optional<uint16_t> vlan;
    std::vector<Prefix> addresses;  // at least one
    std::vector<Route> routes;
    std::vector<Neighbour> neighbours;
    uint32_t rx_descriptors = 512;
    uint32_t tx_descriptors = 512;
    bool promiscuous = false;
    uint32_t mbufs = 8192;
    std::optional<MacAddress> mac;  // the device's own when absent

    friend bool operator==(const Port&, const Port&) = default;
};

enum class ProtectionMode { strict, loose };

// TLS cipher suite numbers.
enum class CipherSuite : uint16_t {
    aes_128_gcm_sha256 = 0x1301,
    aes_256_gcm_sha384 = 0x1302,
    chacha20_poly1305_sha256 = 0x1303,
    aes_128_ccm_sha256 = 0x1304,
};

// Key-management method ids of the DTLS chunk draft.
enum class KeyManagementMethod : uint8_t { preshared = 0, dtls13 = 1, tls13 = 192 };

// Of the methods that authenticate by certificates. Names of groups and signature algorithms are
// those of the TLS registries.
struct TlsCredentials {
    std::filesystem::path certificate;
    std::string private_key;  // a file name, resolved, or a pkcs11: URI
    std::optional<std::filesystem::path> passphrase_file;
    std::vector<std::filesystem::path> authorities;
    std::vector<std::filesystem::path> revocation_lists;
    std::vector<std::string> peer_names;  // "any" alone, or dns:, uri:, ip:
    std::vector<CipherSuite> suites{CipherSuite::aes_128_gcm_sha256,
                                    CipherSuite::aes_256_gcm_sha384,
                                    CipherSuite::chacha20_poly1305_sha256};
    std::vector<std::string> groups{"x25519", "secp256r1", "secp384r1"};
    std::vector<std::string> signature_algorithms{
        "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ed25519",
        "rsa_pss_rsae_sha256",    "rsa_pss_rsae_sha384",    "rsa_pss_rsae_sha512",
        "rsa_pss_pss_sha256",     "rsa_pss_pss_sha384",     "rsa_pss_pss_sha512"};
};

// Method 192.
struct Tls13 : TlsCredentials {
    uint32_t handshake_timeout_ms = 10000;
    uint32_t rekey_age_s = 3600;
    uint32_t rekey_volume_mb = 100000;  // 10^6 octets
    uint32_t key_lifetime_s = 14400;
    uint32_t expiry_margin_s = 86400;
    uint32_t drain_s = 120;
    uint32_t drain_unconfirmed_s = 303;
    uint32_t min_rekey_interval_ms = 1000;
};

// Method 1.
struct Dtls13 : TlsCredentials {
    uint32_t handshake_timeout_ms = 10000;
    uint32_t update_age_s = 3600;
    uint32_t update_volume_mb = 100000;  // 10^6 octets
    uint32_t update_timeout_ms = 60000;
    uint32_t min_update_interval_ms = 1000;
    uint32_t key_lifetime_s = 14400;
    uint32_t reauthentication_interval_s = 86400;  // 0: none
    uint32_t reauthentication_timeout_ms = 30000;
    uint32_t expiry_margin_s = 86400;
    uint32_t drain_s = 120;
    uint32_t drain_unconfirmed_s = 303;
};

struct ProtectionPolicy {
    std::string name;
    ProtectionMode mode = ProtectionMode::strict;
    bool role_client = true;
    bool role_server = true;
    std::vector<KeyManagementMethod> methods;  // preferred first; those that are configured
    bool restart = false;
    CipherSuite suite = CipherSuite::aes_128_gcm_sha256;
    uint32_t replay_window = 1024;  // records, power of two
    double rekey_fraction = 0.5;    // of the suite's limit q
    // Exactly one of the two is set when methods has preshared.
    std::optional<std::filesystem::path> preshared_file;
    std::optional<std::filesystem::path> lab_raw_file;
    std::optional<Tls13> tls13;    // set when methods has tls13
    std::optional<Dtls13> dtls13;  // set when methods has dtls13
    // Some method compares names in certificates.
    [[nodiscard]] bool has_peer_names() const { return tls13.has_value() || dtls13.has_value(); }
};

enum class Side { plain, protected_side };

struct Backend {
    std::string name;
    Side side = Side::plain;
    size_t port_index = 0;  // into Configuration::ports: the one that owns `local`
    IpAddress local;
    uint16_t local_port = 0;  // 0: ephemeral
    IpAddress address;
    uint16_t port = 0;
    std::optional<size_t> protection;  // into Configuration::protection; set when side is protected
    std::vector<std::string> peer_names;  // instead of the policy's, unless empty
    uint16_t streams = 16;                // outgoing streams asked for
    uint32_t connect_timeout_ms = 10000;
};

// What a protected restart of one leg of a pair means for the other one.
enum class OnRestart { keep, reset };

struct Listener {
    std::string name;
    Side side = Side::plain;
    size_t port_index = 0;  // into Configuration::ports: the one that owns `address`
    IpAddress address;
    uint16_t port = 0;
    size_t backend = 0;                // into Configuration::backends
    std::optional<size_t> protection;  // into Configuration::protection; set when side is protected
    std::vector<std::string> peer_names;  // instead of the policy's, unless empty
    OnRestart on_restart = OnRestart::keep;
    uint16_t max_streams = 16;
    uint32_t max_associations = 1000;
};

struct Limits {
    uint32_t associations = 10000;      // both legs counted, whole gateway
    uint32_t send_buffer_kib = 256;     // per association
    uint32_t receive_buffer_kib = 256;  // per association
    uint32_t handshakes = 64;           // at a time, with peers that have not authenticated yet
    // Parts of a protected listener's max_associations for peers that have not authenticated yet.
    double unauthenticated = 0.75;
    double unauthenticated_source = 0.5;  // from one source
    uint32_t ring_packets = 2048;         // each ring between a worker and the control loop
};

// Packets a second of senders that have no association; the whole gateway.
struct Budgets {
    uint32_t source_per_second = 2000;
    uint32_t init_per_second = 3000;
    uint32_t cookie_per_second = 3000;
    uint32_t stray_per_second = 1000;
};

struct Sctp {
    uint32_t rto_initial_ms = 1000;
    uint32_t rto_min_ms = 300;
    uint32_t rto_max_ms = 10000;
    uint32_t heartbeat_interval_ms = 30000;
    uint32_t association_max_retransmissions = 10;
    uint32_t init_max_retransmissions = 8;
    uint32_t cookie_lifetime_ms = 60000;
    uint32_t cookie_key_rotation_s = 120;  // never shorter than the cookie's lifetime
    uint32_t sack_delay_ms = 100;
    std::optional<uint32_t> path_mtu;  // IP packet, octets; absent: the port's mtu
};

struct Shutdown {
    uint32_t timeout_ms = 5000;
};

enum class LogLevel { error, warn, info, debug };
enum class LogFormat {
    automatic,  // the journal, with fields, when standard error leads there; else text
    text,
    json,
};

struct Log {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::automatic;
    std::map<std::string, LogLevel> modules;  // those with a level of their own
    uint32_t lines_per_second = 10;           // of each module, over a long time; 0: no limit
};

// The unix socket through which the gateway is seen and steered.
struct Admin {
    std::filesystem::path socket;
    std::optional<std::string> group;  // who may use it beside its owner
    std::filesystem::path audit_log;
};

// Prometheus metrics, health and the status page over HTTP.
struct Metrics {
    IpAddress address = *IpAddress::parse("127.0.0.1");
    uint16_t port = 9641;
    // Both or none: TLS.
    std::optional<std::filesystem::path> certificate;
    std::optional<std::filesystem::path> private_key;
    std::optional<std::filesystem::path> token_file;
    bool page = true;  // the status page for browsers
};

// A key-encryption key; exactly one of the three.
struct SealingKeySource {
    std::optional<std::filesystem::path> file;
    std::optional<std::string> credential;  // of systemd
    std::optional<std::string> token;       // a URI for OpenSSL's store, with wrapped_file
    std::optional<std::filesystem::path> wrapped_file;
};

struct RedisPlace {
    std::string socket;  // a Unix socket's path; empty: address and port
    IpAddress address;
    uint16_t port = 0;
    friend bool operator==(const RedisPlace&, const RedisPlace&) = default;
};

struct RedisServer {
    RedisPlace place;
    std::string user;  // empty: the default user
    std::optional<std::filesystem::path> password_file;
    std::string prefix = "sdg";
    uint32_t wait_replicas = 0;
    bool require_durable = true;
};

// Where restart keys are kept; exactly one of sqlite_file and redis.
struct Restart {
    std::string group = "default";
    std::string owner = "gateway";
    uint32_t lease_ms = 15000;
    bool standby = false;  // waits until the group is free
    uint32_t per_second = 500;
    uint32_t at_once = 64;
    std::optional<std::filesystem::path> sqlite_file;
    std::optional<RedisServer> redis;
    SealingKeySource key;
    std::vector<SealingKeySource> former_keys;
};

// What the process may do.
struct Security {
    std::optional<std::string> user;   // becomes it at start
    std::optional<std::string> group;  // with user; absent: the user's own
    bool seccomp = true;
};

struct Lab {
    std::optional<std::filesystem::path> keylog;      // traffic keys in clear: laboratory only
    std::optional<std::filesystem::path> tls_keylog;  // secrets of handshakes likewise
};

struct Configuration {
    Eal eal;
    Workers workers;
    ControlLoop control;
    std::vector<Port> ports;
    std::vector<ProtectionPolicy> protection;
    std::vector<Backend> backends;
    std::vector<Listener> listeners;
    Limits limits;
    Budgets budgets;
    Sctp sctp;
    Shutdown shutdown;
    Log log;
    std::optional<Admin> admin;
    std::optional<Metrics> metrics;
    std::optional<Restart> restart;
    Security security;
    Lab lab;
    std::optional<std::filesystem::path> stats_file;  // written at exit
};

}  // namespace sdg::config
