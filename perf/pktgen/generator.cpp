#include "perf/pktgen/generator.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "dataplane/packet/crc32c.h"
#include "dataplane/record/dtls_chunk.h"
#include "perf/pktgen/rest.h"

namespace sdg::traffic {
namespace {

constexpr uint16_t kBurst = GeneratorPort::kBurst;
// Without an arrival for so long, what is on its way counts as lost.
constexpr double kLostAfterSeconds = 0.2;
constexpr unsigned kLongestSleepUs = 50;

uint64_t cycles_of(double seconds) {
    return static_cast<uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
}

}  // namespace

std::string_view name(Direction direction) {
    switch (direction) {
        case Direction::seal:
            return "seal";
        case Direction::open:
            return "open";
        case Direction::round_trip:
            return "round-trip";
    }
    return "?";
}

Result<std::unique_ptr<Generator>> Generator::create(const GeneratorSettings& settings) {
    std::unique_ptr<Generator> out(new Generator(settings));
    if (auto ok = out->make_contexts(); !ok) {
        return tl::unexpected(ok.error());
    }
    const bool one_port = settings.protected_device.empty();
    std::vector<IpAddress> plain = {settings.addresses[0].node};
    if (one_port) {
        plain.push_back(settings.addresses[1].node);
    }
    const GeneratorPort::Wait wait(settings.wait);
    auto port = GeneratorPort::open(settings.plain_device, plain, settings.queues, wait);
    if (port && !one_port) {
        out->ports_.push_back(std::move(*port));
        port = GeneratorPort::open(settings.protected_device, {settings.addresses[1].node},
                                   settings.queues, wait);
    }
    if (!port) {
        return tl::unexpected(port.error());
    }
    out->ports_.push_back(std::move(*port));
    return out;
}

Result<void> Generator::make_contexts() {
    auto engine = record::RecordEngine::create();
    if (!engine) {
        return tl::unexpected(engine.error());
    }
    engine_ = std::move(*engine);
    const uint64_t limit = record::traits(settings_.associations.suite)->seal_limit;
    if (limit != record::kNoLimit) {
        key_limit_ = (limit - limit / 8) * associations_.size();
    }
    for (uint32_t i = 0; i < associations_.size(); ++i) {
        if (settings_.direction != Direction::seal) {
            auto seal =
                record::SealContext::create(associations_.keys_to_gateway(i), kEpoch, false);
            if (!seal) {
                return tl::unexpected(seal.error());
            }
            seals_.push_back(std::move(*seal));
        }
        if (settings_.direction != Direction::open) {
            auto open = record::OpenContext::create(associations_.keys_to_node(i), kEpoch, false);
            if (!open) {
                return tl::unexpected(open.error());
            }
            opens_.push_back(std::move(*open));
        }
    }
    return {};
}

Result<void> Generator::meet_forwarder() {
    for (const Leg leg : {Leg::plain, Leg::protected_}) {
        const LegAddresses& addresses = settings_.addresses[index_of(leg)];
        const auto mac =
            port_of(leg).resolve(addresses.gateway, GeneratorPort::Wait(settings_.wait));
        if (!mac) {
            return tl::unexpected(mac.error());
        }
        links_[index_of(leg)] = {*mac, port_of(leg).mac(), addresses.gateway, addresses.node};
    }
    frames_.emplace(associations_, sending_leg(), settings_.mix, links_[index_of(sending_leg())]);
    return {};
}

// One packet at a time until one has come back: then every link address on the way is known.
Result<void> Generator::warm_up() {
    const auto give_up = rte_rdtsc() + cycles_of(settings_.wait);
    uint64_t next = 0;
    while (counters_.received == 0) {
        now_ = rte_rdtsc();
        if (now_ >= give_up || stop_requested()) {
            return fail(ErrorCode::timed_out,
                        "the forwarder is there, but of {} packets none came back: have both the "
                        "same --seed, --associations and --suite?{}",
                        counters_.sent,
                        counters_.not_opened + counters_.no_association > 0
                            ? " (what did come back belongs to other ones)"
                            : "");
        }
        if (now_ >= next) {
            next = now_ + cycles_of(0.1);
            send(1);
        }
        receive_all();
        for (const auto& port : ports_) {
            port->flush();
        }
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    // Stragglers of the warm-up must not count later.
    for (const uint64_t end = rte_rdtsc() + cycles_of(0.05); rte_rdtsc() < end;) {
        receive_all();
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    counters_ = {};
    return {};
}

size_t Generator::may_send(uint64_t now) const {
    uint64_t most = kBurst;
    if (settings_.count > 0) {
        most = std::min(most, settings_.count - counters_.sent);
    }
    if (settings_.window > 0) {
        const uint64_t flying = in_flight();
        most = std::min<uint64_t>(most, settings_.window > flying ? settings_.window - flying : 0);
    }
    if (settings_.rate > 0) {
        const double elapsed =
            static_cast<double>(now - started_) / static_cast<double>(rte_get_tsc_hz());
        const auto due = static_cast<uint64_t>(elapsed * settings_.rate) + 1;
        most = std::min(most, due > counters_.sent ? due - counters_.sent : 0);
    }
    return static_cast<size_t>(most);
}

bool Generator::has_sent_all(uint64_t now) const {
    return counters_.sent >= key_limit_ || stop_requested() ||
           (settings_.count > 0 ? counters_.sent >= settings_.count
                                : now >= started_ + cycles_of(settings_.seconds));
}

void Generator::write_off_lost(uint64_t now) {
    if (in_flight() > 0 && now > last_arrival_ + cycles_of(kLostAfterSeconds)) {
        written_off_ += in_flight();
        last_arrival_ = now;
    }
}

Result<void> Generator::run() {
    if (auto ok = meet_forwarder(); !ok) {
        return ok;
    }
    if (auto ok = warm_up(); !ok) {
        return ok;
    }
    started_ = last_arrival_ = rte_rdtsc();
    worker::IdleBackoff backoff = make_backoff(kLongestSleepUs);
    bool sending = true;
    while (sending || in_flight() > 0 || !port_of(sending_leg()).idle()) {
        now_ = rte_rdtsc();
        size_t work = receive_all();
        if (sending && has_sent_all(now_)) {
            sending = false;
            sending_until_ = now_;
        }
        if (sending && port_of(sending_leg()).room() >= kBurst) {
            work += send(may_send(now_));
        }
        for (const auto& port : ports_) {
            work += port->flush();
        }
        if (!sending && now_ > last_arrival_ + cycles_of(kLostAfterSeconds) &&
            now_ > sending_until_ + cycles_of(kLostAfterSeconds)) {
            break;
        }
        if (settings_.window > 0) {
            write_off_lost(now_);
        }
        rest(backoff, work);
    }
    return {};
}

size_t Generator::send(size_t packets) {
    GeneratorPort& port = port_of(sending_leg());
    packets = std::min(packets, port.room());
    if (packets == 0) {
        return 0;
    }
    std::array<rte_mbuf*, kBurst> frames;
    if (rte_pktmbuf_alloc_bulk(port.pool(), frames.data(), static_cast<unsigned>(packets)) != 0) {
        ++counters_.no_buffer;
        return 0;
    }
    std::array<PacketOrder::Next, kBurst> which;
    for (size_t i = 0; i < packets; ++i) {
        which[i] = order_.next();
        const std::span<const uint8_t> frame = frames_->frame(which[i]);
        auto* at = reinterpret_cast<uint8_t*>(
            rte_pktmbuf_append(frames[i], static_cast<uint16_t>(frame.size())));
        std::memcpy(at, frame.data(), frame.size());
        counters_.sent_octets += frame.size() - kFrameHeaders;
    }
    if (sending_leg() == Leg::protected_) {
        seal({frames.data(), packets}, {which.data(), packets});
    }
    for (size_t i = 0; i < packets; ++i) {
        port.queue(frames[i]);
    }
    counters_.sent += packets;
    return packets;
}

// Seals the chunks of plain frames and puts the headers right.
void Generator::seal(std::span<rte_mbuf*> frames, std::span<const PacketOrder::Next> which) {
    std::array<record::SealRequest, kBurst> requests;
    for (size_t i = 0; i < frames.size(); ++i) {
        const uint32_t content = static_cast<uint32_t>(rte_pktmbuf_data_len(frames[i]) -
                                                       kFrameHeaders - packet::kCommonHeader);
        rte_pktmbuf_append(frames[i],
                           static_cast<uint16_t>(record::dtls_chunk_length(content) - content));
        uint8_t* chunk =
            rte_pktmbuf_mtod(frames[i], uint8_t*) + kFrameHeaders + packet::kCommonHeader;
        std::memmove(chunk + record::kContentOffset, chunk, content);
        requests[i].context = seals_[which[i].association].get();
        requests[i].record = chunk + record::kRecordOffset;
        requests[i].content_length = content;
        requests[i].room = record::record_length(content);
    }
    engine_->seal_burst({requests.data(), frames.size()});
    for (size_t i = 0; i < frames.size(); ++i) {
        auto* frame = rte_pktmbuf_mtod(frames[i], uint8_t*);
        uint8_t* sctp = frame + kFrameHeaders;
        const uint32_t chunk = record::write_dtls_chunk(sctp + packet::kCommonHeader, false,
                                                        requests[i].record_length);
        packet::set_checksum({sctp, packet::kCommonHeader + chunk});
        write_link_headers(frame, links_[index_of(Leg::protected_)], packet::kCommonHeader + chunk);
    }
}

size_t Generator::receive_all() {
    size_t n = 0;
    for (const auto& port : ports_) {
        // A burst that has to be sent back must find room.
        if (settings_.direction != Direction::round_trip || port->room() >= kBurst) {
            n += receive(*port);
        }
    }
    return n;
}

size_t Generator::receive(GeneratorPort& port) {
    std::array<rte_mbuf*, kBurst> frames;
    const uint16_t n = port.receive(frames);
    if (n == 0) {
        return 0;
    }
    std::array<Arrival, kBurst> arrivals;
    size_t records = 0;
    for (uint16_t i = 0; i < n; ++i) {
        rte_mbuf* frame = frames[i];
        auto* start = rte_pktmbuf_mtod(frame, uint8_t*);
        const packet::ParsedPacket parsed = packet::parse({start, rte_pktmbuf_data_len(frame)});
        if (parsed.kind != packet::FrameKind::sctp) {
            ++counters_.strays;
            rte_pktmbuf_free(frame);
            continue;
        }
        const std::span<uint8_t> sctp(start + parsed.l4_offset, parsed.l4_length);
        if (!packet::checksum_ok(sctp)) {
            ++counters_.checksum;
            rte_pktmbuf_free(frame);
            continue;
        }
        if (!packet::starts_with_dtls_chunk(sctp.data())) {
            take_plain(frame, sctp);
            continue;
        }
        const packet::CommonHeader header = packet::read_common_header(sctp.data());
        const auto association = associations_.find_to_node(
            Leg::protected_, header.destination_port, header.verification_tag);
        const auto chunk = record::parse_dtls_chunk(sctp.subspan(packet::kCommonHeader));
        if (!association || opens_.empty() || !chunk) {
            ++(chunk ? counters_.no_association : counters_.malformed);
            rte_pktmbuf_free(frame);
            continue;
        }
        Arrival& arrival = arrivals[records++];
        arrival.frame = frame;
        arrival.sctp = sctp.data();
        arrival.association = *association;
        arrival.l3_offset = parsed.l3_offset;
        arrival.request = {};
        arrival.request.context = opens_[*association].get();
        arrival.request.record = chunk->record.data();
        arrival.request.record_length = static_cast<uint32_t>(chunk->record.size());
    }
    if (records > 0) {
        take_opened(port, {arrivals.data(), records});
    }
    return n;
}

void Generator::arrived(std::span<const uint8_t> chunks) {
    const std::span<const uint8_t> expected = frames_->chunks(chunks.size());
    if (expected.size() != chunks.size() ||
        std::memcmp(expected.data(), chunks.data(), chunks.size()) != 0) {
        ++counters_.changed;
        return;
    }
    ++counters_.received;
    counters_.received_octets += packet::kCommonHeader + chunks.size();
    last_arrival_ = now_;
}

void Generator::take_plain(rte_mbuf* frame, std::span<uint8_t> sctp) {
    const packet::CommonHeader header = packet::read_common_header(sctp.data());
    if (settings_.direction == Direction::seal ||
        !associations_.find_to_node(Leg::plain, header.destination_port, header.verification_tag)) {
        ++counters_.no_association;
    } else {
        arrived(sctp.subspan(packet::kCommonHeader));
    }
    rte_pktmbuf_free(frame);
}

void Generator::take_opened(GeneratorPort& port, std::span<Arrival> arrivals) {
    std::array<record::OpenRequest, kBurst> requests;
    for (size_t i = 0; i < arrivals.size(); ++i) {
        requests[i] = arrivals[i].request;
    }
    engine_->open_burst({requests.data(), arrivals.size()});
    size_t opened = 0;
    for (size_t i = 0; i < arrivals.size(); ++i) {
        const record::OpenRequest& request = requests[i];
        if (request.outcome != record::OpenOutcome::opened) {
            ++(request.outcome == record::OpenOutcome::replayed ? counters_.replayed
                                                                : counters_.not_opened);
            rte_pktmbuf_free(arrivals[i].frame);
            continue;
        }
        arrivals[opened] = arrivals[i];
        arrivals[opened++].request = request;
    }
    if (settings_.direction == Direction::round_trip) {
        reflect(port, arrivals.first(opened));
        return;
    }
    for (const Arrival& arrival : arrivals.first(opened)) {
        arrived({arrival.request.record + arrival.request.content_offset,
                 arrival.request.content_length});
        rte_pktmbuf_free(arrival.frame);
    }
}

// The content stays where it is; the record around it becomes one of the other direction.
void Generator::reflect(GeneratorPort& port, std::span<Arrival> arrivals) {
    std::array<record::SealRequest, kBurst> requests;
    for (size_t i = 0; i < arrivals.size(); ++i) {
        requests[i].context = seals_[arrivals[i].association].get();
        requests[i].record = arrivals[i].request.record;
        requests[i].content_length = arrivals[i].request.content_length;
        requests[i].room = record::record_length(arrivals[i].request.content_length);
    }
    engine_->seal_burst({requests.data(), arrivals.size()});
    for (size_t i = 0; i < arrivals.size(); ++i) {
        const Arrival& arrival = arrivals[i];
        const uint32_t chunk = record::write_dtls_chunk(arrival.sctp + packet::kCommonHeader, false,
                                                        requests[i].record_length);
        const packet::CommonHeader header = packet::read_common_header(arrival.sctp);
        packet::write_common_header(
            arrival.sctp, {header.destination_port, header.source_port,
                           associations_.tag_to_gateway(Leg::protected_, arrival.association)});
        packet::set_checksum({arrival.sctp, packet::kCommonHeader + chunk});
        auto* frame = rte_pktmbuf_mtod(arrival.frame, uint8_t*);
        std::swap_ranges(frame, frame + 6, frame + 6);
        uint8_t* ip = frame + arrival.l3_offset;
        std::swap_ranges(ip + packet::kIpv4SourceOffset, ip + packet::kIpv4DestinationOffset,
                         ip + packet::kIpv4DestinationOffset);
        port.queue(arrival.frame);
    }
    counters_.reflected += arrivals.size();
    last_arrival_ = now_;
}

bool Generator::has_faults() const {
    return counters_.received == 0 || counters_.checksum + counters_.malformed +
                                              counters_.no_association + counters_.not_opened +
                                              counters_.replayed + counters_.changed >
                                          0;
}

nlohmann::json Generator::report() const {
    using nlohmann::json;
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const double sending = static_cast<double>(sending_until_ - started_) / hz;
    const double receiving = static_cast<double>(last_arrival_ - started_) / hz;
    const auto per_second = [](uint64_t n, double seconds) {
        return seconds > 0 ? static_cast<double>(n) / seconds : 0.0;
    };
    const uint64_t lost =
        counters_.sent > counters_.received ? counters_.sent - counters_.received : 0;
    json out = {{"program", "traffic-generator"},
                {"direction", name(settings_.direction)},
                {"mix", settings_.mix.name},
                {"associations", associations_.size()},
                {"order", settings_.random ? "random" : "in turn"},
                {"suite", record::traits(settings_.associations.suite)->name},
                {"rate", settings_.rate},
                {"window", settings_.window},
                {"seconds", sending},
                {"sent", counters_.sent},
                {"received", counters_.received},
                {"lost", lost},
                {"ratio", per_second(counters_.received, static_cast<double>(counters_.sent))},
                {"sent_packets_per_s", per_second(counters_.sent, sending)},
                {"packets_per_s", per_second(counters_.received, receiving)},
                {"gbit_per_s", per_second(counters_.received_octets * 8, receiving) / 1e9},
                {"ended_by_key_limit", counters_.sent >= key_limit_},
                {"strays", counters_.strays},
                {"no_buffer", counters_.no_buffer},
                {"faults",
                 {{"checksum", counters_.checksum},
                  {"malformed", counters_.malformed},
                  {"no_association", counters_.no_association},
                  {"not_opened", counters_.not_opened},
                  {"replayed", counters_.replayed},
                  {"changed", counters_.changed}}},
                {"passed", !has_faults()}};
    if (settings_.direction == Direction::round_trip) {
        out["reflected"] = counters_.reflected;
    }
    for (const auto& port : ports_) {
        json counters = json::object();
        for (const auto& [name, count] : port->counters()) {
            if (count > 0) {
                counters[name] = count;
            }
        }
        out["ports"].push_back(counters);
    }
    return out;
}

}  // namespace sdg::traffic
