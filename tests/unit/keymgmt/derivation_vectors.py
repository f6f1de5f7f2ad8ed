#!/usr/bin/env python3
"""Computes the known answers of derivation_test.cpp from docs/method-0.md with hmac alone."""
import hashlib
import hmac
import struct


def hkdf(hash_name, key, salt, info, length):
    secret = hmac.new(salt, key, hash_name).digest()
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([counter]), hash_name).digest()
        out, counter = out + block, counter + 1
    return out[:length]


PSK = bytes(range(32))
CLIENT = bytes.fromhex("8006000a1e7ff4ee0500")
SERVER = bytes.fromhex("8006000aaf9a3ee20600")
LENGTHS = {0x1301: (16, "sha256"), 0x1302: (32, "sha384"), 0x1303: (32, "sha256")}

for suite, epoch, direction, role in [(0x1301, 3, 0, 0), (0x1301, 4, 1, 0), (0x1302, 3, 1, 1), (0x1303, 3, 0, 0)]:
    key_length, hash_name = LENGTHS[suite]
    for part, length in ((0, key_length), (1, key_length), (2, 12)):
        info = b"sctp-dtls-chunk psk v1" + struct.pack(
            "!HHBBBII", suite, epoch, direction, role, part, 0x01020304, 0xA0B0C0D0)
        for parameter in (CLIENT, SERVER):
            info += struct.pack("!H", len(parameter)) + parameter
        print(f"{suite:04x} {epoch} {direction} {role} {part}",
              hkdf(hash_name, PSK, b"SCTP DTLS chunk method 0", info, length).hex())
