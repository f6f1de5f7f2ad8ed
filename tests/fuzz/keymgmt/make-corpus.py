#!/usr/bin/env python3
"""Writes the seeds of fuzz_dtls13_connection and of the session fuzzers into corpus/: steps are an octet (what, to whom), a
length in two octets, content."""
import pathlib

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_dtls13_connection"
folder.mkdir(parents=True, exist_ok=True)

DELIVER, FLIP, INSIDE, RAW, SEALED, TIME, UPDATE, ALL = (i << 1 for i in range(8))
SERVER = 1


def step(what, content=b""):
    return bytes([what]) + len(content).to_bytes(2, "big") + content


for options in range(32):
    handshake = step(ALL) * 3
    (folder / f"handshake-{options}").write_bytes(bytes([options]) + handshake)
    updates = step(UPDATE) + step(ALL) + step(UPDATE | SERVER) + step(ALL) + step(UPDATE) + step(UPDATE | SERVER)
    (folder / f"updates-{options}").write_bytes(bytes([options]) + handshake + updates + step(ALL) * 2)
for at in range(0, 60, 4):
    one = bytes([0, at, 1])
    (folder / f"flip-{at}").write_bytes(b"\0" + step(FLIP, one) + step(ALL) + step(TIME) * 3 + step(ALL))
    (folder / f"inside-{at}").write_bytes(
        b"\0" + step(DELIVER) + step(INSIDE | SERVER, one) + step(ALL) * 2 + step(TIME) + step(ALL))
for content_type in range(8):
    (folder / f"sealed-{content_type}").write_bytes(
        b"\0" + step(ALL) * 3 + step(SEALED, bytes([1, content_type]) + bytes(12)))

# Of the session fuzzers: what happens to whom, a length in two octets, content.
TO_CLIENT, NEXT, CHANGED, REKEY, TICK, LATE = 1, 2, 4, 8, 32, 32 | 192
for method in "dtls13", "tls13":
    folder = pathlib.Path(__file__).parent / "corpus" / f"fuzz_{method}_session"
    folder.mkdir(parents=True, exist_ok=True)
    exchange = (step(NEXT) + step(NEXT | TO_CLIENT)) * 4
    for restarted in range(2):
        begin = bytes([restarted])
        (folder / f"rekeys-{restarted}").write_bytes(
            begin + exchange + (step(REKEY) + exchange) * 2 + step(REKEY) + step(REKEY | TO_CLIENT) + exchange)
        (folder / f"time-{restarted}").write_bytes(
            begin + exchange + (step(TICK | LATE) + step(TICK | LATE | TO_CLIENT) + exchange) * 3)
        for at in range(4):
            (folder / f"changed-{restarted}-{at}").write_bytes(
                begin + (step(NEXT) + step(NEXT | TO_CLIENT)) * at + step(CHANGED, bytes([0, 40, 1])) + exchange
                + step(LATE | TO_CLIENT) * 3 + exchange)
