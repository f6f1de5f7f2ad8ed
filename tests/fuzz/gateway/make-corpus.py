#!/usr/bin/env python3
"""Writes the seeds of fuzz_gateway: an octet of options (method, restart stores, early, suite), then steps (what, a
length in two octets, content); see fuzz_gateway.cpp."""
import pathlib

(RUN, MESSAGE, CONNECT, FORGE, REPLAY, REFLECT, INVENT, FRAME, WEATHER, BLACKOUT, REKEY, END, STALL, RELOAD, KILL,
 NODE, PAIR, DRAIN) = range(18)
PRESHARED, TLS13, DTLS13, RESTARTS, EARLY = 0, 2, 3, 4, 8
DIFFERENT_KEYS, B_PLAIN = 64, 128


def step(what, *content):
    octets = b"".join(c if isinstance(c, bytes) else bytes([c]) for c in content)
    return bytes([what]) + len(octets).to_bytes(2, "big") + octets


def message(client, length, how=1):
    return step(MESSAGE, client, how, length >> 8, length & 255)


traffic = b"".join(message(0, n, how) for n, how in ((10, 1), (300, 2), (5000, 9), (20, 1), (1400, 11)))
chunk = bytes.fromhex
clear = {
    "heartbeat": chunk("0400000c0001000800000000"), "abort": chunk("06000008000c0004"), "init": chunk(
        "01000014112233440001000000010001" "00000007"), "cookie-echo": chunk("0a00000c0011223344556677"),
    "shutdown-complete": chunk("0e000004"), "data": chunk("0003001400000001000000000000003c41424344"),
    "dtls-short": chunk("4100000c002b000100000000"), "cookie-ack": chunk("0b000004"),
}
seeds = {}
for method, name in ((PRESHARED, "preshared"), (TLS13, "tls13"), (DTLS13, "dtls13")):
    seeds[f"{name}-traffic"] = bytes([method]) + traffic + step(RUN, 60) * 2
    seeds[f"{name}-rekeys"] = bytes([method]) + (step(REKEY, 0) + message(0, 500) + step(RUN, 40)
                                                 + step(REKEY, 1) + step(RUN, 40)) * 3
    seeds[f"{name}-weather"] = bytes([method]) + step(WEATHER, 50, 50, 50, 60) + traffic + step(RUN, 63) * 4
    seeds[f"{name}-kill-a"] = bytes([method | RESTARTS]) + traffic + step(RUN, 63) * 2 + step(KILL, 0) + step(
        RUN, 63) * 4 + message(0, 200) + step(RUN, 63)
    seeds[f"{name}-kill-b"] = bytes([method | RESTARTS]) + traffic + step(RUN, 63) * 2 + step(KILL, 1) + step(
        RUN, 63) * 4 + message(0, 200) + step(RUN, 63)
    seeds[f"{name}-early"] = bytes([method | EARLY]) + b"".join(
        step(RUN, 2) + step(INVENT, 0, 0, octets) + step(REPLAY, 0, 0) + step(REFLECT, 1, 0) for octets in
        clear.values()) + step(RUN, 63) * 3 + traffic
seeds["invented"] = bytes([PRESHARED]) + traffic + b"".join(
    step(INVENT, direction, 0, octets) + step(RUN, 3) for octets in clear.values() for direction in (0, 1, 2, 3))
seeds["forged"] = bytes([PRESHARED]) + traffic + b"".join(
    step(FORGE, direction, back, bytes([0, at, 1])) for direction in (0, 1) for back in (0, 1)
    for at in (12, 13, 16, 17, 18, 20, 30, 40))
seeds["replayed"] = bytes([PRESHARED]) + traffic + b"".join(
    step(REPLAY, direction, back) + step(REFLECT, direction, back) for direction in (0, 1) for back in range(6))
seeds["three-clients"] = bytes([PRESHARED]) + step(CONNECT) * 2 + step(RUN, 60) * 2 + b"".join(
    message(client, 100 * client + 50) for client in range(3)) + step(RUN, 60) + step(END, 0, 0) + step(
        END, 1, 1) + step(RUN, 60)
seeds["stalled"] = bytes([PRESHARED]) + step(STALL, 0, 1) + message(0, 19999) * 20 + step(RUN, 63) + step(
    STALL, 0, 0) + step(RUN, 63) * 3
seeds["blackout"] = bytes([PRESHARED]) + traffic + step(BLACKOUT, 0, 20) + traffic + step(BLACKOUT, 1, 20) + step(
    RUN, 63) * 6
seeds["node"] = bytes([PRESHARED]) + b"".join(
    message(0, 40) + step(NODE, bytes([0, at, 2])) for at in (4, 12, 13, 15, 16, 20, 24, 30))
seeds["reload"] = bytes([TLS13]) + step(RELOAD, 0) + step(RELOAD, 1) + step(REKEY, 0) + step(RUN, 60) + traffic
for suite in range(1, 4):
    seeds[f"suite-{suite}"] = bytes([PRESHARED | suite << 4]) + traffic + step(RUN, 60)
frames = [bytes(14), b"\xff" * 6 + bytes(6) + chunk("0806000108000604000102000000000b0a0200020000000000000a020001")]
seeds["frames"] = bytes([PRESHARED]) + b"".join(step(FRAME, where, frame) for where in range(4) for frame in frames)

for method, name in ((PRESHARED, "preshared"), (TLS13, "tls13"), (DTLS13, "dtls13")):
    for gateway in range(2):
        for how in range(2):
            seeds[f"{name}-pair-{gateway}-{how}"] = bytes([method]) + traffic + step(PAIR, gateway, how) + message(
                0, 900) + step(RUN, 63) * 4 + message(0, 30) + step(RUN, 63)
seeds["closed-stalled"] = bytes([PRESHARED]) + step(STALL, 0, 1) + message(0, 19999) * 20 + step(RUN, 20) + step(
    PAIR, 0, 1) + step(RUN, 63) * 5
for gateway in range(2):
    seeds[f"drain-{gateway}"] = bytes([PRESHARED]) + message(0, 19999) * 4 + step(DRAIN, gateway) + message(0, 100) + step(
        CONNECT) + step(RUN, 63) * 3
seeds["different-keys"] = bytes([PRESHARED | DIFFERENT_KEYS]) + traffic + step(RUN, 63) * 8
seeds["b-plain"] = bytes([PRESHARED | B_PLAIN]) + traffic + step(RUN, 63) * 4

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_gateway"
folder.mkdir(parents=True, exist_ok=True)
for name, octets in seeds.items():
    (folder / name).write_bytes(octets)
