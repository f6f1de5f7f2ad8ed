// worker-bench: what one worker spends per packet on one core, with protection on and off, over
// net_ring and net_null ports.
//
//   receive   frames of a port -> parse, CRC32c, look-up, (open) -> ring to the control plane
//   transmit  ring from the control plane -> (seal), CRC32c, IP, next hop, Ethernet -> the port
//
// Only the worker's rounds are timed, a burst of 32 each; making the packets and taking them away
// is not. Figures are medians over bursts, on and off in turns, so that whatever else the machine
// does falls on both. A packet carries --size octets of chunks.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "dataplane/keys/chunk_protection.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/frame_writer.h"
#include "dataplane/port/port_table.h"
#include "dataplane/record/dtls_chunk.h"
#include "dataplane/worker/bridge.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "foundation/random.h"

namespace sdg::perf {
namespace {

using port::MacAddress;

constexpr unsigned kBurst = 32;
constexpr MacAddress kOwnMac = {2, 0, 0, 0, 0, 0x0a};
constexpr MacAddress kPeerMac = {2, 0, 0, 0, 0, 0x0b};
constexpr uint16_t kPort = 38412;

struct Settings {
    unsigned size = 256;
    unsigned bursts = 4000;  // per way
    unsigned associations = 1;
    bool quick = false;
    bool json = false;
};

template <class T>
T expect(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

void expect(const Result<void>& result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
}

IpAddress address(const char* text) {
    return IpAddress::parse(text).value();
}

record::KeyMaterial material(uint64_t seed) {
    SeededRandom random(seed);
    record::KeyMaterial keys;
    keys.key = SecretBytes(16);
    keys.iv = SecretBytes(12);
    keys.sn_key = SecretBytes(16);
    random.fill(keys.key.mutable_bytes());
    random.fill(keys.iv.mutable_bytes());
    random.fill(keys.sn_key.mutable_bytes());
    return keys;
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
class Bench {
 public:
    Bench(const std::string& device, const Settings& settings) : settings_(settings) {
        port::PortSettings one;
        one.name = "bench";
        one.device = device;
        one.addresses = {{address("10.0.0.1"), 24}};
        one.neighbours = {{address("10.0.0.2"), kPeerMac}};
        one.mac = kOwnMac;
        one.announce = false;
        ports_ = expect(port::PortTable::open({one}, 1));
        keys::ChunkProtection::Settings table;
        table.max_associations = std::max(64U, 2 * settings.associations);
        protection_ = expect(keys::ChunkProtection::create(table));
        rings_ = expect(worker::WorkerRingSet::create(1, 1024));
        worker_ = expect(worker::Worker::create({}, *ports_, *protection_, rings_->all()));
        engine_ = expect(record::RecordEngine::create());
        add(clear_, 0x10000000, false);
        add(protected_, 0x20000000, true);
    }

    // Cycles of one burst from the port's ring to the control plane's.
    uint64_t receive(rte_ring* in, bool on) {
        std::array<rte_mbuf*, kBurst> frames = allocate();
        for (unsigned i = 0; i < kBurst; ++i) {
            make_frame(frames[i], next(on), on);
        }
        push(in, frames);
        const uint64_t cycles = timed_round();
        const unsigned got = drain(rings_->all()[0].to_control_known);
        if (got != kBurst) {
            throw std::runtime_error("packets went missing on the way in");
        }
        return cycles;
    }

    // Cycles of one burst from the control plane's ring to the port. out: null for a device that
    // swallows its frames.
    uint64_t transmit(rte_ring* out, bool on) {
        std::array<rte_mbuf*, kBurst> packets = allocate();
        for (rte_mbuf* packet : packets) {
            const Association& one = next(on);
            make_plain(packet, kPort, one.key.peer_port, one.peer_tag);
            worker::PacketMeta& meta = *worker::meta_of(packet);
            meta = {};
            meta.local = address("10.0.0.1").octets;
            meta.peer = address("10.0.0.2").octets;
            meta.family = IpAddress::Family::v4;
            meta.association = one.id;
        }
        push(rings_->all()[0].from_control, packets);
        const uint64_t before = worker_->counters().transmitted.load(std::memory_order_relaxed);
        const uint64_t cycles = timed_round();
        if (worker_->counters().transmitted.load(std::memory_order_relaxed) != before + kBurst) {
            throw std::runtime_error("packets went missing on the way out");
        }
        if (out != nullptr) {
            drain(out);
        }
        return cycles;
    }

    // An empty round, spread over a burst: what polling itself costs.
    uint64_t idle() { return timed_round(); }

 private:
    void add(std::vector<Association>& list, uint32_t tags, bool on) {
        for (unsigned i = 0; i < settings_.associations; ++i) {
            Association one;
            one.key = {kPort, static_cast<uint16_t>(1024 + i % 60'000), tags + i};
            one.peer_tag = tags + 0x08000000 + i;
            one.id = expect(protection_->add(one.key, 0));
            if (on) {
                using keys::KeyRole;
                const uint64_t seed = 2 * uint64_t{i};
                expect(protection_->establish_receive_key(one.id, KeyRole::primary, 3,
                                                          material(seed + 1)));
                expect(protection_->establish_send_key(one.id, KeyRole::primary, 3,
                                                       material(seed + 2)));
                expect(protection_->select_send_key(one.id, KeyRole::primary, 3));
                expect(protection_->require_protected_packets(one.id));
                one.peer = expect(record::SealContext::create(material(seed + 1), 3, false));
            }
            list.push_back(std::move(one));
        }
    }

    const Association& next(bool on) {
        const auto& list = on ? protected_ : clear_;
        turn_ = (turn_ + 1) % list.size();
        return list[turn_];
    }

    std::array<rte_mbuf*, kBurst> allocate() {
        std::array<rte_mbuf*, kBurst> packets{};
        if (rte_pktmbuf_alloc_bulk(ports_->control_pool(), packets.data(), kBurst) != 0) {
            throw std::runtime_error("out of packet buffers");
        }
        return packets;
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

    void make_plain(rte_mbuf* packet, uint16_t source, uint16_t destination, uint32_t tag) const {
        auto* at = reinterpret_cast<uint8_t*>(
            rte_pktmbuf_append(packet, static_cast<uint16_t>(12 + settings_.size)));
        packet::write_common_header(at, {source, destination, tag});
        std::fill_n(at + 12, settings_.size, uint8_t{0x5a});
        at[12] = packet::kChunkData;
        packet::store_be16(at + 14, static_cast<uint16_t>(settings_.size));
    }

    void make_frame(rte_mbuf* frame, const Association& from, bool on) {
        make_plain(frame, from.key.peer_port, kPort, from.key.local_tag);
        if (on) {
            uint8_t* start = port::prepend(frame, record::kContentOffset);
            std::memmove(start, start + record::kContentOffset, 12);
            rte_pktmbuf_append(frame,
                               static_cast<uint16_t>(record::dtls_chunk_length(settings_.size) -
                                                     record::kContentOffset - settings_.size));
            std::array<record::SealRequest, 1> request{};
            request[0].context = from.peer.get();
            request[0].record = start + 12 + record::kRecordOffset;
            request[0].content_length = settings_.size;
            request[0].room = record::record_length(settings_.size);
            engine_->seal_burst(request);
            record::write_dtls_chunk(start + 12, false, request[0].record_length);
        }
        packet::set_checksum({rte_pktmbuf_mtod(frame, uint8_t*), rte_pktmbuf_data_len(frame)});
        port::push_ipv4(frame, address("10.0.0.2").octets.data(), address("10.0.0.1").octets.data(),
                        packet::kIpProtocolSctp);
        port::push_ethernet(frame, kOwnMac, kPeerMac, std::nullopt, packet::kEtherTypeIpv4);
    }

    uint64_t timed_round() {
        const uint64_t start = rte_rdtsc_precise();
        worker_->poll_once();
        return rte_rdtsc_precise() - start;
    }

    Settings settings_;
    std::unique_ptr<port::PortTable> ports_;
    std::unique_ptr<keys::ChunkProtection> protection_;
    std::unique_ptr<worker::WorkerRingSet> rings_;
    std::unique_ptr<worker::Worker> worker_;
    std::unique_ptr<record::RecordEngine> engine_;
    std::vector<Association> clear_;
    std::vector<Association> protected_;
    size_t turn_ = 0;
};

struct Line {
    std::string port;
    std::string path;
    double off = 0;  // cycles per packet
    double on = 0;
};

double median(std::vector<uint64_t>& values) {
    std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2),
                     values.end());
    return static_cast<double>(values[values.size() / 2]);
}

template <class Burst>
Line measure(const std::string& port, const std::string& path, const Settings& settings,
             Burst&& burst) {
    std::vector<uint64_t> off;
    std::vector<uint64_t> on;
    for (unsigned i = 0; i < settings.bursts; ++i) {
        off.push_back(burst(false));
        on.push_back(burst(true));
    }
    return {port, path, median(off) / kBurst, median(on) / kBurst};
}

std::vector<Line> run(const Settings& settings) {
    std::vector<Line> lines;
    {
        const RingDevice device;
        Bench bench(device.name(), settings);
        lines.push_back(measure("net_ring", "receive", settings,
                                [&](bool on) { return bench.receive(device.in(), on); }));
        lines.push_back(measure("net_ring", "transmit", settings,
                                [&](bool on) { return bench.transmit(device.out(), on); }));
        lines.push_back(
            measure("net_ring", "idle round", settings, [&](bool) { return bench.idle(); }));
    }
    Bench bench("net_null0,size=64,copy=0,no-rx=1", settings);
    lines.push_back(measure("net_null", "transmit", settings,
                            [&](bool on) { return bench.transmit(nullptr, on); }));
    return lines;
}

void print(const std::vector<Line>& lines, const Settings& settings, double hz) {
    const auto ns = [hz](double cycles) { return cycles * 1e9 / hz; };
    if (settings.json) {
        nlohmann::json out;
        out["octets"] = settings.size;
        out["associations"] = settings.associations;
        out["burst"] = kBurst;
        out["tsc_hz"] = hz;
        for (const Line& line : lines) {
            out["results"].push_back({{"port", line.port},
                                      {"path", line.path},
                                      {"off_cycles", line.off},
                                      {"on_cycles", line.on},
                                      {"off_ns", ns(line.off)},
                                      {"on_ns", ns(line.on)},
                                      {"off_packets_per_s", hz / line.off},
                                      {"on_packets_per_s", hz / line.on},
                                      {"on_to_off", line.on / line.off}});
        }
        fmt::print("{}\n", out.dump(2));
        return;
    }
    fmt::print(
        "one worker, {} octets of chunks per packet, {} association(s) each way, AES-128-GCM\n",
        settings.size, settings.associations);
    fmt::print("{:<10}{:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>8}\n", "port", "path", "off cyc",
               "off ns", "off M/s", "on cyc", "on ns", "on M/s", "on/off");
    for (const Line& line : lines) {
        fmt::print("{:<10}{:<12}{:>10.0f}{:>10.1f}{:>10.2f}{:>10.0f}{:>10.1f}{:>10.2f}{:>8.2f}\n",
                   line.port, line.path, line.off, ns(line.off), hz / line.off / 1e6, line.on,
                   ns(line.on), hz / line.on / 1e6, line.on / line.off);
    }
}

}  // namespace
}  // namespace sdg::perf

int main(int argc, char** argv) {
    sdg::perf::Settings settings;
    CLI::App app{"Packets per second of one worker, with protection on and off"};
    app.add_option("--size", settings.size, "octets of chunks in a packet")
        ->check(CLI::Range(20, 1400))
        ->capture_default_str();
    app.add_option("--bursts", settings.bursts, "bursts per way")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--associations", settings.associations, "associations the packets belong to")
        ->check(CLI::Range(1, 50'000))
        ->capture_default_str();
    app.add_flag("--quick", settings.quick, "a short run, to see that it works");
    app.add_flag("--json", settings.json, "results as JSON");
    CLI11_PARSE(app, argc, argv);
    settings.size = (settings.size + 3) & ~3U;
    if (settings.quick) {
        settings.bursts = std::min(settings.bursts, 200U);
    }
    sdg::port::EalSettings eal;
    eal.memory_mib = 256;
    const auto started = sdg::port::Eal::start(eal);
    if (!started) {
        fmt::print(stderr, "worker-bench: {}\n", started.error().message);
        return 1;
    }
    try {
        print(sdg::perf::run(settings), settings, static_cast<double>(rte_get_tsc_hz()));
    } catch (const std::exception& error) {
        fmt::print(stderr, "worker-bench: {}\n", error.what());
        return 1;
    }
    return 0;
}
