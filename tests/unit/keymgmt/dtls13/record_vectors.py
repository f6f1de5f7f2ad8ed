#!/usr/bin/env python3
"""Prints the records that record_test.cpp expects, made by python3-cryptography from RFC 9147 alone.

One record per suite: traffic secret 00 01 02 ..., epoch 3, sequence number 0x1234567, application
data "DTLS 1.3"; and an exporter value.
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

SEQUENCE = 0x1234567
EPOCH = 3


def expand_label(hash_name, secret, label, context, length):
    full = b"dtls13" + label
    info = struct.pack(">HB", length, len(full)) + full + bytes([len(context)]) + context
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([counter]), hash_name).digest()
        out += block
        counter += 1
    return out[:length]


def record(hash_name, key_length, chacha):
    secret = bytes(range(hashlib.new(hash_name).digest_size))
    key = expand_label(hash_name, secret, b"key", b"", key_length)
    iv = expand_label(hash_name, secret, b"iv", b"", 12)
    sn_key = expand_label(hash_name, secret, b"sn", b"", key_length)
    inner = b"DTLS 1.3" + b"\x17"
    header = struct.pack(">BHH", 0x2C | EPOCH & 3, SEQUENCE & 0xFFFF, len(inner) + 16)
    nonce = bytes(a ^ b for a, b in zip(iv, SEQUENCE.to_bytes(12, "big")))
    sealed = (ChaCha20Poly1305 if chacha else AESGCM)(key).encrypt(nonce, inner, header)
    if chacha:
        cipher = Cipher(algorithms.ChaCha20(sn_key, sealed[:16]), None)
        mask = cipher.encryptor().update(bytes(2))
    else:
        mask = Cipher(algorithms.AES(sn_key), modes.ECB()).encryptor().update(sealed[:16])
    return bytes([header[0], header[1] ^ mask[0], header[2] ^ mask[1]]) + header[3:] + sealed


def exporter(hash_name, label, context, length):
    secret = bytes(range(hashlib.new(hash_name).digest_size))
    derived = expand_label(hash_name, secret, label, hashlib.new(hash_name, b"").digest(), len(secret))
    return expand_label(hash_name, derived, b"exporter", hashlib.new(hash_name, context).digest(), length)


print("aes_128_gcm_sha256      ", record("sha256", 16, False).hex())
print("aes_256_gcm_sha384      ", record("sha384", 32, False).hex())
print("chacha20_poly1305_sha256", record("sha256", 32, True).hex())
print("exporter sha256         ", exporter("sha256", b"EXPORTER-test", b"context", 40).hex())
print("exporter sha384         ", exporter("sha384", b"EXPORTER-test", b"", 40).hex())
