"""Records of DTLS chunks, sealed and opened with python3-cryptography (RFC 9147, section 4; the draft's form).

Another implementation than the gateway's: a case may put together what its own never would.
"""
import os
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from peer import Failed
from wire import DTLS, Chunk, Packet

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tools/wireshark"))

APPLICATION_DATA = 23
FIRST_EPOCH = 3


class Keys:
    """Of one direction: AES-128-GCM with its IV and the key for record numbers."""

    def __init__(self, key, iv, sn_key):
        self.key, self.iv, self.sn_key = key, iv, sn_key
        self.aead = AESGCM(key)

    def mask(self, sample):
        return Cipher(algorithms.AES(self.sn_key), modes.ECB()).encryptor().update(sample)[:2]

    def nonce(self, number):
        return (int.from_bytes(self.iv, "big") ^ number).to_bytes(12, "big")

    def yaml(self):
        return f'{{ key: "{self.key.hex()}", iv: "{self.iv.hex()}", sn_key: "{self.sn_key.hex()}" }}'

    @staticmethod
    def fresh(rng):
        return Keys(rng.randbytes(16), rng.randbytes(12), rng.randbytes(16))


class Records:
    """One association's records: those we send, and those of the gateway."""

    def __init__(self, send, receive):
        self._send, self._receive = send, receive
        self.number = 0  # of the next record we send
        self.seen = []  # numbers of the gateway's, as they came
        self.sending = False  # from the COOKIE ACK on

    def record(self, content, number, epoch=FIRST_EPOCH, kind=APPLICATION_DATA, padding=0, form=0x28, keys=None):
        keys = keys or self._send
        header = bytes([form | epoch & 3]) + struct.pack(">H", number & 0xFFFF)
        body = keys.aead.encrypt(keys.nonce(number), content + bytes([kind]) + bytes(padding), header)
        low = bytes(a ^ b for a, b in zip(header[1:], keys.mask(body[:16])))
        return header[:1] + low + body

    def seal(self, content, flags=0, before=b"\0", number=None, **more):
        """A DTLS chunk around the chunks of a packet."""
        if number is None:
            number = self.number
            self.number += 1
        return Chunk(DTLS, flags, before + self.record(content, number, **more))

    def opened(self, one):
        """The packet inside; the DTLS chunk stays with it as record."""
        chunk = one.chunks[0]
        record = chunk.value[1:]
        low = int.from_bytes(record[1:3], "big") ^ int.from_bytes(self._receive.mask(record[3:19]), "big")
        header = record[:1] + struct.pack(">H", low)
        try:
            inner = self._receive.aead.decrypt(self._receive.nonce(low), record[3:], header).rstrip(b"\0")
        except InvalidTag:
            raise Failed(f"a record of the gateway does not open: {record.hex()}") from None
        self.seen.append(low)
        out = Packet(one.octets[:12] + inner[:-1], one.source, one.ip_length)
        out.record, out.record_kind, out.around = chunk, inner[-1], one
        return out
