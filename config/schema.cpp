#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace sdg::config {
namespace {

using std::string_view;
using enum ValueType;
using enum Presence;

constexpr std::array<string_view, 3> kHugepages{"auto", "never", "require"};
constexpr std::array<string_view, 2> kModes{"strict", "loose"};
constexpr std::array<string_view, 2> kRoles{"client", "server"};
constexpr std::array<string_view, 3> kMethods{"preshared", "dtls13", "tls13"};
constexpr std::array<string_view, 4> kSuites{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                             "TLS_CHACHA20_POLY1305_SHA256",
                                             "TLS_AES_128_CCM_SHA256"};
constexpr std::array<string_view, 3> kGroups{"x25519", "secp256r1", "secp384r1"};
constexpr std::array<string_view, 9> kSignatures{
    "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ed25519",
    "rsa_pss_rsae_sha256",    "rsa_pss_rsae_sha384",    "rsa_pss_rsae_sha512",
    "rsa_pss_pss_sha256",     "rsa_pss_pss_sha384",     "rsa_pss_pss_sha512"};
constexpr std::array<string_view, 2> kSides{"plain", "protected"};
constexpr std::array<string_view, 2> kOnRestart{"keep", "reset"};
constexpr std::array<string_view, 4> kLevels{"error", "warn", "info", "debug"};
constexpr std::array<string_view, 3> kFormats{"auto", "text", "json"};

// clang-format off
// The keys of credentials, the same in the sections of both methods that have certificates. place
// is a literal, so that the paths are.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): only the preprocessor joins literals
#define SDG_CREDENTIAL_KEYS(place) \
    {.path = place ".certificate", .type = file, .presence = required, .description = "The gateway's certificate chain, PEM: its own first, then the intermediate authorities."}, \
    {.path = place ".private_key", .type = text, .presence = required, .description = "A PEM file, readable by its owner only, or a `pkcs11:` URI (RFC 7512; needs an OpenSSL provider named pkcs11)."}, \
    {.path = place ".passphrase_file", .type = file, .description = "First line: the passphrase of an encrypted private key, or the PIN of a token. Readable by its owner only."}, \
    {.path = place ".authorities", .type = list, .presence = required, .minimum = 1, .maximum = 64, .description = "Trusted certificate authorities."}, \
    {.path = place ".authorities[]", .type = file, .presence = required, .description = "PEM, one or more certificates."}, \
    {.path = place ".revocation_lists", .type = list, .default_text = "[]", .maximum = 64, .description = "When given, every certificate of a peer's chain must have a current list of its issuer here and not be on it."}, \
    {.path = place ".revocation_lists[]", .type = file, .presence = required, .description = "PEM, one or more lists."}, \
    {.path = place ".peer_names", .type = list, .presence = required, .minimum = 1, .maximum = 256, .description = "Names of which a peer's certificate must have one in its subjectAltName (RFC 9525). `any` alone: whoever the authorities have certified."}, \
    {.path = place ".peer_names[]", .type = peer_name, .presence = required, .description = "`dns:NAME`, `uri:URI` (whole, or scheme and host), `ip:ADDRESS`, or `any`."}, \
    {.path = place ".suites", .type = list, .default_text = "[TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]", .minimum = 1, .maximum = 4, .description = "Cipher suites of the handshake and of the DTLS chunks, most preferred first."}, \
    {.path = place ".suites[]", .type = choice, .presence = required, .choices = kSuites, .description = "A suite."}, \
    {.path = place ".groups", .type = list, .default_text = "[x25519, secp256r1, secp384r1]", .minimum = 1, .maximum = 3, .description = "Groups for the ephemeral key exchange, most preferred first."}, \
    {.path = place ".groups[]", .type = choice, .presence = required, .choices = kGroups, .description = "A group."}, \
    {.path = place ".signature_algorithms", .type = list, .default_text = "[ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ed25519, rsa_pss_rsae_sha256, rsa_pss_rsae_sha384, rsa_pss_rsae_sha512, rsa_pss_pss_sha256, rsa_pss_pss_sha384, rsa_pss_pss_sha512]", .minimum = 1, .maximum = 9, .description = "Signatures accepted from peers and made with the gateway's key, most preferred first."}, \
    {.path = place ".signature_algorithms[]", .type = choice, .presence = required, .choices = kSignatures, .description = "An algorithm."}
// clang-format on

constexpr Key kKeys[] = {
    // clang-format off
    {.path = "eal", .type = section,
     .description = "DPDK's environment: memory and expert settings."},
    {.path = "eal.memory_mib", .type = integer, .default_text = "256", .unit = "MiB", .minimum = 64, .maximum = 65536,
     .description = "Memory for packet buffers and tables, taken at start."},
    {.path = "eal.hugepages", .type = choice, .default_text = "auto", .choices = kHugepages,
     .description = "`auto` uses hugepages when enough are reserved and ordinary memory otherwise; `require` refuses to start without them."},
    {.path = "eal.file_prefix", .type = text,
     .description = "Prefix of DPDK's run-time files, for several DPDK programs on one host. Absent: one of this process only."},
    {.path = "eal.telemetry", .type = boolean, .default_text = "false",
     .description = "DPDK's telemetry socket, for `dpdk-telemetry.py`: the gateway's counters under `/gateway/`, beside DPDK's own. Only the gateway's user may connect."},
    {.path = "eal.extra_args", .type = list, .default_text = "[]", .maximum = 32,
     .description = "More arguments for the EAL, for experts; appended as they are."},
    {.path = "eal.extra_args[]", .type = text, .presence = required, .description = "One argument."},

    {.path = "workers", .type = section, .description = "The poll-mode loops that open and seal packets."},
    {.path = "workers.count", .type = integer, .default_text = "1", .minimum = 1, .maximum = 32,
     .description = "Worker threads. Each polls its own queue of every port."},
    {.path = "workers.cpus", .type = list, .maximum = 32,
     .description = "CPUs to pin the workers to, one for each. Absent: the operating system places them."},
    {.path = "workers.cpus[]", .type = integer, .presence = required, .minimum = 0, .maximum = 1023, .description = "A CPU number."},
    {.path = "workers.idle_sleep_us", .type = integer, .default_text = "50", .unit = "microseconds", .minimum = 0, .maximum = 1000,
     .description = "Longest sleep of a worker that finds nothing to do. 0: never sleep, nor give way while busy; the CPU is the worker's alone."},
    {.path = "workers.burst", .type = integer, .default_text = "32", .unit = "packets", .minimum = 1, .maximum = 64,
     .description = "Packets taken from a queue at a time."},
    {.path = "workers.crypto_device", .type = crypto_device,
     .description = "DPDK crypto device that computes the AEAD: a virtual device (`crypto_openssl0`) or the PCI address of an accelerator. Absent: the workers do, by IPsec-MB."},

    {.path = "control", .type = section, .description = "The control loop: SCTP, key management and the relay."},
    {.path = "control.cpu", .type = integer, .minimum = 0, .maximum = 1023,
     .description = "CPU to pin the control thread to. Absent: the operating system places it."},
    {.path = "control.idle_sleep_us", .type = integer, .default_text = "50", .unit = "microseconds", .minimum = 0, .maximum = 1000,
     .description = "Longest sleep of the control loop when there is nothing to do. 0: never sleep, nor give way while busy."},

    {.path = "ports", .type = list, .presence = required, .minimum = 1, .maximum = 32,
     .description = "Network ports. The gateway answers ARP, neighbour discovery and echo requests for its addresses on them."},
    {.path = "ports[]", .type = section, .presence = required, .description = "One port."},
    {.path = "ports[].name", .type = name, .presence = required, .description = "For the log and for `via`."},
    {.path = "ports[].device", .type = device, .presence = required,
     .description = "What DPDK opens: a virtual device with its arguments (`net_af_packet0,iface=eth1`), or the PCI address of a NIC."},
    {.path = "ports[].mtu", .type = integer, .default_text = "1500", .unit = "octets", .minimum = 576, .maximum = 9000,
     .description = "Largest IP packet. 1280 or more when the port has an IPv6 address."},
    {.path = "ports[].vlan", .type = integer, .minimum = 1, .maximum = 4094,
     .description = "802.1Q tag put on every frame sent and required of every frame received. Absent: untagged."},
    {.path = "ports[].mac", .type = mac_address, .description = "Absent: the device's own."},
    {.path = "ports[].addresses", .type = list, .presence = required, .minimum = 1, .maximum = 64,
     .description = "The gateway's own addresses on this port."},
    {.path = "ports[].addresses[]", .type = address_prefix, .presence = required, .description = "An address with its on-link prefix length."},
    {.path = "ports[].routes", .type = list, .default_text = "[]", .maximum = 1024, .description = "Static routes out of this port; the longest prefix wins."},
    {.path = "ports[].routes[]", .type = section, .presence = required, .description = "One route."},
    {.path = "ports[].routes[].prefix", .type = network_prefix, .presence = required, .description = "Destination; `0.0.0.0/0` or `::/0` is the default route."},
    {.path = "ports[].routes[].via", .type = address, .presence = required, .description = "Next hop, on a prefix of this port."},
    {.path = "ports[].neighbours", .type = list, .default_text = "[]", .maximum = 4096,
     .description = "Link addresses known beforehand; all others are asked for by ARP or neighbour discovery."},
    {.path = "ports[].neighbours[]", .type = section, .presence = required, .description = "One neighbour."},
    {.path = "ports[].neighbours[].address", .type = address, .presence = required, .description = "On a prefix of this port."},
    {.path = "ports[].neighbours[].mac", .type = mac_address, .presence = required, .description = "Its link address."},
    {.path = "ports[].rx_descriptors", .type = integer, .default_text = "512", .unit = "packets", .minimum = 64, .maximum = 4096, .description = "Length of each receive queue."},
    {.path = "ports[].tx_descriptors", .type = integer, .default_text = "512", .unit = "packets", .minimum = 64, .maximum = 4096, .description = "Length of each transmit queue."},
    {.path = "ports[].mbufs", .type = integer, .default_text = "8192", .unit = "packets", .minimum = 1024, .maximum = 4194304,
     .description = "Packet buffers of this port's pool. More than both queues of all workers together hold."},
    {.path = "ports[].promiscuous", .type = boolean, .default_text = "false", .description = "Receive frames for other link addresses too (they are counted and dropped)."},

    {.path = "protection", .type = list, .default_text = "[]", .maximum = 256, .description = "Protection policies, named by listeners and backends of side `protected`."},
    {.path = "protection[]", .type = section, .presence = required, .description = "One policy."},
    {.path = "protection[].name", .type = name, .presence = required, .description = "For references and the log."},
    {.path = "protection[].mode", .type = choice, .default_text = "strict", .choices = kModes,
     .description = "`strict` aborts an association whose peer offers no compatible DTLS chunk support; `loose` lets it go on **without protection**."},
    {.path = "protection[].roles", .type = list, .default_text = "[client, server]", .minimum = 1, .maximum = 2, .description = "Key-management roles offered."},
    {.path = "protection[].roles[]", .type = choice, .presence = required, .choices = kRoles, .description = "A role."},
    {.path = "protection[].methods", .type = list, .minimum = 1, .maximum = 3, .description = "Key-management methods offered, most preferred first. Absent: those that have a section below, in the order `tls13`, `dtls13`, `preshared`."},
    {.path = "protection[].methods[]", .type = choice, .presence = required, .choices = kMethods, .description = "A method: `preshared` is id 0, `dtls13` 1, `tls13` 192."},
    {.path = "protection[].restart", .type = boolean, .default_text = "false", .description = "Offer protected restart (3GPP NG-C asks for it). Associations that this gateway is to restart itself after a crash need the section `restart`, too."},
    {.path = "protection[].suite", .type = choice, .default_text = "TLS_AES_128_GCM_SHA256", .choices = kSuites, .description = "Cipher suite for method `preshared`; both ends must name the same. With `lab_raw` the file names it."},
    {.path = "protection[].replay_window", .type = integer, .default_text = "1024", .unit = "records", .minimum = 64, .maximum = 65536, .power_of_two = true,
     .description = "How far records may be reordered and still be accepted."},
    {.path = "protection[].rekey_fraction", .type = fraction, .default_text = "0.5", .minimum = 0.01, .maximum = 0.9, .description = "Part of the suite's limits (records sealed q, forged records v) after which new keys are made."},
    {.path = "protection[].preshared", .type = section, .description = "Pre-shared material from which every association's keys are derived. With method `preshared` exactly one of `preshared` and `lab_raw` is given."},
    {.path = "protection[].preshared.file", .type = file, .presence = required, .description = "Readable by its owner only; anything else is refused."},
    {.path = "protection[].lab_raw", .type = section, .description = "Laboratory only, one association at a time: raw keys, as other stacks under development take them."},
    {.path = "protection[].lab_raw.file", .type = file, .presence = required, .description = "Readable by its owner only; anything else is refused."},
    {.path = "protection[].tls13", .type = section, .description = "Method `tls13`: every key set from a mutually authenticated TLS 1.3 handshake. The files are read again by a reload, and the next handshake uses them."},
    SDG_CREDENTIAL_KEYS("protection[].tls13"),
    {.path = "protection[].tls13.handshake_timeout_ms", .type = integer, .default_text = "10000", .unit = "milliseconds", .minimum = 500, .maximum = 300000, .description = "From ESTABLISHED to protection; an association without it by then is aborted."},
    {.path = "protection[].tls13.rekey_age_s", .type = integer, .default_text = "3600", .unit = "seconds", .minimum = 5, .maximum = 604800, .description = "New keys after that time (up to a tenth earlier, so that associations take turns)."},
    {.path = "protection[].tls13.rekey_volume_mb", .type = integer, .default_text = "100000", .unit = "10^6 octets", .minimum = 1, .maximum = 100000000, .description = "New keys after that much, both directions together."},
    {.path = "protection[].tls13.key_lifetime_s", .type = integer, .default_text = "14400", .unit = "seconds", .minimum = 10, .maximum = 1209600, .description = "Keys that could not be renewed for that long end the association. More than rekey_age_s."},
    {.path = "protection[].tls13.expiry_margin_s", .type = integer, .default_text = "86400", .unit = "seconds", .minimum = 0, .maximum = 31536000, .description = "New keys, with new certificates if they are there, that long before a certificate of either side expires. At its end the association ends."},
    {.path = "protection[].tls13.drain_s", .type = integer, .default_text = "120", .unit = "seconds", .minimum = 1, .maximum = 3600, .description = "How long the old receive key stays after a rekey."},
    {.path = "protection[].tls13.drain_unconfirmed_s", .type = integer, .default_text = "303", .unit = "seconds", .minimum = 1, .maximum = 3600, .description = "The same while it is not known that the peer has got the last message of the rekey; the time in which SCTP gives an association up."},
    {.path = "protection[].tls13.min_rekey_interval_ms", .type = integer, .default_text = "1000", .unit = "milliseconds", .minimum = 0, .maximum = 3600000, .description = "A peer that starts rekeys faster than that has to wait."},
    {.path = "protection[].dtls13", .type = section, .description = "Method `dtls13`: one DTLS 1.3 connection per association, mutually authenticated; new keys by extended key update. The keys down to signature_algorithms are those of `tls13`; CCM suites and rsa_pss_pss_ signatures are not there. The files are read again by a reload, and the next handshake or re-authentication uses them."},
    SDG_CREDENTIAL_KEYS("protection[].dtls13"),
    {.path = "protection[].dtls13.handshake_timeout_ms", .type = integer, .default_text = "10000", .unit = "milliseconds", .minimum = 500, .maximum = 300000, .description = "From ESTABLISHED to protection; an association without it by then is aborted."},
    {.path = "protection[].dtls13.update_age_s", .type = integer, .default_text = "3600", .unit = "seconds", .minimum = 5, .maximum = 604800, .description = "New keys after that time (up to a tenth earlier, so that associations take turns)."},
    {.path = "protection[].dtls13.update_volume_mb", .type = integer, .default_text = "100000", .unit = "10^6 octets", .minimum = 1, .maximum = 100000000, .description = "New keys after that much, both directions together."},
    {.path = "protection[].dtls13.update_timeout_ms", .type = integer, .default_text = "60000", .unit = "milliseconds", .minimum = 1000, .maximum = 600000, .description = "A key update that takes longer ends the association."},
    {.path = "protection[].dtls13.min_update_interval_ms", .type = integer, .default_text = "1000", .unit = "milliseconds", .minimum = 0, .maximum = 600000, .description = "A peer that starts key updates faster than that is answered only then. Less than update_timeout_ms, here and of the peer."},
    {.path = "protection[].dtls13.key_lifetime_s", .type = integer, .default_text = "14400", .unit = "seconds", .minimum = 10, .maximum = 1209600, .description = "Keys that could not be renewed for that long end the association. More than update_age_s."},
    {.path = "protection[].dtls13.reauthentication_interval_s", .type = integer, .default_text = "86400", .unit = "seconds", .minimum = 0, .maximum = 31536000, .description = "The peer has to authenticate anew after that time (up to a tenth earlier). 0: only when its certificate is about to expire."},
    {.path = "protection[].dtls13.reauthentication_timeout_ms", .type = integer, .default_text = "30000", .unit = "milliseconds", .minimum = 1000, .maximum = 600000, .description = "A peer that has not answered by then ends the association."},
    {.path = "protection[].dtls13.expiry_margin_s", .type = integer, .default_text = "86400", .unit = "seconds", .minimum = 0, .maximum = 31536000, .description = "The peer has to authenticate anew, with a new certificate if it has one, that long before its certificate expires. At its end the association ends."},
    {.path = "protection[].dtls13.drain_s", .type = integer, .default_text = "120", .unit = "seconds", .minimum = 1, .maximum = 3600, .description = "How long the old receive key stays after a key update; never after the next one."},
    {.path = "protection[].dtls13.drain_unconfirmed_s", .type = integer, .default_text = "303", .unit = "seconds", .minimum = 1, .maximum = 3600, .description = "The same while nothing has shown that the peer has left the old key; the time in which SCTP gives an association up."},

    {.path = "backends", .type = list, .presence = required, .minimum = 1, .maximum = 1024, .description = "Where accepted associations are relayed to."},
    {.path = "backends[]", .type = section, .presence = required, .description = "One backend."},
    {.path = "backends[].name", .type = name, .presence = required, .description = "For references and the log."},
    {.path = "backends[].side", .type = choice, .presence = required, .choices = kSides, .description = "Whether the association to it is protected by DTLS chunks."},
    {.path = "backends[].local", .type = address, .presence = required, .description = "The gateway's own address to connect from; one of a port's."},
    {.path = "backends[].local_port", .type = integer, .default_text = "0", .minimum = 0, .maximum = 65535, .description = "SCTP port to connect from. 0: an ephemeral one."},
    {.path = "backends[].via", .type = name, .description = "The port's name, as a check that `local` is where you think. Absent: the port that has `local`."},
    {.path = "backends[].address", .type = address, .presence = required, .description = "The backend's address, of the same family as `local`, on a prefix or route of that port."},
    {.path = "backends[].port", .type = integer, .presence = required, .minimum = 1, .maximum = 65535, .description = "The backend's SCTP port."},
    {.path = "backends[].peer_names", .type = list, .default_text = "[]", .maximum = 256, .description = "Instead of the `peer_names` of the policy's `tls13` and `dtls13`."},
    {.path = "backends[].peer_names[]", .type = peer_name, .presence = required, .description = "As there."},
    {.path = "backends[].protection", .type = name, .description = "Name of a protection policy: required on side `protected`, not allowed on side `plain`."},
    {.path = "backends[].streams", .type = integer, .default_text = "16", .minimum = 1, .maximum = 1024, .description = "Outgoing streams asked for."},
    {.path = "backends[].connect_timeout_ms", .type = integer, .default_text = "10000", .unit = "milliseconds", .minimum = 100, .maximum = 300000,
     .description = "An association not up by then is given up and the accepted one aborted."},

    {.path = "listeners", .type = list, .presence = required, .minimum = 1, .maximum = 1024, .description = "Where associations are accepted. Each accepted association gets one of its own to the backend."},
    {.path = "listeners[]", .type = section, .presence = required, .description = "One listener."},
    {.path = "listeners[].name", .type = name, .presence = required, .description = "For the log."},
    {.path = "listeners[].side", .type = choice, .presence = required, .choices = kSides, .description = "Whether associations accepted here are protected by DTLS chunks."},
    {.path = "listeners[].address", .type = address, .presence = required, .description = "One of a port's addresses."},
    {.path = "listeners[].port", .type = integer, .presence = required, .minimum = 1, .maximum = 65535, .description = "SCTP port."},
    {.path = "listeners[].backend", .type = name, .presence = required, .description = "Name of the backend."},
    {.path = "listeners[].peer_names", .type = list, .default_text = "[]", .maximum = 256, .description = "Instead of the `peer_names` of the policy's `tls13` and `dtls13`."},
    {.path = "listeners[].peer_names[]", .type = peer_name, .presence = required, .description = "As there."},
    {.path = "listeners[].protection", .type = name, .description = "Name of a protection policy: required on side `protected`, not allowed on side `plain`."},
    {.path = "listeners[].on_restart", .type = choice, .default_text = "keep", .choices = kOnRestart, .description = "When a protected leg of a relayed association is restarted: `keep` goes on with the other leg, `reset` ends it (and begins a new one towards the backend). A message that was relayed in part resets in any case."},
    {.path = "listeners[].max_streams", .type = integer, .default_text = "16", .minimum = 1, .maximum = 1024, .description = "Streams granted in each direction."},
    {.path = "listeners[].max_associations", .type = integer, .default_text = "1000", .minimum = 1, .maximum = 100000, .description = "Associations accepted at a time; more are refused."},

    {.path = "limits", .type = section, .description = "Bounds of the whole gateway."},
    {.path = "limits.associations", .type = integer, .default_text = "10000", .minimum = 1, .maximum = 100000, .description = "Associations at a time; both legs of a relayed one count."},
    {.path = "limits.handshakes", .type = integer, .default_text = "64", .minimum = 1, .maximum = 10000, .description = "Handshakes at a time that peers have begun who have not authenticated yet; more wait for their turn. Rekeys are not counted."},
    {.path = "limits.unauthenticated", .type = fraction, .default_text = "0.75", .minimum = 0.01, .maximum = 1, .description = "Part of a protected listener's `max_associations` that peers may take who have not authenticated yet. The COOKIE ECHO of one more is dropped, and comes again."},
    {.path = "limits.unauthenticated_source", .type = fraction, .default_text = "0.5", .minimum = 0.01, .maximum = 1, .description = "The same from one source: one IPv4 address, one IPv6 /64."},
    {.path = "limits.send_buffer_kib", .type = integer, .default_text = "256", .unit = "KiB", .minimum = 16, .maximum = 65536, .description = "Send buffer of one association. When it is full the other leg is not read."},
    {.path = "limits.receive_buffer_kib", .type = integer, .default_text = "256", .unit = "KiB", .minimum = 16, .maximum = 65536, .description = "Receive buffer (window) of one association."},
    {.path = "limits.ring_packets", .type = integer, .default_text = "2048", .unit = "packets", .minimum = 64, .maximum = 65536, .power_of_two = true,
     .description = "Each ring between a worker and the control loop; what does not fit is dropped and counted."},

    {.path = "budgets", .type = section, .description = "What senders that have no association may ask of the control loop; more is dropped by the workers and counted (docs/operations.md, \"Floods\"). Each worker has its share. What has not been used for a second may be used up at once."},
    {.path = "budgets.source_per_second", .type = integer, .default_text = "2000", .unit = "packets a second", .minimum = 10, .maximum = 10000000, .description = "From one source: one IPv4 address, one IPv6 /64. A new association takes two. Not less than a peer needs that brings all its associations up at once."},
    {.path = "budgets.init_per_second", .type = integer, .default_text = "3000", .unit = "packets a second", .minimum = 10, .maximum = 10000000, .description = "INITs, from all sources together."},
    {.path = "budgets.cookie_per_second", .type = integer, .default_text = "3000", .unit = "packets a second", .minimum = 10, .maximum = 10000000, .description = "COOKIE ECHOs, from all sources together."},
    {.path = "budgets.stray_per_second", .type = integer, .default_text = "1000", .unit = "packets a second", .minimum = 10, .maximum = 10000000, .description = "Other packets in clear of no association, from all sources together."},

    {.path = "sctp", .type = section, .description = "SCTP protocol parameters (RFC 9260, section 16), for all associations. Defaults suit signalling networks: a lost path is noticed within a minute or so."},
    {.path = "sctp.rto_initial_ms", .type = integer, .default_text = "1000", .unit = "milliseconds", .minimum = 10, .maximum = 60000, .description = "RTO.Initial (RFC 9260: 1000)."},
    {.path = "sctp.rto_min_ms", .type = integer, .default_text = "300", .unit = "milliseconds", .minimum = 10, .maximum = 60000, .description = "RTO.Min (RFC 9260: 1000). Above the peer's delay of acknowledgements."},
    {.path = "sctp.rto_max_ms", .type = integer, .default_text = "10000", .unit = "milliseconds", .minimum = 10, .maximum = 120000, .description = "RTO.Max (RFC 9260: 60000)."},
    {.path = "sctp.heartbeat_interval_ms", .type = integer, .default_text = "30000", .unit = "milliseconds", .minimum = 100, .maximum = 600000, .description = "HB.interval (RFC 9260: 30000)."},
    {.path = "sctp.association_max_retransmissions", .type = integer, .default_text = "10", .minimum = 1, .maximum = 100, .description = "Association.Max.Retrans (RFC 9260: 10)."},
    {.path = "sctp.init_max_retransmissions", .type = integer, .default_text = "8", .minimum = 1, .maximum = 100, .description = "Max.Init.Retransmits (RFC 9260: 8)."},
    {.path = "sctp.cookie_lifetime_ms", .type = integer, .default_text = "60000", .unit = "milliseconds", .minimum = 1000, .maximum = 600000, .description = "Valid.Cookie.Life (RFC 9260: 60000)."},
    {.path = "sctp.cookie_key_rotation_s", .type = integer, .default_text = "120", .unit = "seconds", .minimum = 1, .maximum = 86400, .description = "How often the key that authenticates State Cookies changes; the one before stays valid as long. Not shorter than a cookie's lifetime."},
    {.path = "sctp.sack_delay_ms", .type = integer, .default_text = "100", .unit = "milliseconds", .minimum = 0, .maximum = 500, .description = "Delay of acknowledgements (RFC 9260: 200). 0: none."},
    {.path = "sctp.path_mtu", .type = integer, .unit = "octets", .minimum = 576, .maximum = 9000, .description = "Largest IP packet sent, when the path is narrower than the port. Absent: the port's `mtu`."},

    {.path = "shutdown", .type = section, .description = "What SIGTERM and SIGINT do."},
    {.path = "shutdown.timeout_ms", .type = integer, .default_text = "5000", .unit = "milliseconds", .minimum = 0, .maximum = 600000, .description = "Time for associations to drain and shut down; those left are aborted."},

    {.path = "log", .type = section, .description = "The log, on standard error."},
    {.path = "log.level", .type = choice, .default_text = "info", .choices = kLevels, .description = "Least severity shown."},
    {.path = "log.format", .type = choice, .default_text = "auto", .choices = kFormats, .description = "`auto`: with fields into the systemd journal when standard error leads there, else `text`. `json`: one object a line."},
    {.path = "log.lines_per_second", .type = integer, .default_text = "10", .unit = "lines a second", .minimum = 0, .maximum = 100000, .description = "Of each module over a long time, a quarter of it for one kind of event; bursts are fifty seconds' worth. What is more is counted and told of in one line. 0: no limit."},
    {.path = "log.modules", .type = section, .description = "Levels of single modules, instead of `level`."},
    {.path = "log.modules.admin", .type = choice, .choices = kLevels, .description = "The admin socket and the metrics server."},
    {.path = "log.modules.gateway", .type = choice, .choices = kLevels, .description = "The program: start, stop, reload."},
    {.path = "log.modules.keymgmt", .type = choice, .choices = kLevels, .description = "Handshakes, rekeys, certificates."},
    {.path = "log.modules.relay", .type = choice, .choices = kLevels, .description = "Associations and backends."},
    {.path = "log.modules.restart", .type = choice, .choices = kLevels, .description = "Restart keys and their store."},

    {.path = "admin", .type = section, .description = "The unix socket that `sctp-gateway-ctl` uses. Absent: none."},
    {.path = "admin.socket", .type = file, .presence = required, .description = "Made at start, removed at exit; at most 107 octets. Its owner, the gateway's user, may use it."},
    {.path = "admin.group", .type = text, .description = "A group whose members may use the socket, too. Absent: none."},
    {.path = "admin.audit_log", .type = file, .presence = required, .description = "Every command that changes something is appended here: one JSON object a line."},

    {.path = "metrics", .type = section, .description = "Prometheus metrics (`/metrics`), health (`/healthz`, `/readyz`) and a status page for browsers (`/`) over HTTP. Absent: none."},
    {.path = "metrics.address", .type = host_address, .default_text = "127.0.0.1", .description = "An address of the host, not of the gateway's ports."},
    {.path = "metrics.port", .type = integer, .default_text = "9641", .minimum = 1, .maximum = 65535, .description = "TCP port."},
    {.path = "metrics.certificate", .type = file, .description = "PEM, own first, then intermediates. Absent: no TLS."},
    {.path = "metrics.private_key", .type = file, .description = "PEM, readable by its owner only. With `certificate`."},
    {.path = "metrics.token_file", .type = file, .description = "`/metrics` and the figures of the status page are given only to requests with this bearer token. Readable by its owner only. Absent: to everybody who can connect."},
    {.path = "metrics.page", .type = boolean, .default_text = "true", .description = "The status page at `/`. It shows addresses and identities of peers, which `/metrics` never does."},

    {.path = "restart", .type = section, .description = "The store for restart keys: after a crash the gateway brings its associations back by protected restart. Absent: peers may restart associations, this gateway forgets its own. One of `sqlite` and `redis`; see docs/restart-store.md."},
    {.path = "restart.group", .type = name, .default_text = "default", .description = "The associations of one gateway and of those that may take them over."},
    {.path = "restart.owner", .type = name, .default_text = "gateway", .description = "This gateway; another name for each that shares a group. Required with `redis`."},
    {.path = "restart.lease_ms", .type = integer, .default_text = "15000", .unit = "milliseconds", .minimum = 1000, .maximum = 3600000, .description = "After that time without a sign of life another owner may take the group over."},
    {.path = "restart.standby", .type = boolean, .default_text = "false", .description = "Wait, without touching ports and addresses, until the group is free, then take it over. `false`: refuse to start when another owner has it."},
    {.path = "restart.per_second", .type = integer, .default_text = "500", .unit = "associations a second", .minimum = 1, .maximum = 100000, .description = "Restarts begun at most."},
    {.path = "restart.at_once", .type = integer, .default_text = "64", .unit = "associations", .minimum = 1, .maximum = 10000, .description = "Restarts under way at most."},
    {.path = "restart.sqlite", .type = section, .description = "A file on this host."},
    {.path = "restart.sqlite.file", .type = file, .presence = required, .description = "Made when it is not there. Its directory must belong to the gateway alone."},
    {.path = "restart.redis", .type = section, .description = "A Redis or Valkey server, for a standby gateway on another machine."},
    {.path = "restart.redis.server", .type = redis_server, .presence = required, .description = "`unix:PATH` or `ADDRESS:PORT` (`[ADDRESS]:PORT` for IPv6). The connection is not encrypted."},
    {.path = "restart.redis.user", .type = text, .description = "Absent: the default user."},
    {.path = "restart.redis.password_file", .type = file, .description = "First line: the password. Readable by its owner only."},
    {.path = "restart.redis.prefix", .type = name, .default_text = "sdg", .description = "Of all keys in the server."},
    {.path = "restart.redis.wait_replicas", .type = integer, .default_text = "0", .minimum = 0, .maximum = 16, .description = "Replicas that must have confirmed a deletion; all of them, if the server fails over."},
    {.path = "restart.redis.require_durable", .type = boolean, .default_text = "true", .description = "Refuse a server that may lose what it has confirmed. `false` gives up the promise that no key is used twice."},
    {.path = "restart.key", .type = section, .presence = required, .description = "The key-encryption key that seals every stored row: one of `file`, `credential` and `token`."},
    {.path = "restart.key.file", .type = file, .description = "32 octets or 64 hexadecimal digits, readable by its owner only."},
    {.path = "restart.key.credential", .type = text, .description = "Name of a systemd credential (LoadCredential=, LoadCredentialEncrypted=)."},
    {.path = "restart.key.token", .type = text, .description = "URI of an RSA key in a token (`pkcs11:`, `handle:`); needs `wrapped_file`."},
    {.path = "restart.key.wrapped_file", .type = file, .description = "The key-encryption key, encrypted to the token's key."},
    {.path = "restart.former_keys", .type = list, .default_text = "[]", .maximum = 8, .description = "Keys that may still seal rows: the former ones, or the next one, during a rotation."},
    {.path = "restart.former_keys[]", .type = section, .presence = required, .description = "As `key`."},
    {.path = "restart.former_keys[].file", .type = file, .description = "As there."},
    {.path = "restart.former_keys[].credential", .type = text, .description = "As there."},
    {.path = "restart.former_keys[].token", .type = text, .description = "As there."},
    {.path = "restart.former_keys[].wrapped_file", .type = file, .description = "As there."},

    {.path = "security", .type = section, .description = "What the process may do. All capabilities are dropped once the ports are open, whatever is set here."},
    {.path = "security.user", .type = text, .description = "Started by root, the gateway becomes this user first and keeps only CAP_NET_RAW, CAP_NET_ADMIN and CAP_IPC_LOCK to open its ports. All files must be this user's. Absent: it stays who it is."},
    {.path = "security.group", .type = text, .description = "With `user`. Absent: the user's own group."},
    {.path = "security.seccomp", .type = boolean, .default_text = "true", .description = "A filter over all threads once the start is done: system calls that the gateway does not need fail (ENOSYS) and are counted."},

    {.path = "lab", .type = section, .description = "For the laboratory only."},
    {.path = "lab.keylog", .type = file, .description = "**Writes every traffic key in clear** to this file, so that captures can be decrypted. Absent: off."},
    {.path = "lab.tls_keylog", .type = file, .description = "**Writes the secrets of every TLS and DTLS handshake in clear** to this file (an SSLKEYLOGFILE), so that key-management messages can be looked into. Absent: off."},

    {.path = "stats_file", .type = file, .description = "Counters are written here as JSON at exit. Absent: not written."},
    // clang-format on
};

std::string number(double value) {
    return fmt::format("{:g}", value).find('e') == std::string::npos ? fmt::format("{:g}", value)
                                                                     : fmt::format("{:.0f}", value);
}

std::string range_words(const Key& key) {
    if (key.minimum == 0 && key.maximum == 0) {
        return {};
    }
    return fmt::format("from {} to {}", number(key.minimum), number(key.maximum));
}

}  // namespace

#undef SDG_CREDENTIAL_KEYS

std::span<const Key> schema() {
    return kKeys;
}

const Key* find_key(string_view path) {
    const auto found = std::find_if(std::begin(kKeys), std::end(kKeys),
                                    [&](const Key& key) { return key.path == path; });
    return found == std::end(kKeys) ? nullptr : &*found;
}

std::vector<const Key*> keys_below(string_view section_path) {
    std::vector<const Key*> out;
    for (const Key& key : kKeys) {
        string_view rest = key.path;
        if (!section_path.empty()) {
            if (!rest.starts_with(section_path) || rest.size() == section_path.size() ||
                rest[section_path.size()] != '.') {
                continue;
            }
            rest.remove_prefix(section_path.size() + 1);
        }
        if (rest.find('.') == string_view::npos && !rest.ends_with("[]")) {
            out.push_back(&key);
        }
    }
    return out;
}

string_view last_part(string_view path) {
    const size_t dot = path.rfind('.');
    return dot == string_view::npos ? path : path.substr(dot + 1);
}

std::string expectation(const Key& key) {
    const std::string range = range_words(key);
    const std::string unit = key.unit.empty() ? "" : fmt::format(" ({})", key.unit);
    switch (key.type) {
        case section:
            return "a section of keys";
        case list: {
            if (key.maximum == 0) {
                return "a list";
            }
            return key.minimum == 0 ? fmt::format("a list of at most {}", number(key.maximum))
                                    : fmt::format("a list of {} to {}", number(key.minimum),
                                                  number(key.maximum));
        }
        case boolean:
            return "true or false";
        case integer:
            return fmt::format("{} {}{}", key.power_of_two ? "a power of two" : "a whole number",
                               range, unit);
        case fraction:
            return fmt::format("a number {}{}", range, unit);
        case text:
            return "one line of text";
        case name:
            return "a name of 1 to 32 letters, digits, '_', '-' or '.'";
        case choice:
            return fmt::format("one of {}", fmt::join(key.choices, ", "));
        case address:
            return "a unicast IPv4 or IPv6 address";
        case host_address:
            return "a unicast or loopback IPv4 or IPv6 address";
        case address_prefix:
            return "a unicast address with its prefix length, such as 10.0.0.1/24 or "
                   "2001:db8::1/64";
        case network_prefix:
            return "a network with its prefix length, such as 10.0.0.0/8 or 2001:db8::/32";
        case redis_server:
            return "unix:PATH, ADDRESS:PORT or [ADDRESS]:PORT";
        case peer_name:
            return "any, dns:NAME, uri:URI or ip:ADDRESS, without wildcards";
        case mac_address:
            return "a unicast link address such as 02:00:00:00:00:01";
        case crypto_device:
            return "a DPDK crypto device such as crypto_openssl0 or 0000:01:00.0";
        case device:
            return "a DPDK device such as net_af_packet0,iface=eth1 or 0000:01:00.0";
        case file:
            return "a file name";
    }
    return {};
}

}  // namespace sdg::config
