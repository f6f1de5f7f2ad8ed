#!/usr/bin/env python3
"""Writes the seeds of fuzz_capture: an octet (link type, or file), then frames with their lengths, or a file."""
import pathlib
import struct

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_capture"
folder.mkdir(parents=True, exist_ok=True)
LINKS = ["ethernet", "cooked1", "cooked2", "raw", "ipv4", "ipv6", "null", "loop", "user"]
NUMBERS = {"ethernet": 1, "cooked1": 113, "cooked2": 276, "raw": 101}


def chunk(kind, value=b"", flags=0):
    octets = struct.pack(">BBH", kind, flags, 4 + len(value)) + value
    return octets + bytes(-len(octets) % 4)


def data(tsn, text, flags=3, stream=1, ppid=60):
    return chunk(0, struct.pack(">IHHI", tsn, stream, 0, ppid) + text, flags)


def sctp(chunks, back=False, tag=7):
    ports = (38412, 9899) if back else (9899, 38412)
    return struct.pack(">HHII", *ports, tag, 0) + chunks


def ipv4(payload, back=False, fragment=0, protocol=132):
    ends = [bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0)
    return head + b"".join(reversed(ends) if back else ends) + payload


def ipv6(payload, following=132):
    return struct.pack(">IHBB", 6 << 28, len(payload), following, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + payload


def framed(link, packet):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return {"ethernet": bytes(12) + kind, "cooked1": bytes(14) + kind, "cooked2": kind + bytes(18),
            "null": bytes(4), "loop": bytes(4)}.get(link, b"") + packet


init = chunk(1, struct.pack(">IIHHI", 7, 65536, 10, 10, 100))
talk = [
    ipv4(sctp(init, tag=0)), ipv4(sctp(chunk(2, struct.pack(">IIHHI", 9, 65536, 10, 10, 50)), True)),
    ipv4(sctp(chunk(10, bytes(8)), tag=9)), ipv4(sctp(data(100, b"first"), tag=9)),
    ipv4(sctp(data(101, b"begin", 2) + data(103, b"end", 1), tag=9)), ipv4(sctp(data(102, b"middle", 0), tag=9)),
    ipv4(sctp(data(102, b"middle", 0), tag=9)), ipv4(sctp(data(50, b"answer", 7), True, 7), True),
    ipv4(sctp(data(104, b"lonely", 2), tag=9)), ipv4(sctp(chunk(64, bytes(20), 3), tag=9)),
    ipv4(sctp(b"\0\3\0\x02", tag=9)), ipv4(sctp(data(105, b"")[:16], tag=9)),
    ipv4(sctp(data(106, b"x"), tag=9), fragment=1), ipv4(b"udp", protocol=17), ipv4(b"short"), ipv4(b"")[:10],
    ipv4(sctp(data(0xFFFFFFFF, b"wrap") + data(0, b"ped"), tag=11)),
    ipv6(sctp(data(1, b"six"))), ipv6(bytes([132, 0]) + bytes(6) + sctp(data(2, b"six")), 60), ipv6(bytes(8), 44),
    ipv6(bytes(4), 0), ipv6(b"", 17), ipv6(b"abc")[:30], b"\x50",
]
for number, link in enumerate(LINKS):
    frames = [framed(link, packet) for packet in talk]
    if link == "ethernet":
        frames += [bytes(12) + b"\x81\x00\0\5\x88\xa8\0\1\x08\x00" + talk[3], bytes(12) + b"\x08\x06", bytes(5)]
    (folder / link).write_bytes(bytes([number]) + b"".join(struct.pack(">H", len(f)) + f for f in frames))
for link, number in list(NUMBERS.items()) + [("unknown", 147)]:
    for order, name in ((">", "big"), ("<", "little")):
        frames = [framed(link, packet) for packet in (talk if link == "ethernet" else talk[:9])]
        file = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, number) + b"".join(
            struct.pack(order + "IIII", 1, 2, len(f), len(f)) + f for f in frames)
        (folder / f"file-{link}-{name}").write_bytes(bytes([len(LINKS)]) + file)
(folder / "file-none").write_bytes(bytes([len(LINKS)]) + b"no capture")
(folder / "file-type").write_bytes(bytes([len(LINKS)]) + struct.pack("<IHHiIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 9999, 0))
(folder / "file-cut-early").write_bytes(bytes([len(LINKS)]) + file[:60])
(folder / "file-cut").write_bytes(bytes([len(LINKS)]) + file[:-7])
blocks = [
    struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
    struct.pack("<IIHHII", 1, 20, 1, 0, 65535, 20),
]
for packet in talk[:9]:
    frame = framed("ethernet", packet)
    padded = frame + bytes(-len(frame) % 4)
    length = 32 + len(padded)
    blocks.append(struct.pack("<IIIIIII", 6, length, 0, 0, 1, len(frame), len(frame)) + padded + struct.pack("<I", length))
(folder / "file-pcapng").write_bytes(bytes([len(LINKS)]) + b"".join(blocks))
