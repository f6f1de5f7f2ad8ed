#!/usr/bin/env python3
"""Prints the secrets that key_schedule_test.cpp expects, from RFC 8446, section 7.1, and
draft-ietf-tls-extended-key-update with hmac alone; and an empty authenticator of RFC 9261.

Inputs: shared secrets of 32 octets 1, 2, 3; transcript hashes of 11, 12, 13 (ClientHello..ServerHello,
..server Finished, ..client Finished); request and response messages "request" and "response" with the
number of the update behind them; no log.
"""
import hashlib
import hmac
import struct


def extract(name, salt, key):
    return hmac.new(salt, key, name).digest()


def expand_label(name, secret, label, context, length):
    full = b"dtls13" + label
    info = struct.pack(">HB", length, len(full)) + full + bytes([len(context)]) + context
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([counter]), name).digest()
        out += block
        counter += 1
    return out[:length]


def run(name):
    size = hashlib.new(name).digest_size
    zeros = bytes(size)

    def derive(secret, label, transcript):
        return expand_label(name, secret, label, transcript, size)

    def derived(secret):
        return derive(secret, b"derived", hashlib.new(name, b"").digest())

    def exporter(secret, label, context, length):
        inner = derive(secret, label, hashlib.new(name, b"").digest())
        return expand_label(name, inner, b"exporter", hashlib.new(name, context).digest(), length)

    early = extract(name, zeros, zeros)
    handshake = extract(name, derived(early), bytes([1]) * 32)
    hello, server_finished, transcript = (bytes([i]) * size for i in (11, 12, 13))
    print(name, "client handshake", derive(handshake, b"c hs traffic", hello).hex())
    main = extract(name, derived(handshake), zeros)
    print(name, "server 0        ", derive(main, b"s ap traffic", server_finished).hex())
    print(name, "exporter of 3   ",
          exporter(derive(main, b"exporter eku", server_finished), b"EXPORTER-x", b"c", 16).hex())
    for number in (1, 2):
        request, response = b"request%d" % number, b"response%d" % number
        transcript = hashlib.new(name, transcript + request + response).digest()
        main = extract(name, derived(main), bytes([number + 1]) * 32)
        print(name, f"client {number}        ", derive(main, b"c ap traffic", transcript).hex())
        print(name, f"server {number}        ", derive(main, b"s ap traffic", transcript).hex())
        print(name, f"exporter of {number + 3}   ",
              exporter(derive(main, b"exp master", transcript), b"EXPORTER-x", b"c", 16).hex())
    return size


for hash_name in ("sha256", "sha384"):
    run(hash_name)

# Handshake context 32 octets 21, finished key 32 octets 22; a client's request with context 0x0909
# and the one scheme ed25519.
request = bytes.fromhex("11 00000d 02 0909 0008 000d 0004 0002 0807")
certificate = bytes.fromhex("0b 000006 02 0909 000000")
mac = hmac.new(bytes([22]) * 32,
               hashlib.sha256(bytes([21]) * 32 + request + certificate).digest(), "sha256").digest()
print("request            ", request.hex())
print("empty authenticator", (b"\x14\0\0\x20" + mac).hex())
