#!/usr/bin/env python3
"""Writes the seeds of fuzz_worker: steps (what, a length in two octets, content); see fuzz_worker.cpp."""
import pathlib

FRAME, SCTP, ICMP, ARP, SEALED, SEND, TIME, MANY, KEYS = range(9)


def step(what, *content):
    octets = b"".join(c if isinstance(c, bytes) else bytes([c]) for c in content)
    return bytes([what]) + len(octets).to_bytes(2, "big") + octets


hexa = bytes.fromhex
ours, theirs, other = hexa("0a000001"), hexa("0a000002"), hexa("0a000063")
ours6, theirs6 = hexa("fd000000000000000000000000000001"), hexa("fd000000000000000000000000000002")
mac = hexa("02000000000b")


def arp(operation, sender, target, sender_mac=mac):
    return step(ARP, bytes([0, operation]), sender_mac, sender, bytes(6), target)


def advertisement(target, flags=0x60, option=b"\x02\x01" + mac):
    return step(ICMP, 1, bytes([136, 0, 0, 0, flags, 0, 0, 0]), target, option)


def solicitation(target, option=b"\x01\x01" + mac):
    return step(ICMP, 1, bytes([135, 0, 0, 0, 0, 0, 0, 0]), target, option)


chunks = {
    "init": "0100001c11223344000100000001000100000007c0000008", "cookie-echo": "0a00000c0011223344556677",
    "data": "0003001400000001000000000000003c41424344", "dtls": "41000020002b0001" + "00" * 24,
    "dtls-restart": "41010020002b0001" + "00" * 24, "bundled": "0b00000441000020002b0001" + "00" * 24,
    "dtls-long-header": "41000020003f0001" + "00" * 24, "zero-length": "00000000", "abort": "06000004",
    "cut": "0003001400000001",
}
seeds = {
    "arp": arp(1, theirs, ours) + arp(2, theirs, ours) + arp(1, ours, ours) + arp(1, theirs, other) + arp(
        1, theirs, ours, b"\xff" * 6) + arp(3, theirs, ours),
    "echo": step(ICMP, 0, hexa("0800000012340005"), b"signalling") + step(ICMP, 1, hexa("8000000012340005"),
                                                                        b"signalling") + step(ICMP, 0, hexa("03")),
    "echo-flood": step(ICMP, 0, hexa("0800000012340005")) * 150 + step(TIME, 10) + step(
        ICMP, 1, hexa("8000000012340005")) * 40,
    "neighbours": solicitation(ours6) + solicitation(theirs6) + solicitation(ours6, b"") + advertisement(
        theirs6) + advertisement(theirs6, 0, b"") + solicitation(ours6, hexa("0100")) + solicitation(
            b"\xff" + ours6[1:]) + solicitation(ours6, hexa("0300000000000000")),
    "resolve": step(SEND, 2, 2, 0, 100) + arp(2, theirs, ours) + step(SEND, 2, 2, 0, 50) + step(TIME, 255) * 2 + step(
        SEND, 2, 3, 0, 50) + step(TIME, 40) * 4,
    "resolve6": step(SEND, 3, 2, 0, 100) + advertisement(theirs6[:15] + b"\x03") + step(SEND, 3, 2, 0, 50) + step(
        TIME, 255) + step(SEND, 3, 2, 0, 50) + step(TIME, 20) * 4,
    "held": step(SEND, 2, 0, 0, 20) * 40 + step(TIME, 10) * 5,
    "many-neighbours": b"".join(step(SEND, last, 0, 0, 20) for last in range(0, 250, 2)) + step(TIME, 10) * 5,
    "sealed": step(SEALED, 3) + step(SEALED, 100) * 3,
    "sealed-changed": b"".join(step(SEALED, 10, bytes([0, at, 1])) for at in (0, 4, 12, 13, 15, 16, 17, 20, 40, 60)),
    "sealed-twice": step(SEALED, 3) + step(KEYS, 1) + step(SEALED, 3) + step(KEYS, 0, 1) + step(SEALED, 3),
    "long": step(SEND, 2, 2, 6, 60) + step(SEND, 2, 2, 5, 200),
    "ip": b"".join(step(FRAME, hexa("02000000000a02000000000b"), octets) for octets in (
        hexa("080045000014000000004084") + bytes(8), hexa("86dd6000000000003a40") + theirs6 + ours6,
        hexa("88a80001810000020800"), hexa("0800460000180000000040840000") + theirs + ours + bytes(4), b"\x08")),
}
chunks.update({"init-ack": "0200001411223344000100000001000100000007", "init-ack-bundled": "0200001411223344000100000001000100000007"
               "0b000004", "cookie-ack": "0b000004"})
every = b"".join(step(SCTP, flow, 0, hexa(octets)) for octets in chunks.values() for flow in range(2))
for policy in range(3):
    seeds[f"clear-policy-{policy}"] = step(KEYS, 4, policy) + step(KEYS, 5, policy) + every


def ipv4(source, destination, payload, protocol=132):
    head = hexa("4500") + (20 + len(payload)).to_bytes(2, "big") + hexa("0001000040") + bytes([protocol, 0, 0]) + source + destination
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + (~total & 0xFFFF).to_bytes(2, "big") + head[12:] + payload


to_us = hexa("02000000000a02000000000b")
abort = hexa("138813880000000100000000" "06000004")
seeds["addresses"] = b"".join(step(FRAME, to_us, hexa("0800"), ipv4(source, destination, abort)) for source, destination in (
    (theirs, ours), (hexa("e0000001"), ours), (ours, ours), (theirs, other), (bytes(4), ours), (hexa("ffffffff"), ours)))
seeds["link-addresses"] = step(FRAME, hexa("0200000000ff02000000000b0800"), ipv4(theirs, ours, abort)) + step(
    FRAME, hexa("02000000000a02000000000b810000050800"), ipv4(theirs, ours, abort)) + step(
        FRAME, to_us, hexa("0800"), ipv4(theirs, ours, abort + bytes(1600)))
question = hexa("87000000" "00000000") + ours6
pseudo = bytes(16) + hexa("ff0200000000000000000001ff000001") + hexa("000000180000003a") + question
total = sum(int.from_bytes(pseudo[i:i + 2], "big") for i in range(0, len(pseudo), 2))
while total >> 16:
    total = (total & 0xFFFF) + (total >> 16)
seeds["unspecified"] = step(FRAME, hexa("3333ff00000102000000000b86dd6000000000183aff"), bytes(16), hexa(
    "ff0200000000000000000001ff000001"), question[:2] + (~total & 0xFFFF).to_bytes(2, "big") + question[4:])
# More questions than are answered.
echo = hexa("0800f7ff00000000")
seeds["many-echoes"] = step(MANY, 255, to_us, hexa("0800"), ipv4(theirs, ours, echo, 1))
seeds["many-questions"] = step(MANY, 255, hexa("ffffffffffff02000000000b0806000108000604000102000000000b"), theirs, bytes(6), ours)
seeds["many-solicitations"] = step(MANY, 255, hexa("3333ff00000102000000000b86dd6000000000183aff"), bytes(16), hexa(
    "ff0200000000000000000001ff000001"), question[:2] + (~total & 0xFFFF).to_bytes(2, "big") + question[4:])
for name, octets in chunks.items():
    seeds[name] = b"".join(step(SCTP, flow, tag, hexa(octets)) for flow in range(4) for tag in range(2))

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_worker"
folder.mkdir(parents=True, exist_ok=True)
for name, octets in seeds.items():
    (folder / name).write_bytes(octets)
