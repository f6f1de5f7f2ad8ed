#!/usr/bin/env python3
"""Writes the seeds of fuzz_dtls_chunk: chunks of the right form, and content to tamper with."""
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
