#!/usr/bin/env python3
"""Writes the seeds of fuzz_gateway: two octets of options (method, restart stores, early, suite; roles, mode, names,
streams, limits), then steps (what, a length in two octets, content); see fuzz_gateway.cpp."""
import pathlib

(RUN, MESSAGE, CONNECT, FORGE, REPLAY, REFLECT, INVENT, FRAME, WEATHER, BLACKOUT, REKEY, END, STALL, RELOAD, KILL,
 NODE, PAIR, DRAIN, NASTY, REFUSE) = range(20)
PRESHARED, TLS13, DTLS13, RESTARTS, EARLY = 0, 2, 3, 4, 8
DIFFERENT_KEYS, B_PLAIN = 64, 128
# Of the second octet
CLIENT_SERVER, SERVER_ANY, NO_ROLES, LOOSE, OTHER_NAME, FEW_STREAMS_A, FEW_PLACES, FEW_STREAMS_B, ALL_KEYS = (
    1, 2, 3, 4, 8, 16, 32, 64, 128)


def options(first, second=0):
    return bytes([first, second])


def step(what, *content):
    octets = b"".join(c if isinstance(c, bytes) else bytes([c]) for c in content)
    return bytes([what]) + len(octets).to_bytes(2, "big") + octets


def message(client, length, how=1):
    return step(MESSAGE, client, how, length >> 8, length & 255)


def nasty(gateway, how):
    return step(NASTY, gateway, how, 60, 0, bytes([1, 0, 0, 5, 22, 3, 3]))


traffic = b"".join(message(0, n, how) for n, how in ((10, 1), (300, 2), (5000, 9), (20, 1), (1400, 11)))
chunk = bytes.fromhex
clear = {
    "heartbeat": chunk("0400000c0001000800000000"), "abort": chunk("06000008000c0004"), "init": chunk(
        "01000014112233440001000000010001" "00000007"), "cookie-echo": chunk("0a00000c0011223344556677"),
    "shutdown-complete": chunk("0e000004"), "data": chunk("0003001400000001000000000000003c41424344"),
    "dtls-short": chunk("4100000c002b000100000000"), "cookie-ack": chunk("0b000004"),
}
methods = ((PRESHARED, "preshared"), (TLS13, "tls13"), (DTLS13, "dtls13"))
seeds = {}
for method, name in methods:
    seeds[f"{name}-traffic"] = options(method) + traffic + step(RUN, 60) * 2
    seeds[f"{name}-rekeys"] = options(method) + (step(REKEY, 0) + message(0, 500) + step(RUN, 40)
                                                 + step(REKEY, 1) + step(RUN, 40)) * 3
    seeds[f"{name}-weather"] = options(method) + step(WEATHER, 50, 50, 50, 60) + traffic + step(RUN, 63) * 4
    seeds[f"{name}-kill-a"] = options(method | RESTARTS) + traffic + step(RUN, 63) * 2 + step(KILL, 0) + step(
        RUN, 63) * 4 + message(0, 200) + step(RUN, 63)
    seeds[f"{name}-kill-b"] = options(method | RESTARTS) + traffic + step(RUN, 63) * 2 + step(KILL, 1) + step(
        RUN, 63) * 4 + message(0, 200) + step(RUN, 63)
    seeds[f"{name}-early"] = options(method | EARLY) + b"".join(
        step(RUN, 2) + step(INVENT, 0, 0, octets) + step(REPLAY, 0, 0) + step(REFLECT, 1, 0) for octets in
        clear.values()) + step(RUN, 63) * 3 + traffic
seeds["invented"] = options(PRESHARED) + traffic + b"".join(
    step(INVENT, direction, 0, octets) + step(RUN, 3) for octets in clear.values() for direction in (0, 1, 2, 3))
seeds["forged"] = options(PRESHARED) + traffic + b"".join(
    step(FORGE, direction, back, bytes([0, at, 1])) for direction in (0, 1) for back in (0, 1)
    for at in (12, 13, 16, 17, 18, 20, 30, 40))
seeds["replayed"] = options(PRESHARED) + traffic + b"".join(
    step(REPLAY, direction, back) + step(REFLECT, direction, back) for direction in (0, 1) for back in range(6))
seeds["three-clients"] = options(PRESHARED) + step(CONNECT) * 2 + step(RUN, 60) * 2 + b"".join(
    message(client, 100 * client + 50) for client in range(3)) + step(RUN, 60) + step(END, 0, 0) + step(
        END, 1, 1) + step(RUN, 60)
seeds["stalled"] = options(PRESHARED) + step(STALL, 0, 1) + message(0, 19999) * 20 + step(RUN, 63) + step(
    STALL, 0, 0) + step(RUN, 63) * 3
seeds["blackout"] = options(PRESHARED) + traffic + step(BLACKOUT, 0, 20) + traffic + step(BLACKOUT, 1, 20) + step(
    RUN, 63) * 6
seeds["node"] = options(PRESHARED) + b"".join(
    message(0, 40) + step(NODE, bytes([0, at, 2])) for at in (4, 12, 13, 15, 16, 20, 24, 30))
seeds["reload"] = options(TLS13) + step(RELOAD, 0) + step(RELOAD, 1) + step(REKEY, 0) + step(RUN, 60) + traffic
for suite in range(1, 4):
    seeds[f"suite-{suite}"] = options(PRESHARED | suite << 4) + traffic + step(RUN, 60)
frames = [bytes(14), b"\xff" * 6 + bytes(6) + chunk("0806000108000604000102000000000b0a0200020000000000000a020001")]
seeds["frames"] = options(PRESHARED) + b"".join(step(FRAME, where, frame) for where in range(4) for frame in frames)

for method, name in methods:
    for gateway in range(2):
        for how in range(2):
            seeds[f"{name}-pair-{gateway}-{how}"] = options(method) + traffic + step(PAIR, gateway, how) + message(
                0, 900) + step(RUN, 63) * 4 + message(0, 30) + step(RUN, 63)
seeds["closed-stalled"] = options(PRESHARED) + step(STALL, 0, 1) + message(0, 19999) * 20 + step(RUN, 20) + step(
    PAIR, 0, 1) + step(RUN, 63) * 5
for gateway in range(2):
    seeds[f"drain-{gateway}"] = options(PRESHARED) + message(0, 19999) * 4 + step(DRAIN, gateway) + message(0, 100) + step(
        CONNECT) + step(RUN, 63) * 3
seeds["different-keys"] = options(PRESHARED | DIFFERENT_KEYS) + traffic + step(RUN, 63) * 8
seeds["b-plain"] = options(PRESHARED | B_PLAIN) + traffic + step(RUN, 63) * 4

# A second passes in steps of 10 ms.
second = step(RUN, 49, 19) * 2
for name, how, more in (("ppid-4242", 17, 0), ("stream-9", 33, 0), ("stream-9-few-a", 33, FEW_STREAMS_A),
                        ("stream-9-few-b", 33, FEW_STREAMS_B)):
    seeds[name] = options(PRESHARED, more) + traffic + message(0, 700, how) + second + message(0, 30)
for method, name in methods:
    seeds[f"{name}-other-name"] = options(method, OTHER_NAME) + message(0, 100) + second * 4
    seeds[f"{name}-other-name-lost"] = options(method | EARLY, OTHER_NAME) + (step(RUN, 8) + step(
        BLACKOUT, 0, 2) + step(BLACKOUT, 1, 2)) * 6 + second * 4
    for more, what in ((CLIENT_SERVER, "client-server"), (SERVER_ANY, "server-any"), (NO_ROLES, "no-roles"),
                       (NO_ROLES | LOOSE, "loose"), (ALL_KEYS, "all-keys")):
        seeds[f"{name}-{what}"] = options(method, more) + traffic + step(REKEY, 0) + second * 2
    # Key management of no sense, unordered, at a wrong stream; user messages too early.
    for gateway in range(2):
        for how in (0, 8):
            seeds[f"{name}-nasty-{gateway}-{how}"] = options(method) + traffic + nasty(gateway, how) * 6 + second
        for how in (1, 16):
            seeds[f"{name}-nasty-early-{gateway}-{how}"] = options(method | EARLY) + message(0, 400) + (
                step(RUN, 1) + nasty(gateway, how)) * 12 + second
    for at in (4, 10, 14):
        seeds[f"{name}-lost-{at}"] = options(method | EARLY) + traffic + step(RUN, at) + step(
            BLACKOUT, 0, 1) + step(RUN, 4) + second
    seeds[f"{name}-close-slow"] = options(method) + step(STALL, 0, 1) + message(0, 19999) * 20 + step(RUN, 20) + step(
        PAIR, 1, 1) + second * 3
    for which, how in ((0, 0), (0, 1)):
        seeds[f"{name}-server-ends-{which}-{how}"] = options(method) + step(CONNECT) + message(0, 19999) * 3 + step(
            END, which, how, 1) + second
    for gateway in range(2):
        seeds[f"{name}-store-fails-{gateway}"] = options(method | RESTARTS) + traffic + step(RUN, 63) * 2 + step(
            REFUSE, gateway, 1) + step(KILL, 1 - gateway) + second * 2 + step(REFUSE, gateway, 0) + second * 3
        seeds[f"{name}-own-store-fails-{gateway}"] = options(method | RESTARTS) + traffic + step(RUN, 63) * 2 + step(
            REFUSE, gateway, 2) + step(KILL, gateway) + second * 4
    for at in (6, 12):
        seeds[f"{name}-cut-{at}"] = options(method) + second + message(0, 15000, 65) * 2 + step(RUN, at) + step(END, 0, 1) + second
        seeds[f"{name}-killed-b-in-a-message-{at}"] = options(method | RESTARTS) + second + message(0, 15000, 65) * 4 + step(
            RUN, at) + step(KILL, 1) + second * 4
        seeds[f"{name}-killed-a-in-a-message-{at}"] = options(method | RESTARTS) + second + message(0, 15000, 65) * 4 + step(
            RUN, at) + step(KILL, 0) + second * 4
    for at in (0, 2, 4):
        seeds[f"{name}-ends-early-{at}"] = options(method | EARLY) + step(RUN, at) + step(END, 0, 0) + second
seeds["few-places"] = options(PRESHARED, FEW_PLACES) + traffic + step(CONNECT) + second + message(1, 100) + second

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_gateway"
folder.mkdir(parents=True, exist_ok=True)
for name, octets in seeds.items():
    (folder / name).write_bytes(octets)
