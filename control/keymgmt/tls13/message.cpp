#include "control/keymgmt/tls13/message.h"

namespace sdg::keymgmt::tls13 {
namespace {

// RFC 8446, sections 4 and 5.1.
constexpr size_t kRecordHeader = 5;
constexpr size_t kMaxRecord = (1U << 14) + 256;
constexpr uint8_t kChangeCipherSpec = 20;
constexpr uint8_t kHandshake = 22;
constexpr uint8_t kApplicationData = 23;
constexpr uint8_t kMajorVersion = 3;
constexpr uint8_t kClientHello = 1;

Result<void> check_records(std::span<const uint8_t> octets) {
    while (!octets.empty()) {
        if (octets.size() < kRecordHeader) {
            return fail(ErrorCode::protocol, "TLS record cut short in its header");
        }
        if (octets[0] < kChangeCipherSpec || octets[0] > kApplicationData ||
            octets[1] != kMajorVersion) {
            return fail(ErrorCode::protocol, "not a TLS record: type {}, version {}.{}", octets[0],
                        octets[1], octets[2]);
        }
        const size_t length = static_cast<size_t>(octets[3]) << 8 | octets[4];
        if (length == 0 || length > kMaxRecord) {
            return fail(ErrorCode::protocol, "TLS record of {} octets", length);
        }
        if (octets.size() - kRecordHeader < length) {
            return fail(ErrorCode::protocol, "TLS record of {} octets cut short to {}", length,
                        octets.size() - kRecordHeader);
        }
        octets = octets.subspan(kRecordHeader + length);
    }
    return {};
}

}  // namespace

Result<KeyMessage> parse_message(std::span<const uint8_t> octets) {
    if (octets.size() < 2) {
        return fail(ErrorCode::protocol, "key-management message of {} octets", octets.size());
    }
    KeyMessage out;
    out.epoch = octets[0] & kEpochBits;
    if ((octets[0] & kControlBit) != 0) {
        if (octets[1] != kProtectionEstablished) {
            return fail(ErrorCode::protocol, "unknown key-management control message {}",
                        octets[1]);
        }
        if (octets.size() != 2) {
            return fail(ErrorCode::protocol, "Protection Established with {} octets of data",
                        octets.size() - 2);
        }
        out.kind = KeyMessage::Kind::protection_established;
        return out;
    }
    out.records = octets.subspan(1);
    if (auto checked = check_records(out.records); !checked) {
        return tl::unexpected(checked.error());
    }
    out.begins_with_client_hello =
        out.records[0] == kHandshake && out.records[kRecordHeader] == kClientHello;
    return out;
}

std::vector<uint8_t> records_message(uint16_t epoch, std::span<const uint8_t> records) {
    std::vector<uint8_t> out;
    out.reserve(1 + records.size());
    out.push_back(epoch & kEpochBits);
    out.insert(out.end(), records.begin(), records.end());
    return out;
}

std::vector<uint8_t> protection_established_message(uint16_t epoch) {
    return {static_cast<uint8_t>(kControlBit | (epoch & kEpochBits)), kProtectionEstablished};
}

}  // namespace sdg::keymgmt::tls13
