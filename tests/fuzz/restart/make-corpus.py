#!/usr/bin/env python3
"""Writes the seed corpus of fuzz_restart_row, from the format in association_codec.h."""
import json
import pathlib
import struct

V4 = b"\x04" + bytes([10, 0, 0, 1]) + bytes(12)
V6 = b"\x06" + bytes.fromhex("20010db8000000000000000000000001")


def keys(length):
    return bytes(range(length)) + bytes(12) + bytes(length)


def record(suite, length, address, further, texts):
    out = struct.pack(">BBHH", 1, 1, 3, suite) + keys(length) * 2
    out += bytes([3, 192]) + address * 2 + struct.pack(">HH", 38412, 38412)
    out += bytes([len(further)]) + b"".join(further) + b"\0"
    return out + b"".join(struct.pack(">H", len(text)) + text for text in texts)


SEEDS = {
    "aes_128_v4": record(0x1301, 16, V4, [], [b""] * 6),
    "aes_256_v6": record(0x1302, 32, V6, [V4, V6], [b"ng-c", b"dns:a", b"dns:b", b"\x80\x06", b"", b"x"]),
    "chacha_v4": record(0x1303, 32, V4, [V6] * 15, [b"p" * 255] + [b"i" * 1024] * 2 + [b""] * 3),
    "tuple_v4": V4 * 2 + struct.pack(">HH", 1, 2),
    "tuple_v6": V6 * 2 + struct.pack(">HH", 1, 2),
    "row_header": bytes([1]) + bytes(16) + bytes(8) + bytes(16) + bytes(12) + bytes(100),
}

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_restart_row"
folder.mkdir(parents=True, exist_ok=True)
for name, octets in SEEDS.items():
    (folder / name).write_bytes(octets)

NOTE = {"version": 1, "accepted": True, "listener": "l", "backend": "b", "other": {
    "local": "10.0.0.1", "peer": "fd00::1", "local_port": 1, "peer_port": 65535, "protected": False}}
folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_restart_note"
folder.mkdir(parents=True, exist_ok=True)
(folder / "whole").write_bytes(json.dumps(NOTE).encode())
(folder / "text").write_bytes(b"no note")
for part in NOTE:
    (folder / f"without-{part}").write_bytes(json.dumps({k: v for k, v in NOTE.items() if k != part}).encode())
    (folder / f"wrong-{part}").write_bytes(json.dumps({**NOTE, part: [70000]}).encode())
for part in NOTE["other"]:
    for value in ("x", 70000, -1):
        (folder / f"other-{part}-{value}").write_bytes(
            json.dumps({**NOTE, "other": {**NOTE["other"], part: value}}).encode())
