#include "endpoint/captured_messages.h"

#include <algorithm>
#include <iterator>

namespace sdg::endpoint {
namespace {

constexpr uint8_t kData = 0;
constexpr uint8_t kInit = 1;
constexpr uint8_t kCookieEcho = 10;
constexpr uint8_t kIData = 64;
constexpr size_t kDataHeader = 12;  // after the chunk header: TSN, stream, SSN, PPID

// How strongly a packet says who set the association up.
enum Evidence { by_data = 1, by_cookie_echo = 2, by_init = 3 };

uint32_t be32(std::span<const uint8_t> four) {
    return uint32_t{four[0]} << 24 | uint32_t{four[1]} << 16 | uint32_t{four[2]} << 8 | four[3];
}

}  // namespace

MessageCollector::Ends MessageCollector::ends_of(const TransportAddress& from,
                                                 const TransportAddress& to) {
    auto a = from.to_string();
    auto b = to.to_string();
    return a < b ? Ends{std::move(a), std::move(b)} : Ends{std::move(b), std::move(a)};
}

void MessageCollector::note_initiator(const SctpPacketView& packet, int evidence) {
    Initiator& known = initiators_[ends_of(packet.from, packet.to)];
    if (evidence > known.evidence) {
        known = {evidence, packet.from};
    }
}

void MessageCollector::add(const SctpPacketView& packet) {
    std::span<const uint8_t> rest = packet.chunks;
    while (!rest.empty()) {
        if (rest.size() < 4) {
            ++counts_.malformed;
            return;
        }
        const uint8_t type = rest[0];
        const size_t length = static_cast<size_t>(rest[2] << 8 | rest[3]);
        if (length < 4 || length > rest.size()) {
            ++counts_.malformed;
            return;
        }
        const auto value = rest.subspan(4, length - 4);
        if (type == kInit) {
            note_initiator(packet, by_init);
        } else if (type == kCookieEcho) {
            note_initiator(packet, by_cookie_echo);
        } else if (type == kIData) {
            ++counts_.interleaved;
        } else if (type == kData) {
            if (value.size() <= kDataHeader) {
                ++counts_.malformed;
                return;
            }
            note_initiator(packet, by_data);
            const std::string key = fmt::format("{}>{}#{}", packet.from.to_string(),
                                                packet.to.to_string(), packet.verification_tag);
            Direction& direction = directions_[key];
            direction.from = packet.from;
            direction.to = packet.to;
            add_data(direction, rest[1], value);
        }
        const size_t padded = (length + 3) & ~size_t{3};
        rest = rest.subspan(std::min(padded, rest.size()));
    }
}

void MessageCollector::add_data(Direction& direction, uint8_t flags,
                                std::span<const uint8_t> value) {
    const uint32_t wire_tsn = be32(value.first(4));
    // Unwrapped around the highest seen, starting far enough from zero for what came before it.
    uint64_t tsn = uint64_t{1} << 40 | wire_tsn;
    if (direction.started) {
        const auto distance =
            static_cast<int32_t>(wire_tsn - static_cast<uint32_t>(direction.highest));
        tsn = direction.highest + static_cast<uint64_t>(static_cast<int64_t>(distance));
    }
    direction.highest = direction.started ? std::max(direction.highest, tsn) : tsn;
    direction.started = true;
    if (!direction.seen.emplace(tsn, true).second) {
        ++counts_.duplicates;
        return;
    }
    Fragment fragment;
    fragment.begins = (flags & 0x02) != 0;
    fragment.ends = (flags & 0x01) != 0;
    fragment.part.ordered = (flags & 0x04) == 0;
    fragment.part.stream = static_cast<uint16_t>(value[4] << 8 | value[5]);
    fragment.part.ppid = be32(value.subspan(8, 4));
    fragment.part.bytes.assign(value.begin() + kDataHeader, value.end());
    direction.pending.emplace(tsn, std::move(fragment));
    complete(direction, tsn);
}

// Takes the message out that the fragment at tsn made whole, if it did.
void MessageCollector::complete(Direction& direction, uint64_t tsn) {
    auto& pending = direction.pending;
    auto first = pending.find(tsn);
    while (!first->second.begins) {
        const auto before = pending.find(first->first - 1);
        if (before == pending.end() || before->second.ends) {
            return;
        }
        first = before;
    }
    auto last = pending.find(tsn);
    while (!last->second.ends) {
        const auto after = pending.find(last->first + 1);
        if (after == pending.end() || after->second.begins) {
            return;
        }
        last = after;
    }
    UserMessage message = std::move(first->second.part);
    const auto past = std::next(last);
    for (auto at = std::next(first); at != past; ++at) {
        const Bytes& more = at->second.part.bytes;
        message.bytes.insert(message.bytes.end(), more.begin(), more.end());
    }
    pending.erase(first, past);
    finished_.push_back({direction.from, direction.to, std::move(message)});
}

CapturedMessages MessageCollector::finish(CaptureSide side) {
    CapturedMessages out = std::move(counts_);
    for (const auto& [key, direction] : directions_) {
        out.incomplete += direction.pending.size();
    }
    for (Finished& one : finished_) {
        const Initiator& initiator = initiators_[ends_of(one.from, one.to)];
        const bool initiating = initiator.address == one.from;
        if (side == CaptureSide::both || initiating == (side == CaptureSide::initiator)) {
            out.messages.push_back(std::move(one.message));
        } else {
            ++out.other_side;
        }
    }
    finished_.clear();
    return out;
}

Result<CapturedMessages> captured_messages(const std::filesystem::path& file, CaptureSide side) {
    MessageCollector collector;
    const auto packets =
        read_capture(file, [&collector](const SctpPacketView& packet) { collector.add(packet); });
    if (!packets) {
        return tl::unexpected(packets.error());
    }
    CapturedMessages out = collector.finish(side);
    out.packets = *packets;
    if (out.messages.empty()) {
        return fail(ErrorCode::not_found,
                    "capture {}: no whole SCTP user message of that side ({} packets, {} SCTP, {} "
                    "cut, {} IP fragments; {} messages of the other side, {} lone fragments{})",
                    file.string(), packets->packets, packets->sctp, packets->cut,
                    packets->fragments, out.other_side, out.incomplete,
                    packets->file_cut ? "; the file itself is cut short" : "");
    }
    return out;
}

}  // namespace sdg::endpoint
