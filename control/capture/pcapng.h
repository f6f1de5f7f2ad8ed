// pcapng blocks (draft-ietf-opsawg-pcapng), as many kinds as a capture of ours needs. DPDK's
// rte_pcapng writes one interface per DPDK port, no secrets and no comment of an interface, and
// waits for the file; here blocks are octets first.
//
// Little-endian, whatever the reader's. Texts are UTF-8, cut at 65,000 octets. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sdg::capture {

inline constexpr uint16_t kLinkEthernet = 1;
inline constexpr uint16_t kLinkRawIp = 101;
// Of a Decryption Secrets Block: lines of a TLS key log. Readers skip lines that they do not know.
inline constexpr uint32_t kSecretsTlsKeyLog = 0x544c534b;

using WallTimeNs = std::chrono::nanoseconds;  // since 1970-01-01 00:00 UTC

struct Section {
    std::string application;
    std::vector<std::string> comments;
};

struct Interface {
    uint16_t link = kLinkEthernet;
    uint32_t snap = 0;
    std::string name;
    std::string description;
    std::string filter;  // pcap-filter(7); empty: none
    std::vector<std::string> comments;
};

struct Packet {
    uint32_t interface = 0;
    WallTimeNs time{};
    bool outbound = false;
    uint32_t length = 0;  // of the packet; octets may be fewer
    std::span<const uint8_t> octets;
    std::string comment;  // empty: none
};

struct Statistics {
    uint32_t interface = 0;
    WallTimeNs begun{};
    WallTimeNs ended{};
    uint64_t written = 0;   // packets
    uint64_t not_kept = 0;  // packets that there was no room for
    std::string comment;
};

// Each appends one block.
void append(std::vector<uint8_t>& out, const Section& section);
void append(std::vector<uint8_t>& out, const Interface& interface);
void append(std::vector<uint8_t>& out, const Packet& packet);
void append(std::vector<uint8_t>& out, const Statistics& statistics);
void append_secrets(std::vector<uint8_t>& out, uint32_t type, std::span<const uint8_t> secrets);

// Octets of the whole blocks at the start of `blocks` that end within `length`.
[[nodiscard]] size_t whole_blocks(std::span<const uint8_t> blocks, size_t length);

}  // namespace sdg::capture
