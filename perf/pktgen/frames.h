// The frames of a traffic run: Ethernet, IPv4, SCTP with one DATA chunk, checksums right.
//
// Made once before the run, so that sending a plain packet is one copy. Immutable afterwards, any
// thread. Sizes are octets of the plain SCTP packet, multiples of four.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/neighbour_table.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"
#include "perf/pktgen/associations.h"

namespace sdg::traffic {

inline constexpr size_t kFrameHeaders = packet::kEthernetHeader + packet::kIpv4Header;
// Common header, DATA chunk header, one word of user data.
inline constexpr uint16_t kMinSize = 32;
// Sealed and in IPv4 it still fits an MTU of 1500.
inline constexpr uint16_t kMaxSize = 1452;

struct SizeMix {
    std::string name;
    std::vector<uint16_t> sizes;  // distinct
    std::vector<uint8_t> cycle;   // indices of sizes, in the order sent

    [[nodiscard]] static SizeMix fixed(uint16_t size);
    // Signalling: 60 % 100, 30 % 300, 10 % 1200 octets.
    [[nodiscard]] static SizeMix imix();
};

// Which packet is next.
class PacketOrder {
 public:
    struct Next {
        uint32_t association;
        uint8_t size;  // index
    };
    PacketOrder(const SizeMix& mix, uint32_t associations, bool random, uint64_t seed)
        : cycle_(mix.cycle), associations_(associations), random_(random), engine_(seed) {}
    [[nodiscard]] Next next();

 private:
    std::vector<uint8_t> cycle_;
    uint32_t associations_;
    bool random_;
    uint32_t association_ = 0;
    size_t step_ = 0;
    std::mt19937_64 engine_;
};

// Of frames towards the forwarder.
struct LinkAddresses {
    port::MacAddress destination{};
    port::MacAddress source{};
    IpAddress to;
    IpAddress from;
};

// Ethernet and IPv4 in front of sctp_length octets of SCTP; frame has room for kFrameHeaders.
void write_link_headers(uint8_t* frame, const LinkAddresses& link, size_t sctp_length);

class FrameSet {
 public:
    FrameSet(const Associations& associations, Leg leg, const SizeMix& mix,
             const LinkAddresses& link);
    // The whole frame. On the protected leg what is to be sealed, not what is to be sent.
    [[nodiscard]] std::span<const uint8_t> frame(PacketOrder::Next which) const {
        const size_t length = kFrameHeaders + sizes_[which.size];
        return {octets_.data() + starts_[which.size] + which.association * length, length};
    }
    // Chunks of a packet as every association sends it; empty when no packet is that long.
    [[nodiscard]] std::span<const uint8_t> chunks(size_t length) const;

 private:
    std::vector<uint8_t> octets_;
    std::vector<uint16_t> sizes_;
    std::vector<size_t> starts_;  // by size
};

// Writes count frames in the given order as a capture file.
[[nodiscard]] Result<void> write_pcap(const std::string& file, const FrameSet& frames,
                                      PacketOrder order, uint64_t count);

}  // namespace sdg::traffic
