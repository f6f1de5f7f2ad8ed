#!/usr/bin/env python3
"""Writes the seeds of fuzz_dtls_chunk: chunks of the right form, content to tamper with, and numbers of records."""
import pathlib
import struct

here = pathlib.Path(__file__).parent / "corpus" / "fuzz_dtls_chunk"
here.mkdir(parents=True, exist_ok=True)


def chunk(record, flags=0):
    length = 5 + len(record)
    octets = struct.pack(">BBHB", 0x41, flags, length, 0) + record
    return octets + bytes(-len(octets) % 4)


def record(length, first=0x2B):
    return bytes([first]) + bytes((i * 7) & 0xFF for i in range(length - 1))


def burst(suite, chunks):
    return bytes([suite]) + b"".join(struct.pack(">H", len(c)) + c for c in chunks)


for suite in range(4):
    (here / f"noise_{suite}").write_bytes(
        burst(suite, [chunk(record(n)) for n in (20, 21, 60, 200)] + [chunk(record(40))] * 2))
    for name, change in (("whole", 0), ("changed", 16)):
        (here / f"{name}_{suite}").write_bytes(
            bytes([4 | suite, 0, 9, change, suite]) + bytes(range(1, 60 + suite)))
(here / "other_forms").write_bytes(
    burst(0, [chunk(record(20, first)) for first in (0x28, 0x29, 0x2C, 0x3B, 0x17)]
          + [chunk(record(19)), b"", chunk(record(20), 1), chunk(record(20)) + b"\0\0\0\3"]))
(here / "lengths").write_bytes(
    burst(0, [struct.pack(">BBHB", 0x41, 0, length, 0) + record(n - 5) for length, n in ((25, 40), (200, 40), (17000, 17000))]))
FORGED, OTHER = 0x8000, 0x4000
for name, numbers in {
        "in-order": range(70), "backwards": range(69, -1, -1), "twice": [1, 2, 2, 1, 3], "behind": [100, 36, 35, 37, 37],
        "jumps": [0, 1, 63, 64, 127, 128, 200, 400, 8000, 7937, 7936], "forged": [5 | FORGED, 5, 5 | FORGED, 6 | FORGED, 7, 8 | FORGED, 9],
        "two": [n ^ (OTHER if n % 3 == 0 else 0) for n in range(100)] + [OTHER | n for n in (5000, 6, 904, 905, 7)],
}.items():
    for suite in range(4):
        for burst in (0, 69):
            (here / f"numbers-{name}-{suite}-{burst}").write_bytes(
                bytes([8 | suite, burst]) + b"".join(struct.pack(">H", n) for n in numbers))
