#include "control/keymgmt/dtls13/record.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr uint8_t kUnifiedBits = 0x20;  // 001CSLEE
constexpr uint8_t kUnifiedMask = 0xe0;
constexpr uint8_t kConnectionIdBit = 0x10;
constexpr uint8_t kLongSequenceBit = 0x08;
constexpr uint8_t kLengthBit = 0x04;
constexpr uint8_t kEpochBits = 0x03;
constexpr size_t kRecordNumberLength = 16;

std::optional<WireRecord> take_protected(View& datagram) {
    Reader reader(datagram);
    WireRecord out;
    out.is_protected = true;
    const uint8_t first = reader.u8();
    if ((first & kConnectionIdBit) != 0) {
        return std::nullopt;  // none was negotiated, so its length is unknown
    }
    out.epoch_bits = first & kEpochBits;
    out.sequence_length = (first & kLongSequenceBit) != 0 ? 2 : 1;
    reader.skip(out.sequence_length);
    const size_t length = (first & kLengthBit) != 0 ? reader.be16() : reader.left();
    out.header = datagram.first(reader.offset());
    out.payload = reader.bytes(length);
    if (!reader.ok()) {
        return std::nullopt;
    }
    datagram = datagram.subspan(reader.offset());
    return out;
}

std::optional<WireRecord> take_clear(View& datagram) {
    Reader reader(datagram);
    WireRecord out;
    out.type = static_cast<ContentType>(reader.u8());
    const uint16_t version = reader.be16();
    out.number.epoch = reader.be16();
    out.number.sequence = be48(reader);
    out.payload = vector16(reader);
    if (!reader.ok() || (version != kDtls12 && version != kDtls10)) {
        return std::nullopt;
    }
    datagram = datagram.subspan(reader.offset());
    return out;
}

}  // namespace

std::optional<WireRecord> take_record(View& datagram) {
    if (datagram.empty()) {
        return std::nullopt;
    }
    if ((datagram[0] & kUnifiedMask) == kUnifiedBits) {
        return take_protected(datagram);
    }
    switch (static_cast<ContentType>(datagram[0])) {
        case ContentType::alert:
        case ContentType::handshake:
        case ContentType::ack:
        case ContentType::change_cipher_spec:
            return take_clear(datagram);
        default:
            return std::nullopt;
    }
}

void append_clear_record(Octets& datagram, ContentType type, uint64_t sequence, View content) {
    Writer out;
    out.u8(static_cast<uint8_t>(type)).be16(kDtls12).be16(0).be48(sequence).vector<2>(content);
    const Octets record = out.take();
    datagram.insert(datagram.end(), record.begin(), record.end());
}

std::optional<std::vector<RecordNumber>> parse_ack(View content, size_t most) {
    Reader reader(content);
    const View numbers = vector16(reader);
    if (!reader.ok() || reader.left() != 0 || numbers.size() % kRecordNumberLength != 0) {
        return std::nullopt;
    }
    std::vector<RecordNumber> out;
    Reader each(numbers);
    while (each.left() > 0 && out.size() < most) {
        const uint64_t epoch = be64(each);
        out.push_back({epoch, be64(each)});
    }
    return out;
}

Octets ack_content(std::span<const RecordNumber> numbers) {
    Writer out;
    out.vector<2>([&](Writer& inner) {
        for (const RecordNumber& number : numbers) {
            inner.be64(number.epoch).be64(number.sequence);
        }
    });
    return out.take();
}

}  // namespace sdg::keymgmt::dtls13
