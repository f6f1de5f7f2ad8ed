#!/usr/bin/env python3
"""Writes the seeds of this folder's fuzz targets into corpus/<target>/."""
import pathlib
import struct

here = pathlib.Path(__file__).parent / "corpus"


def write(target, name, octets):
    folder = here / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(payload, options=b""):
    words = 5 + len(options) // 4
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), 1, 0, 64, 132, 0,
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
write("fuzz_frame", "arp", mac + b"\x08\x06" + bytes(28))
write("fuzz_key_management", "two_methods", key_management)
write("fuzz_key_management", "unpadded", key_management[:11])
write("fuzz_key_management", "long", parameter(0x8006, bytes(5) + bytes(range(246))))
