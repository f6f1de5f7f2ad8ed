// One gateway's data plane in a test: ports on test wires, workers polled by the test, the control
// thread's end of the rings. Single thread unless the test runs a worker itself.
#pragma once

#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <rte_mempool.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/keys/association_table.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/frame_writer.h"
#include "dataplane/port/port_table.h"
#include "dataplane/worker/bridge.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "tests/support/eal.h"
#include "tests/unit/keys/key_fixtures.h"
#include "tests/unit/port/test_wire.h"

namespace sdg::test {

using keys::test::material;
using packet::DropReason;
using port::MacAddress;

inline constexpr MacAddress kMacA = {2, 0, 0, 0, 0, 0x0a};  // the gateway's
inline constexpr MacAddress kMacB = {2, 0, 0, 0, 0, 0x0b};  // its neighbour's

inline IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

template <class T>
T expect(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

// A chunk with its header and padding.
inline Octets chunk(uint8_t type, const Octets& value, uint8_t flags = 0) {
    Octets out = {type, flags, 0, 0};
    packet::store_be16(out.data() + 2, static_cast<uint16_t>(4 + value.size()));
    out.insert(out.end(), value.begin(), value.end());
    out.resize((out.size() + 3) & ~size_t{3});
    return out;
}

inline Octets data_chunk(size_t length, uint8_t fill = 0x5a) {
    return chunk(packet::kChunkData, Octets(12 + length, fill), 3);
}

struct Flow {
    IpAddress local = ip("10.0.0.1");
    IpAddress peer = ip("10.0.0.2");
    uint16_t local_port = 38412;
    uint16_t peer_port = 9899;
    uint32_t local_tag = 0x11111111;
    uint32_t peer_tag = 0x22222222;

    [[nodiscard]] keys::AssociationKey key() const { return {local_port, peer_port, local_tag}; }
    [[nodiscard]] Flow reversed() const {
        return {peer, local, peer_port, local_port, peer_tag, local_tag};
    }
};

// An SCTP packet that goes from the flow's local end to its peer.
inline Octets sctp(const Flow& flow, const Octets& chunks, bool tag_zero = false) {
    Octets out(packet::kCommonHeader);
    packet::write_common_header(out.data(),
                                {flow.local_port, flow.peer_port, tag_zero ? 0 : flow.peer_tag});
    out.insert(out.end(), chunks.begin(), chunks.end());
    packet::set_checksum(out);
    return out;
}

struct FrameOptions {
    std::optional<uint16_t> vlan;
    uint8_t protocol = packet::kIpProtocolSctp;
    MacAddress destination = kMacA;
    MacAddress source = kMacB;
};

// A frame with the payload from flow.local to flow.peer, written independently of frame_writer.h.
inline Octets frame(const Flow& flow, const Octets& payload, const FrameOptions& options = {}) {
    Octets out(options.destination.begin(), options.destination.end());
    out.insert(out.end(), options.source.begin(), options.source.end());
    const auto put16 = [&out](uint32_t value) {
        out.push_back(static_cast<uint8_t>(value >> 8));
        out.push_back(static_cast<uint8_t>(value));
    };
    if (options.vlan) {
        put16(0x8100);
        put16(*options.vlan);
    }
    const bool v4 = flow.local.family == IpAddress::Family::v4;
    put16(v4 ? 0x0800 : 0x86dd);
    const size_t at = out.size();
    if (v4) {
        put16(0x4500);
        put16(static_cast<uint32_t>(20 + payload.size()));
        put16(0);
        put16(0x4000);
        put16(64U << 8 | options.protocol);
        put16(0);
    } else {
        put16(0x6000);
        put16(0);
        put16(static_cast<uint32_t>(payload.size()));
        put16(static_cast<uint32_t>(options.protocol) << 8 | 64U);
    }
    for (const IpAddress& address : {flow.local, flow.peer}) {
        out.insert(out.end(), address.octets.begin(),
                   address.octets.begin() + static_cast<ptrdiff_t>(address.size()));
    }
    if (v4) {
        packet::store_be16(out.data() + at + 10, packet::internet_checksum({out.data() + at, 20}));
    }
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

// What the control plane was handed, as values.
struct Received {
    bool opened = false;
    bool restart = false;
    uint16_t epoch = 0;
    keys::AssociationId association;
    IpAddress local;
    IpAddress peer;
    uint16_t port = 0;
    Octets chunks;  // without the common header
};

struct RigOptions {
    unsigned workers = 1;
    std::vector<uint16_t> queues = {1};  // of each port; port p has 10.0.p.1/24 and fd00:p::1/64
    unsigned ring_packets = 1024;
    unsigned wire_packets = 1024;
    std::optional<uint16_t> vlan;
    bool announce = false;
    bool static_neighbour = true;  // 10.0.p.2 and fd00:p::2 at kMacB
    uint16_t mtu = 1500;
    bool restart = false;
    worker::StrangerLimits strangers{};
};

class Rig {
 public:
    explicit Rig(const RigOptions& options = {}) {
        eal();
        std::vector<port::PortSettings> settings;
        for (size_t p = 0; p < options.queues.size(); ++p) {
            wires.push_back(std::make_unique<TestWire>(options.queues[p], options.wire_packets));
            port::PortSettings one;
            one.name = "port" + std::to_string(p);
            one.device = wires[p]->device();
            const std::string v4 = "10.0." + std::to_string(p) + ".";
            const std::string v6 = "fd00:" + (p == 0 ? "" : std::to_string(p) + "::");
            one.addresses = {{ip((v4 + "1").c_str()), 24},
                             {ip((v6 + (p == 0 ? ":1" : "1")).c_str()), 64}};
            one.routes = {{{ip("192.0.2.0"), 24}, ip((v4 + "254").c_str())}};
            if (options.static_neighbour) {
                one.neighbours = {{ip((v4 + "2").c_str()), kMacB},
                                  {ip((v6 + (p == 0 ? ":2" : "2")).c_str()), kMacB}};
            }
            one.mac = kMacA;
            one.vlan = options.vlan;
            one.mtu = options.mtu;
            one.mbufs = 511;
            one.announce = options.announce;
            settings.push_back(one);
        }
        ports = expect(port::PortTable::open(settings, options.workers));
        protection = keys::test::protection(64, options.workers, options.restart);
        rings = expect(worker::WorkerRingSet::create(options.workers, options.ring_packets));
        for (unsigned w = 0; w < options.workers; ++w) {
            worker::WorkerSettings one;
            one.index = w;
            one.strangers = options.strangers;
            workers.push_back(
                expect(worker::Worker::create(one, *ports, *protection, rings->all())));
        }
        bridge = std::make_unique<worker::ControlBridge>(rings->all(), ports->control_pool());
    }
    // Whatever a test does, no packet buffer may get lost.
    ~Rig() {
        workers.clear();
        rings.reset();
        for (uint16_t p = 0; p < ports->size(); ++p) {
            ports->port(p).neighbours.reset();
        }
        for (auto& wire : wires) {
            for (uint16_t q = 0; q < wire->queues(); ++q) {
                (void)wire->take(q);
            }
        }
        EXPECT_EQ(rte_mempool_in_use_count(ports->control_pool()), 0U) << "packet buffers leaked";
        for (auto& wire : wires) {
            EXPECT_EQ(wire->in_use(), 0U) << "packet buffers leaked";
        }
    }

    void poll() {
        for (auto& worker : workers) {
            worker->poll_once();
        }
    }
    void poll_at(uint64_t now) {
        for (auto& worker : workers) {
            worker->poll_at(now);
        }
    }
    std::vector<Received> received() {
        std::vector<Received> out;
        const auto take = [&out](const worker::ReceivedPacket& packet) {
            out.push_back({packet.opened, packet.restart, packet.epoch, packet.association,
                           packet.local, packet.peer, packet.port,
                           Octets(packet.sctp.begin() + 12, packet.sctp.end())});
        };
        while (bridge->poll(1000, take) > 0) {
        }
        return out;
    }
    bool send(const Flow& flow, const Octets& chunks, keys::AssociationId association = {},
              unsigned worker = 0, uint16_t port = 0, bool keep_clear = false) {
        const Octets plain = sctp(flow, chunks);
        return bridge->send({flow.local, flow.peer, port, association, worker, keep_clear, plain});
    }
    keys::AssociationId add(const Flow& flow, unsigned worker = 0) {
        return expect(protection->add(flow.key(), worker));
    }
    keys::AssociationEntry& entry(keys::AssociationId id) { return *protection->table().find(id); }
    // Keys of both directions; the two ends of a link use swapped numbers.
    void protect(keys::AssociationId id, uint64_t send_key, uint64_t receive_key,
                 keys::KeyRole role = keys::KeyRole::primary, uint16_t epoch = 3) {
        ASSERT_TRUE(protection->establish_receive_key(id, role, epoch, material(receive_key)));
        ASSERT_TRUE(protection->establish_send_key(id, role, epoch, material(send_key)));
        ASSERT_TRUE(protection->select_send_key(id, role, epoch));
    }
    [[nodiscard]] uint64_t drops(DropReason reason) const {
        uint64_t sum = 0;
        for (const auto& worker : workers) {
            sum += worker->counters().drop(reason);
        }
        return sum;
    }
    [[nodiscard]] uint64_t all_drops() const {
        uint64_t sum = 0;
        for (size_t r = 1; r < packet::kDropReasonCount; ++r) {
            sum += drops(static_cast<DropReason>(r));
        }
        return sum;
    }

    std::vector<std::unique_ptr<TestWire>> wires;
    std::unique_ptr<port::PortTable> ports;
    std::unique_ptr<keys::ChunkProtection> protection;
    std::unique_ptr<worker::WorkerRingSet> rings;
    std::vector<std::unique_ptr<worker::Worker>> workers;
    std::unique_ptr<worker::ControlBridge> bridge;
};

}  // namespace sdg::test
