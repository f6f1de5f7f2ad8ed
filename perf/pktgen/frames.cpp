#include "perf/pktgen/frames.h"

#include <pcap/pcap.h>

#include <cstring>
#include <memory>

#include "dataplane/packet/crc32c.h"
#include "dataplane/port/frame_writer.h"

namespace sdg::traffic {
namespace {

constexpr size_t kDataHeader = 16;
constexpr uint8_t kUnfragmented = 0x03;  // B and E

void write_sctp(uint8_t* at, const packet::CommonHeader& header, uint16_t size) {
    packet::write_common_header(at, header);
    uint8_t* chunk = at + packet::kCommonHeader;
    const size_t length = size - packet::kCommonHeader;
    chunk[0] = packet::kChunkData;
    chunk[1] = kUnfragmented;
    packet::store_be16(chunk + 2, static_cast<uint16_t>(length));
    packet::store_be32(chunk + 4, 1);   // TSN: nobody on the way looks at it
    packet::store_be32(chunk + 8, 0);   // stream, stream sequence number
    packet::store_be32(chunk + 12, 0);  // payload protocol: unspecified
    for (size_t i = kDataHeader; i < length; ++i) {
        chunk[i] = static_cast<uint8_t>(i);
    }
    packet::set_checksum({at, size});
}

}  // namespace

SizeMix SizeMix::fixed(uint16_t size) {
    return {std::to_string(size), {size}, {0}};
}

SizeMix SizeMix::imix() {
    return {"imix", {100, 300, 1200}, {0, 1, 0, 0, 1, 0, 2, 0, 1, 0}};
}

PacketOrder::Next PacketOrder::next() {
    if (random_) {
        const auto association = static_cast<uint32_t>(((engine_() >> 32) * associations_) >> 32);
        return {association, cycle_[step_++ % cycle_.size()]};
    }
    // Each association goes through the cycle, one step a round.
    const Next out{association_, cycle_[(association_ + step_) % cycle_.size()]};
    if (++association_ == associations_) {
        association_ = 0;
        ++step_;
    }
    return out;
}

void write_link_headers(uint8_t* frame, const LinkAddresses& link, size_t sctp_length) {
    port::write_ethernet(frame, link.destination, link.source, std::nullopt,
                         packet::kEtherTypeIpv4);
    port::write_ipv4(frame + packet::kEthernetHeader,
                     static_cast<uint32_t>(packet::kIpv4Header + sctp_length),
                     link.from.octets.data(), link.to.octets.data(), packet::kIpProtocolSctp);
}

FrameSet::FrameSet(const Associations& associations, Leg leg, const SizeMix& mix,
                   const LinkAddresses& link)
    : sizes_(mix.sizes) {
    size_t total = 0;
    for (const uint16_t size : sizes_) {
        starts_.push_back(total);
        total += (kFrameHeaders + size) * associations.size();
    }
    octets_.resize(total);
    for (size_t s = 0; s < sizes_.size(); ++s) {
        uint8_t* at = octets_.data() + starts_[s];
        for (uint32_t i = 0; i < associations.size(); ++i) {
            write_link_headers(at, link, sizes_[s]);
            write_sctp(
                at + kFrameHeaders,
                {Associations::node_port(i), kGatewayPort, associations.tag_to_gateway(leg, i)},
                sizes_[s]);
            at += kFrameHeaders + sizes_[s];
        }
    }
}

std::span<const uint8_t> FrameSet::chunks(size_t length) const {
    for (size_t s = 0; s < sizes_.size(); ++s) {
        if (sizes_[s] == packet::kCommonHeader + length) {
            return {octets_.data() + starts_[s] + kFrameHeaders + packet::kCommonHeader, length};
        }
    }
    return {};
}

Result<void> write_pcap(const std::string& file, const FrameSet& frames, PacketOrder order,
                        uint64_t count) {
    const std::unique_ptr<pcap_t, void (*)(pcap_t*)> handle(pcap_open_dead(DLT_EN10MB, 65'535),
                                                            &pcap_close);
    const std::unique_ptr<pcap_dumper_t, void (*)(pcap_dumper_t*)> dump(
        handle ? pcap_dump_open(handle.get(), file.c_str()) : nullptr, [](pcap_dumper_t* one) {
            if (one != nullptr) {
                pcap_dump_close(one);
            }
        });
    if (!dump) {
        return fail(ErrorCode::io, "{}: cannot be written: {}", file,
                    handle ? pcap_geterr(handle.get()) : "out of memory");
    }
    pcap_pkthdr header{};
    for (uint64_t i = 0; i < count; ++i) {
        const auto frame = frames.frame(order.next());
        header.ts.tv_sec = static_cast<time_t>(i / 1'000'000);
        header.ts.tv_usec = static_cast<suseconds_t>(i % 1'000'000);
        header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
        pcap_dump(reinterpret_cast<u_char*>(dump.get()), &header, frame.data());
    }
    if (pcap_dump_flush(dump.get()) != 0) {
        return fail(ErrorCode::io, "{}: cannot be written, is the disk full?", file);
    }
    return {};
}

}  // namespace sdg::traffic
