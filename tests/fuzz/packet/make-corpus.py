#!/usr/bin/env python3
"""Writes the seeds of this folder's fuzz targets into corpus/<target>/, and those of ../capture: the same frames."""
import pathlib
import struct

here = pathlib.Path(__file__).parent / "corpus"


def write(target, name, octets):
    folder = here / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)
    if target == "fuzz_frame":
        folder = here.parent.parent / "capture" / "corpus" / "fuzz_capture_frame"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(octets)


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_checksum(packet):
    crc = 0xFFFFFFFF
    for octet in packet[:8] + bytes(4) + packet[12:]:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return packet[:8] + struct.pack("<I", ~crc & 0xFFFFFFFF) + packet[12:]


def ipv4(payload, options=b"", protocol=132, fragment=0, length=None):
    words = 5 + len(options) // 4
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload) if length is None else length, 1, fragment,
                       64, protocol, 0,
                       bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])) + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(payload, following=132):
    return struct.pack(">IHBB", 6 << 28, len(payload), following, 64) + bytes(15) + b"\1" + bytes(
        15) + b"\2" + payload


def chunk(kind, value=b"", flags=0):
    octets = struct.pack(">BBH", kind, flags, 4 + len(value)) + value
    return octets + bytes(-len(octets) % 4)


def parameter(kind, value):
    octets = struct.pack(">HH", kind, 4 + len(value)) + value
    return octets + bytes(-len(octets) % 4)


def init(kind, *parameters):
    octets = struct.pack(">IIHHI", 0x11223344, 65536, 10, 10, 7) + b"".join(parameters)
    return chunk(kind, octets)


header = struct.pack(">HHII", 5000, 6000, 0x01020304, 0)
key_management = parameter(0x8006, struct.pack(">IB", 7, 3) + bytes([0, 192]))
cookie = parameter(7, bytes(range(37)))
packets = {
    "init": header + init(1, parameter(12, b"\0\5\0\6"), key_management),
    "init_ack": header + init(2, cookie, key_management, parameter(0xC000, b"")),
    "init_two_parameters": header + init(1, key_management, key_management),
    "cookie_echo_data": header + chunk(10, bytes(41)) + chunk(0, bytes(14), 3),
    "dtls": header + chunk(0x41, bytes([0, 0x2B, 1, 2]) + bytes(40)),
    "dtls_bundled": header + chunk(11) + chunk(0x41, bytes([0, 0x2B, 1, 2]) + bytes(40)),
    "abort": header + chunk(6, parameter(100, b"")),
    "shutdown_complete": header + chunk(14),
    "key_management_data": header + chunk(0, struct.pack(">IHHI", 1, 0, 0, 4242) + b"x", 3),
    "i_data": header + chunk(64, bytes(20), 3),
    "short_data": header + chunk(0, bytes(4), 3),
    "cut_chunk": header + chunk(11) + b"\0\3\0\x40",
    "dtls_short": header + chunk(0x41, bytes([0, 0x2B, 1, 2])),
    "dtls_header": header + chunk(0x41, bytes([0, 0x2F, 1, 2]) + bytes(40)),
    "dtls_and_cut": header + chunk(0x41, bytes([0, 0x2B, 1, 2]) + bytes(40)) + b"\0\3",
    "error": header + chunk(9, struct.pack(">HHI", 3, 8, 1)),
    "init_odd": header + init(1, parameter(0x8008, b"\xc1")) + b"\0",
    "init_bad_parameter": header + init(1, b"\x80\x06\0\x02"),
    "init_zero_chunk": header + b"\1\0\0\4",
    "init_and_more": header + init(1) + chunk(11),
    "init_ack_two_cookies": header + init(2, cookie, cookie),
    "cookie_echo": header + chunk(10, bytes(42)),
    "cookie_echo_cut": header + b"\x0a\0\0\x40" + bytes(8),
    "short": header[:10],
}
mac = bytes(12)
for name, packet in packets.items():
    write("fuzz_init_rewrite", name, packet)
    write("fuzz_frame", name + "_v4", mac + b"\x08\x00" + ipv4(packet))
    write("fuzz_frame", name + "_v6", mac + b"\x86\xdd" + ipv6(packet))
write("fuzz_frame", "vlan", mac + b"\x81\x00\x00\x05\x08\x00" + ipv4(packets["init"], b"\1" * 4))
write("fuzz_frame", "two_vlans",
      mac + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00" + ipv4(packets["dtls"]))
write("fuzz_frame", "extensions", mac + b"\x86\xdd" + ipv6(
    bytes([60, 0]) + bytes(6) + bytes([132, 1]) + bytes(14) + packets["init"], 0))
# One for each reason to drop a frame, and other protocols.
two = bytes([60, 0]) + bytes(6)
for name, frame in {
        "ethernet-cut": mac[:5], "type": b"\x88\xcc" + bytes(60), "vlan-cut": b"\x81\0\0", "three-vlans": b"\x81\0\0\1" * 3,
        "v4-cut": b"\x08\0\x45" + bytes(9), "v4-version": b"\x08\0\x65" + ipv4(packets["init"])[1:],
        "v4-header-length": b"\x08\0\x44" + ipv4(packets["init"])[1:], "v4-length": b"\x08\0" + ipv4(packets["init"], length=900),
        "v4-too-short": b"\x08\0" + ipv4(packets["init"], length=10), "v4-fragment": b"\x08\0" + ipv4(
            packets["init"], fragment=0x2000), "v4-later-fragment": b"\x08\0" + ipv4(packets["init"], fragment=9),
        "v4-checksum": b"\x08\0" + ipv4(packets["init"])[:10] + b"xx" + ipv4(packets["init"])[12:],
        "icmp": b"\x08\0" + ipv4(bytes.fromhex("0800000012340005") + b"odd", protocol=1), "udp": b"\x08\0" + ipv4(
            bytes(10), protocol=17), "icmp6": b"\x86\xdd" + ipv6(bytes.fromhex("8000000012340005") + b"x", 58),
        "neighbour": b"\x86\xdd" + ipv6(bytes([135]) + bytes(23), 58), "icmp6-empty": b"\x86\xdd" + ipv6(b"", 58),
        "checksum": b"\x08\0" + ipv4(with_checksum(header + chunk(0, struct.pack(">IHHI", 1, 2, 0, 60) + b"user", 3) + chunk(
            0x3F, b"unknown"))), "checksum-tail": b"\x08\0" + ipv4(with_checksum(
                header + chunk(64, struct.pack(">IHHII", 1, 2, 0, 0, 60) + b"user", 3) + b"xyz")),
        "fragments-of-i-data": b"\x08\0" + ipv4(with_checksum(header + chunk(64, bytes(16) + b"more", 0) + chunk(
            64, struct.pack(">IHHII", 1, 0, 0, 0, 4242) + b"keys", 3))),
        "icmp-in-v6": b"\x86\xdd" + ipv6(bytes(8), 1), "v6-cut": b"\x86\xdd\x60" + bytes(20), "v6-version": b"\x86\xdd\x40"
        + ipv6(packets["init"])[1:], "v6-length": b"\x86\xdd" + ipv6(packets["init"])[:-20], "v6-fragment": b"\x86\xdd" + ipv6(
            bytes(8) + packets["init"], 44), "v6-routing": b"\x86\xdd" + ipv6(
                bytes([132, 0, 0, 1]) + bytes(4) + packets["init"], 43), "v6-routed": b"\x86\xdd" + ipv6(
                    bytes([132, 0, 0, 0]) + bytes(4) + packets["init"], 43), "v6-late-hop-by-hop": b"\x86\xdd" + ipv6(
                        bytes(8) + bytes([132, 0]) + bytes(6) + packets["init"], 60), "v6-many": b"\x86\xdd" + ipv6(
                            two * 9 + packets["init"], 60), "v6-extension-cut": b"\x86\xdd" + ipv6(bytes(4), 60),
        "v6-extension-long": b"\x86\xdd" + ipv6(bytes([132, 9]) + bytes(14), 60), "no-ports": b"\x08\0" + ipv4(
            bytes(12) + chunk(11)),
}.items():
    write("fuzz_frame", "other-" + name, frame if name == "ethernet-cut" else mac + frame)
write("fuzz_frame", "arp", mac + b"\x08\x06" + bytes(28))
write("fuzz_key_management", "two_methods", key_management)
write("fuzz_key_management", "unpadded", key_management[:11])
write("fuzz_key_management", "long", parameter(0x8006, bytes(5) + bytes(range(246))))
for name, octets in {
        "empty": b"", "header-cut": b"\x80\6", "type": parameter(7, bytes(20)), "no-method": parameter(0x8006, bytes(5)),
        "length": key_management[:9], "tail": key_management + bytes(8), "too-many": parameter(0x8006, bytes(5 + 247)),
        "second": parameter(12, b"\0\5") + key_management, "twice": key_management * 2, "absent": parameter(12, b"\0\5"),
        "list-cut": key_management + b"\0\x0c\0\x20",
}.items():
    write("fuzz_key_management", name, octets)
