// How usrsctp is made to see peers, so that it stays flat with thousands of associations.
//
// usrsctp never sees a real address or port. Over AF_CONN it takes an incoming packet only when its
// one address is registered as local, and it walks the list of registered addresses for every
// packet; and it finds the endpoint of an accepted association by hashing (local port | peer port).
// Real addresses as AF_CONN addresses would make the first walk as long as the number of peers, and
// real ports (thousands of peers of one well-known port, often with one port of their own) would
// put them all into few buckets. So:
//   - a few AF_CONN addresses (kAddresses) are registered once for the process;
//   - every listener has a virtual local port with as few low bits set as can be had, so that the
//     other side of the "or" spreads; every connecting socket has a virtual local port of its own;
//   - a peer is a (virtual peer port, AF_CONN address) chosen by a keyed hash of its real
//     four-tuple, tried again with another salt while an association has it.
// The common header is rewritten in both directions (host.cpp).
//
// Virtual ports are opaque 16-bit values in the byte order usrsctp stores them in (they are copied
// as they are, and usrsctp hashes them as they are). Control thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "foundation/clock.h"
#include "foundation/ip_address.h"
#include "foundation/random.h"
#include "foundation/secret_bytes.h"

namespace sdg::sctp {

// Real addresses and ports of an association. Ports are host byte order.
struct FourTuple {
    IpAddress local;
    IpAddress peer;
    uint16_t local_port = 0;
    uint16_t peer_port = 0;
    friend bool operator==(const FourTuple&, const FourTuple&) = default;
};

// The same as usrsctp sees it.
struct VirtualPath {
    uint16_t local_port = 0;
    uint16_t peer_port = 0;
    uint16_t address = 0;  // 1..kAddresses; 0 is no address
    friend bool operator==(const VirtualPath&, const VirtualPath&) = default;
};

// Each costs a list step per received packet, and multiplies the 65,535 peers of a listener.
inline constexpr uint16_t kAddresses = 32;

// The pointer-sized AF_CONN address of an index. Never dereferenced.
[[nodiscard]] inline void* conn_address(uint16_t index) {
    return reinterpret_cast<void*>(uintptr_t{index});
}
[[nodiscard]] inline uint16_t address_index(const void* address) {
    return static_cast<uint16_t>(reinterpret_cast<uintptr_t>(address));
}

// Places a four-tuple on a path. Keyed, so that nobody outside can aim two peers at one path.
class PathHash {
 public:
    explicit PathHash(Random& random);
    // peer_port and address of the attempt-th choice; local_port is the caller's.
    [[nodiscard]] VirtualPath place(const FourTuple& tuple, uint16_t local_port,
                                    unsigned attempt) const;

 private:
    SecretBytes key_;
};

// Paths that have been put into a State Cookie a short while ago, so that peers with a handshake
// under way do not get the same one. Of fixed size; a flood of INITs makes it forget, and then two
// of them may meet, which the COOKIE ECHO finds out.
class OfferedPaths {
 public:
    explicit OfferedPaths(std::chrono::nanoseconds memory) : memory_(memory), slots_(kSlots) {}
    // False: another peer was offered it less than the memory ago. True: it is the peer's now.
    [[nodiscard]] bool offer(const VirtualPath& path, const FourTuple& tuple, TimePoint now);

 private:
    static constexpr size_t kSlots = 16'384;
    struct Slot {
        VirtualPath path;
        FourTuple tuple;
        std::optional<TimePoint> since;
    };

    std::chrono::nanoseconds memory_;
    std::vector<Slot> slots_;
};

// Virtual local ports of the whole process.
class VirtualPorts {
 public:
    VirtualPorts();
    [[nodiscard]] std::optional<uint16_t> take_for_listener();
    [[nodiscard]] std::optional<uint16_t> take_for_connection();
    // The port goes to the end of its queue: usrsctp may hold a closed endpoint for a while.
    void give_back_listener(uint16_t port);
    void give_back_connection(uint16_t port);

 private:
    std::vector<uint16_t> listener_;  // best last
    std::deque<uint16_t> connection_;
};

}  // namespace sdg::sctp

template <>
struct std::hash<sdg::sctp::FourTuple> {
    size_t operator()(const sdg::sctp::FourTuple& tuple) const noexcept {
        const size_t addresses =
            std::hash<sdg::IpAddress>{}(tuple.local) * 31 + std::hash<sdg::IpAddress>{}(tuple.peer);
        return addresses * 0x9e3779b97f4a7c15ULL +
               ((size_t{tuple.local_port} << 16 | tuple.peer_port) * 0xc2b2ae3d27d4eb4fULL);
    }
};

template <>
struct std::hash<sdg::sctp::VirtualPath> {
    size_t operator()(const sdg::sctp::VirtualPath& path) const noexcept {
        const uint64_t packed =
            uint64_t{path.address} << 32 | uint64_t{path.local_port} << 16 | path.peer_port;
        return packed * 0x9e3779b97f4a7c15ULL >> 7;
    }
};
