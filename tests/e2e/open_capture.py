#!/usr/bin/python3
"""Opens every DTLS chunk of a capture with lab key logs: another implementation than the gateway's.

Usage: open_capture.py FILE.pcap KEYS.log...
Prints counts as JSON: records opened by epoch and how many of them under restart keys, records whose
number had been used under the same key before, records for which there is no key or no key fits, and
the number of clear user messages by PPID. Exit code 1 when a record stays closed.
"""
import collections
import json
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from scapy.utils import RawPcapReader

DTLS = 0x41


class Key:
    """One receive context: keys, and the number expected next."""

    def __init__(self, epoch, suite, key, iv, sn_key):
        self.epoch, self.suite, self.iv, self.sn_key, self.expected = epoch, suite, iv, sn_key, 0
        self.name = key + iv
        self.aead = {0x1301: AESGCM, 0x1302: AESGCM, 0x1303: ChaCha20Poly1305,
                     0x1304: lambda k: AESCCM(k, tag_length=16)}[suite](key)

    def mask(self, sample):
        if self.suite == 0x1303:
            stream = Cipher(algorithms.ChaCha20(self.sn_key, sample), mode=None).encryptor()
            return stream.update(bytes(2))
        block = Cipher(algorithms.AES(self.sn_key), modes.ECB()).encryptor()
        return block.update(sample)[:2]

    def open(self, record):
        mask = self.mask(record[3:19])
        low = struct.unpack(">H", bytes(a ^ b for a, b in zip(record[1:3], mask)))[0]
        number = (self.expected & ~0xffff) | low
        if number + 0x8000 < self.expected:
            number += 0x10000
        elif number > self.expected + 0x8000 and number >= 0x10000:
            number -= 0x10000
        header = record[:1] + struct.pack(">H", low)
        nonce = bytes(a ^ b for a, b in zip(self.iv, bytes(4) + struct.pack(">Q", number)))
        inner = self.aead.decrypt(nonce, record[3:], header).rstrip(b"\0")
        if inner[-1:] != b"\x17":
            raise InvalidTag
        self.expected = max(self.expected, number + 1)
        return number


def sctp_packets(path):
    for frame, _ in RawPcapReader(path):
        kind = struct.unpack(">H", frame[12:14])[0]
        if kind == 0x0800 and frame[23] == 132:
            yield frame[14 + (frame[14] & 15) * 4:14 + struct.unpack(">H", frame[16:18])[0]]
        elif kind == 0x86dd and frame[20] == 132:
            yield frame[54:54 + struct.unpack(">H", frame[18:20])[0]]


def chunks(packet):
    at = 12
    while at + 4 <= len(packet):
        kind, flags, length = struct.unpack(">BBH", packet[at:at + 4])
        if length < 4:
            return
        yield kind, flags, packet[at + 4:at + length]
        at += (length + 3) & ~3


def main():
    # Of one epoch there may be several: a restarted association runs under restart keys of epoch 3, and has new ones.
    keys = collections.defaultdict(dict)  # (tag, restart, low bits) -> (epoch, key, IV) -> Key
    for name in sys.argv[2:]:
        with open(name, encoding="ascii") as file:
            for line in file:
                word, tag, epoch, role, suite, key, iv, sn_key = line.split()
                assert word == "DTLS_CHUNK"
                slot = keys[(int(tag, 16), role == "R", int(epoch) & 3)]
                slot.setdefault((int(epoch), key, iv), Key(int(epoch), int(suite, 16), bytes.fromhex(key),
                                                bytes.fromhex(iv), bytes.fromhex(sn_key)))
    opened, closed, clear = collections.Counter(), collections.Counter(), collections.Counter()
    restart, repeated, numbers = 0, 0, set()
    for packet in sctp_packets(sys.argv[1]):
        tag = struct.unpack(">I", packet[4:8])[0]
        for kind, flags, value in chunks(packet):
            if kind == 0:
                clear[struct.unpack(">I", value[8:12])[0]] += 1
            if kind != DTLS:
                continue
            record = value[1:]
            for key in keys[(tag, bool(flags & 1), record[0] & 3)].values():
                try:
                    number = (key.name, key.open(record))
                    repeated += number in numbers
                    numbers.add(number)
                    opened[key.epoch] += 1
                    restart += flags & 1
                    break
                except InvalidTag:
                    pass
            else:
                closed[f"{tag:08x}"] += 1
    print(json.dumps({"opened": sum(opened.values()), "epochs": sorted(opened),
                      "restart": restart, "repeated": repeated,
                      "closed": sum(closed.values()), "clear_ppids": dict(clear)}))
    return 1 if closed or not opened else 0


if __name__ == "__main__":
    sys.exit(main())
