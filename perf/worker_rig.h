// The data plane of one worker on one port, and packets for it; see worker_bench.cpp.
#pragma once

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/keys/association_table.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/frame_writer.h"
#include "dataplane/port/port_table.h"
#include "dataplane/record/dtls_chunk.h"
#include "dataplane/worker/bridge.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "perf/measure.h"

namespace sdg::perf {

using port::MacAddress;

inline constexpr unsigned kBurst = 32;
inline constexpr MacAddress kOwnMac = {2, 0, 0, 0, 0, 0x0a};
inline constexpr MacAddress kPeerMac = {2, 0, 0, 0, 0, 0x0b};
inline constexpr uint16_t kPort = 38412;

struct RigOptions {
    uint32_t size = 256;  // octets of chunks in a packet; 0: the mix of signalling
    unsigned associations = 1;
    bool random_order = false;
    record::Suite suite = record::Suite::aes_128_gcm_sha256;
    record::AeadProvider* aead = nullptr;
    unsigned workers = 1;  // the first has the port, the last owns the associations
};

// What two readings of the counter with nothing between them differ by, per packet of a burst.
inline double reading_cost() {
    std::vector<double> values;
    for (int i = 0; i < 1000; ++i) {
        const uint64_t start = rte_rdtsc_precise();
        values.push_back(static_cast<double>(rte_rdtsc_precise() - start) / kBurst);
    }
    return median(values);
}

inline IpAddress address(const char* text) {
    return IpAddress::parse(text).value();
}

// Two rings as a device, and their far ends.
class RingDevice {
 public:
    RingDevice() {
        in_ = rte_ring_create("bench_in", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        out_ = rte_ring_create("bench_out", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        const int id = rte_eth_from_rings("bench", &in_, 1, &out_, 1, 0);
        if (id < 0) {
            throw std::runtime_error("no ring device");
        }
        std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
        rte_eth_dev_get_name_by_port(static_cast<uint16_t>(id), name.data());
        name_ = name.data();
    }
    ~RingDevice() {
        rte_eal_hotplug_remove("vdev", name_.c_str());
        rte_ring_free(in_);
        rte_ring_free(out_);
    }
    RingDevice(const RingDevice&) = delete;
    RingDevice& operator=(const RingDevice&) = delete;
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] rte_ring* in() const { return in_; }
    [[nodiscard]] rte_ring* out() const { return out_; }

 private:
    rte_ring* in_ = nullptr;
    rte_ring* out_ = nullptr;
    std::string name_;
};

struct Association {
    keys::AssociationKey key;
    keys::AssociationId id;
    uint32_t peer_tag = 0;
    std::unique_ptr<record::SealContext> peer;  // seals what we open
};

// A data plane with one port, and packets for it.
class WorkerRig {
 public:
    WorkerRig(const std::string& device, const RigOptions& options) : options_(options) {
        port::PortSettings one;
        one.name = "bench";
        one.device = device;
        one.addresses = {{address("10.0.0.1"), 24}};
        one.neighbours = {{address("10.0.0.2"), kPeerMac}};
        one.mac = kOwnMac;
        one.announce = false;
        ports_ = expect(port::PortTable::open({one}, options.workers));
        keys::ChunkProtection::Settings table;
        table.max_associations = std::max(64U, 2 * options.associations);
        table.aead = options.aead;
        table.workers = options.workers;
        protection_ = expect(keys::ChunkProtection::create(table));
        rings_ = expect(worker::WorkerRingSet::create(options.workers, 1024));
        for (unsigned index = 0; index < options.workers; ++index) {
            workers_.push_back(expect(worker::Worker::create(
                {.index = index, .aead = options.aead}, *ports_, *protection_, rings_->all())));
        }
        engine_ = expect(record::RecordEngine::create());
        add(clear_, 0x10000000, false);
        add(protected_, 0x20000000, true);
    }

    // Cycles of one burst from the port's ring to the control plane's.
    uint64_t receive(rte_ring* in, bool on) {
        feed_port(in, on);
        const uint64_t cycles = timed_round();
        take_delivered();
        return cycles;
    }
    // A burst of frames for the port.
    void feed_port(rte_ring* in, bool on) {
        std::array<rte_mbuf*, kBurst> frames = allocate();
        for (unsigned i = 0; i < kBurst; ++i) {
            make_frame(frames[i], next(on), on, size_of(i));
        }
        push(in, frames);
    }
    // What the owner has given to the control plane, a whole burst.
    void take_delivered() {
        if (drain(rings_->all()[owner()].to_control_known) != kBurst) {
            throw std::runtime_error("packets went missing on the way in");
        }
    }

    // Cycles of one burst from the control plane's ring to the port. out: null for a device that
    // swallows its frames.
    uint64_t transmit(rte_ring* out, bool on) {
        feed_control(on);
        const uint64_t before = workers_[0]->counters().transmitted.load(std::memory_order_relaxed);
        const uint64_t cycles = timed_round();
        if (workers_[0]->counters().transmitted.load(std::memory_order_relaxed) !=
            before + kBurst) {
            throw std::runtime_error("packets went missing on the way out");
        }
        if (out != nullptr) {
            drain(out);
        }
        return cycles;
    }
    // A burst of packets from the control plane to the owner.
    void feed_control(bool on) {
        std::array<rte_mbuf*, kBurst> packets = allocate();
        for (unsigned i = 0; i < kBurst; ++i) {
            rte_mbuf* packet = packets[i];
            const Association& one = next(on);
            make_plain(packet, kPort, one.key.peer_port, one.peer_tag, size_of(i));
            worker::PacketMeta& meta = *worker::meta_of(packet);
            meta = {};
            meta.local = address("10.0.0.1").octets;
            meta.peer = address("10.0.0.2").octets;
            meta.family = IpAddress::Family::v4;
            meta.association = one.id;
        }
        push(rings_->all()[owner()].from_control, packets);
    }

    // Cycles of one round of a worker.
    uint64_t timed_round(unsigned worker = 0) {
        const uint64_t start = rte_rdtsc_precise();
        workers_[worker]->poll_once();
        return rte_rdtsc_precise() - start;
    }
    [[nodiscard]] unsigned owner() const { return options_.workers - 1; }

    // An empty round, spread over a burst: what polling itself costs.
    uint64_t idle() { return timed_round(); }

    [[nodiscard]] uint32_t size_of(uint64_t index) const {
        return options_.size != 0 ? options_.size : imix_size(index);
    }
    // The table's keys in the order the packets take.
    keys::PackedKey next_key() {
        const Association& one = next(true);
        return {one.key.local_port, one.key.peer_port, one.key.local_tag};
    }
    [[nodiscard]] keys::ChunkProtection& protection() { return *protection_; }
    [[nodiscard]] std::vector<keys::AssociationId> protected_ids() const {
        std::vector<keys::AssociationId> ids;
        for (const Association& one : protected_) {
            ids.push_back(one.id);
        }
        return ids;
    }
    [[nodiscard]] const keys::AssociationTable& table() const { return protection_->table(); }
    [[nodiscard]] rte_mempool* pool() const { return ports_->control_pool(); }
    std::array<rte_mbuf*, kBurst> allocate() {
        std::array<rte_mbuf*, kBurst> packets{};
        if (rte_pktmbuf_alloc_bulk(ports_->control_pool(), packets.data(), kBurst) != 0) {
            throw std::runtime_error("out of packet buffers");
        }
        return packets;
    }

    // Cycles per stage since the last call, all zero when the build does not count them.
    std::array<uint64_t, worker::kCostStages> take_stages() {
        std::array<uint64_t, worker::kCostStages> out{};
        for (size_t i = 0; i < out.size(); ++i) {
            const uint64_t now = workers_[0]->counters().stage_cycles[i].load();
            out[i] = now - stages_[i];
            stages_[i] = now;
        }
        return out;
    }

    static void push(rte_ring* ring, const std::array<rte_mbuf*, kBurst>& packets) {
        if (rte_ring_enqueue_bulk(ring, reinterpret_cast<void* const*>(packets.data()), kBurst,
                                  nullptr) != kBurst) {
            throw std::runtime_error("ring full");
        }
    }

    static unsigned drain(rte_ring* ring) {
        std::array<rte_mbuf*, 2 * kBurst> packets{};
        const unsigned n = rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(packets.data()),
                                                  packets.size(), nullptr);
        rte_pktmbuf_free_bulk(packets.data(), n);
        return n;
    }

    static void make_plain(rte_mbuf* packet, uint16_t source, uint16_t destination, uint32_t tag,
                           uint32_t size) {
        auto* at = reinterpret_cast<uint8_t*>(
            rte_pktmbuf_append(packet, static_cast<uint16_t>(12 + size)));
        packet::write_common_header(at, {source, destination, tag});
        std::fill_n(at + 12, size, uint8_t{0x5a});
        at[12] = packet::kChunkData;
        packet::store_be16(at + 14, static_cast<uint16_t>(size));
    }

 private:
    void add(std::vector<Association>& list, uint32_t tags, bool on) {
        for (unsigned i = 0; i < options_.associations; ++i) {
            Association one;
            one.key = {kPort, static_cast<uint16_t>(1024 + i % 60'000), tags + i};
            one.peer_tag = tags + 0x08000000 + i;
            one.id = expect(protection_->add(one.key, owner()));
            if (on) {
                using keys::KeyRole;
                const uint64_t seed = 2 * uint64_t{i};
                expect(protection_->establish_receive_key(one.id, KeyRole::primary, 3,
                                                          make_material(options_.suite, seed + 1)));
                expect(protection_->establish_send_key(one.id, KeyRole::primary, 3,
                                                       make_material(options_.suite, seed + 2)));
                expect(protection_->select_send_key(one.id, KeyRole::primary, 3));
                expect(protection_->require_protected_packets(one.id));
                one.peer = expect(
                    record::SealContext::create(make_material(options_.suite, seed + 1), 3, false));
            }
            list.push_back(std::move(one));
        }
    }

    const Association& next(bool on) {
        const auto& list = on ? protected_ : clear_;
        turn_ = options_.random_order ? order_() % list.size() : (turn_ + 1) % list.size();
        return list[turn_];
    }

    void make_frame(rte_mbuf* frame, const Association& from, bool on, uint32_t size) {
        make_plain(frame, from.key.peer_port, kPort, from.key.local_tag, size);
        if (on) {
            uint8_t* start = port::prepend(frame, record::kContentOffset);
            std::memmove(start, start + record::kContentOffset, 12);
            rte_pktmbuf_append(frame, static_cast<uint16_t>(record::dtls_chunk_length(size) -
                                                            record::kContentOffset - size));
            std::array<record::SealRequest, 1> request{};
            request[0].context = from.peer.get();
            request[0].record = start + 12 + record::kRecordOffset;
            request[0].content_length = size;
            request[0].room = record::record_length(size);
            engine_->seal_burst(request);
            record::write_dtls_chunk(start + 12, false, request[0].record_length);
        }
        packet::set_checksum({rte_pktmbuf_mtod(frame, uint8_t*), rte_pktmbuf_data_len(frame)});
        port::push_ipv4(frame, address("10.0.0.2").octets.data(), address("10.0.0.1").octets.data(),
                        packet::kIpProtocolSctp);
        port::push_ethernet(frame, kOwnMac, kPeerMac, std::nullopt, packet::kEtherTypeIpv4);
    }

    RigOptions options_;
    std::array<uint64_t, worker::kCostStages> stages_{};
    std::mt19937_64 order_{42};
    std::unique_ptr<port::PortTable> ports_;
    std::unique_ptr<keys::ChunkProtection> protection_;
    std::unique_ptr<worker::WorkerRingSet> rings_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::unique_ptr<record::RecordEngine> engine_;
    std::vector<Association> clear_;
    std::vector<Association> protected_;
    size_t turn_ = 0;
};

}  // namespace sdg::perf
