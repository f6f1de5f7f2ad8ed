// What a worker does for a capture: copies of the packets that are asked for, into a ring of its
// own. While nothing is captured a worker has no tap, which costs it one load a round and one
// comparison a burst.
//
// A tap takes either frames, as they are at the ports, or plain packets: SCTP packets as the
// control plane sees them, after opening and before sealing. It never waits: without room in the
// ring a packet is counted and not kept.
//
// Made by the control thread, which gives it to a worker (Worker::set_tap) and destroys it after
// that worker has passed a quiescent state without it. take_*() and publish() belong to the
// worker, ring() to the capture's writer.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/capture/ring.h"
#include "foundation/ip_address.h"

namespace sdg::capture {

// Packets of one gateway port: all of them, or those of one association. Host byte order.
struct Target {
    uint16_t port = 0;  // index in port::PortTable
    bool whole_port = false;
    IpAddress local = {};
    IpAddress peer = {};
    uint16_t local_port = 0;
    uint16_t peer_port = 0;
    uint32_t local_tag = 0;  // on packets to us
    uint32_t peer_tag = 0;
};

enum class Direction : uint8_t { in, out };

// Both SCTP ports, and the addresses or the verification tag: packets of the association from
// other addresses belong to it, and so do those between its ends under other tags (INIT, an
// earlier or later association, forgeries).
[[nodiscard]] bool matches(const Target& target, Direction direction, const IpAddress& source,
                           const IpAddress& destination, std::span<const uint8_t> sctp);

inline constexpr size_t kMaxTargets = 2;
inline constexpr uint32_t kMaxSnap = 16384;  // octets of a packet
inline constexpr size_t kTapBurst = 64;

enum TapFlag : uint8_t {
    kTapOut = 0x01,
    kTapPlain = 0x02,      // an SCTP packet; else a frame
    kTapProtected = 0x04,  // a plain packet that came in a DTLS chunk, or leaves in one
    kTapRestart = 0x08,    // ... under the restart key context
    kTapFillSctp = 0x10,   // the port fills in the SCTP checksum
    kTapFillIpv4 = 0x20,   // the port fills in the IPv4 header checksum
    kTapTag = 0x40,        // the port has taken the VLAN tag out: tag_control
};

// In front of each packet in the ring.
struct TapRecord {
    uint64_t cycles = 0;    // time stamp counter
    uint32_t captured = 0;  // octets that follow
    uint32_t length = 0;    // the packet's
    uint16_t tag_control = 0;
    uint16_t epoch = 0;  // of the key that opened it
    uint8_t target = 0;
    uint8_t flags = 0;  // TapFlag
    IpAddress::Family family = IpAddress::Family::none;
    uint8_t reserved = 0;
    // Of plain packets.
    std::array<uint8_t, 16> source{};
    std::array<uint8_t, 16> destination{};
};
static_assert(sizeof(TapRecord) == 56);

class Tap {
 public:
    struct Settings {
        std::vector<Target> targets;  // 1 .. kMaxTargets
        bool plain = false;
        uint32_t snap = kMaxSnap;
        size_t ring_octets = size_t{4} << 20;
    };
    explicit Tap(const Settings& settings);

    // --- worker ---
    // At most kTapBurst frames, reserved only.
    void take_frames(uint16_t port, std::span<rte_mbuf* const> frames, Direction direction);
    // Those of the last take_frames(), but only of its first `sent` frames.
    void publish(size_t sent);
    // An SCTP packet with its PacketMeta. protects: it leaves in a DTLS chunk. Published at once.
    void take_plain(rte_mbuf* packet, Direction direction, bool protects = false);
    [[nodiscard]] bool plain() const { return plain_; }

    // --- reader ---
    [[nodiscard]] CaptureRing& ring() { return ring_; }
    // Any thread.
    [[nodiscard]] uint64_t not_kept() const { return not_kept_.load(std::memory_order_relaxed); }

 private:
    [[nodiscard]] int target_of(uint16_t port, std::span<const uint8_t> frame,
                                Direction direction) const;
    uint8_t* add(const TapRecord& record, size_t octets);
    void count_not_kept() {
        not_kept_.store(not_kept_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    const std::vector<Target> targets_;
    const bool plain_;
    const uint32_t snap_;
    CaptureRing ring_;
    std::array<uint64_t, kTapBurst + 1> positions_{};  // in the ring, before each frame
    size_t burst_ = 0;
    std::atomic<uint64_t> not_kept_{0};  // written by the worker
};

}  // namespace sdg::capture
