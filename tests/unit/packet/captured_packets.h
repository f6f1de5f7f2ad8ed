// SCTP packets of a public capture (a kernel stack's association set-up), and frames around them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/ipv4.h"
#include "tests/support/hex.h"

namespace sdg::packet::test {

using sdg::test::from_hex;

inline std::vector<uint8_t> captured_init() {
    return from_hex(
        "84c11a3000000000259ef43f0100002494d021980000e00000010001e55ce946000c00060005000080000004"
        "c0000004");
}

inline std::vector<uint8_t> captured_init_ack() {
    return from_hex(
        "1a3084c194d02198dbf7873e0200010439d723700000e0000001000136ba1ddd000700e8fdbca32a8aa46ff7"
        "a9276be3788b3d292c522beb000000000000000000000000000000007023d7399821d0940000000000000000"
        "8651ca4dcf53020001000100dd1dba36020084c1c0a8018e0000000000000000000000000000000000000000"
        "301a01000000000080020024b193162043b9496270751d61e37ca916ecaa9b0daa2fac949e8c097a38994f9f"
        "00000000000000000000000000000000000000000000000000000000000000000100002494d021980000e000"
        "00010001e55ce946000c00060005000080000004c00000040000000000000000000000000000000000000000"
        "80000004c0000004");
}

inline std::vector<uint8_t> captured_cookie_echo() {
    return from_hex(
        "84c11a3039d723706b2b38eb0a0000e8fdbca32a8aa46ff7a9276be3788b3d292c522beb0000000000000000"
        "00000000000000007023d7399821d09400000000000000008651ca4dcf53020001000100dd1dba36020084c1"
        "c0a8018e0000000000000000000000000000000000000000301a01000000000080020024b193162043b94962"
        "70751d61e37ca916ecaa9b0daa2fac949e8c097a38994f9f0000000000000000000000000000000000000000"
        "0000000000000000000000000100002494d021980000e00000010001e55ce946000c00060005000080000004"
        "c00000040000000000000000000000000000000000000000");
}

inline std::vector<uint8_t> captured_cookie_ack() {
    return from_hex("1a3084c194d0219825b16a4b0b000004");
}

// A packet of one DTLS chunk with a record of `record` octets behind the record header.
inline std::vector<uint8_t> dtls_packet(size_t record = 20, uint8_t record_header = 0x2b) {
    std::vector<uint8_t> packet = from_hex("84c11a3039d7237000000000");
    const size_t length = 8 + record;
    packet.insert(packet.end(), {0x41, 0, static_cast<uint8_t>(length >> 8),
                                 static_cast<uint8_t>(length), 0, record_header, 0x12, 0x34});
    packet.resize(padded_to_4(packet.size() + record));
    return packet;
}

inline std::vector<uint8_t> ethernet(std::string_view tags_and_type_hex,
                                     const std::vector<uint8_t>& payload) {
    std::vector<uint8_t> frame = from_hex("0001af0c0696 00a080005e46");
    const std::vector<uint8_t> rest = from_hex(tags_and_type_hex);
    frame.insert(frame.end(), rest.begin(), rest.end());
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

// Header with the right checksum; options must be a multiple of four octets.
inline std::vector<uint8_t> ipv4(const std::vector<uint8_t>& payload, uint8_t protocol = 132,
                                 uint16_t fragment_field = 0x4000,
                                 const std::vector<uint8_t>& options = {}) {
    std::vector<uint8_t> packet = from_hex("45000000 c3a90000 ff000000 0a1c062c 0a1c062a");
    packet.insert(packet.end(), options.begin(), options.end());
    const size_t header = packet.size();
    packet[0] = static_cast<uint8_t>(0x40 | header / 4);
    store_be16(packet.data() + 2, static_cast<uint16_t>(header + payload.size()));
    store_be16(packet.data() + 6, fragment_field);
    packet[9] = protocol;
    store_be16(packet.data() + 10, internet_checksum({packet.data(), header}));
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
}

inline std::vector<uint8_t> ipv6(const std::vector<uint8_t>& payload, uint8_t next = 132) {
    std::vector<uint8_t> packet = from_hex(
        "60000000 00000040 20010db8000000000000000000000001 20010db8000000000000000000000002");
    store_be16(packet.data() + 4, static_cast<uint16_t>(payload.size()));
    packet[6] = next;
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
}

}  // namespace sdg::packet::test
