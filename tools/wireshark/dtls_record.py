"""Lab key logs, and opening the records of DTLS chunks with them (RFC 9147, section 4).

A key log has a line per key: DTLS_CHUNK <verification tag> <epoch> <P|R> <suite> <key> <iv> <sn_key>.
Every cipher is OpenSSL's, through python3-cryptography.
"""
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

WORD = "DTLS_CHUNK"
ROLES = {"P": "primary", "R": "restart"}
CHACHA20 = 0x1303
SUITES = {  # name, octets of key and sn_key, AEAD
    0x1301: ("TLS_AES_128_GCM_SHA256", 16, AESGCM),
    0x1302: ("TLS_AES_256_GCM_SHA384", 32, AESGCM),
    CHACHA20: ("TLS_CHACHA20_POLY1305_SHA256", 32, ChaCha20Poly1305),
    0x1304: ("TLS_AES_128_CCM_SHA256", 16, lambda key: AESCCM(key, tag_length=16)),
}
APPLICATION_DATA = 23
HEADER, TAG = 3, 16
SEARCHES, WINDOWS = 8, 512  # 2^25 record numbers: past the limit of every AES suite


class KeyLogError(Exception):
    """A key log that is not of the form; the text names file and line, never a key."""


class KeyContext:
    """One side's keys of one epoch, and how far its record numbers have come in this capture."""

    def __init__(self, epoch, role, suite, key, iv, sn_key, expected=0):
        self.epoch, self.role, self._suite = epoch, role, suite
        self.suite = SUITES[suite][0]
        self._aead, self._iv, self._sn_key = SUITES[suite][2](key), iv, sn_key
        self._ecb = None if suite == CHACHA20 else Cipher(algorithms.AES(sn_key), modes.ECB()).encryptor()
        self._expected, self.searches = expected, SEARCHES

    def _mask(self, sample):
        if self._ecb:
            return self._ecb.update(sample)[:2]
        return Cipher(algorithms.ChaCha20(self._sn_key, sample), mode=None).encryptor().update(bytes(2))

    def _numbers(self, low):
        """The record number nearest to the one expected; then, a few times per context, others with
        the same low bits: a capture may begin late or have a gap."""
        nearest = self._expected & ~0xFFFF | low
        if nearest > self._expected + 0x8000 and nearest >= 0x10000:
            nearest -= 0x10000
        elif nearest + 0x8000 < self._expected:
            nearest += 0x10000
        yield nearest
        if self.searches > 0:
            self.searches -= 1
            yield from (low | window << 16 for window in range(WINDOWS) if low | window << 16 != nearest)

    def open(self, record):
        """(record number, content type, content), or None when this is not its key."""
        low = int.from_bytes(record[1:HEADER], "big") ^ int.from_bytes(self._mask(record[3:19]), "big")
        header, body = record[:1] + struct.pack(">H", low), record[HEADER:]
        for number in self._numbers(low):
            nonce = (int.from_bytes(self._iv, "big") ^ number).to_bytes(12, "big")
            try:
                inner = self._aead.decrypt(nonce, body, header).rstrip(b"\0")
            except InvalidTag:
                continue
            self._expected = max(self._expected, number + 1)
            self.searches = SEARCHES
            return number, inner[-1] if inner else 0, inner[:-1]
        return None


class KeyRing:
    """The contexts of any number of key logs."""

    def __init__(self):
        self._slots = {}  # (tag on the wire, R, low bits of the epoch): contexts, the last used first
        self._known = set()

    def __len__(self):
        return len(self._known)

    def read(self, path):
        with open(path, encoding="ascii", errors="replace") as file:
            self.take(file, path)

    def take(self, lines, where):
        for number, line in enumerate(lines, 1):
            words = line.split()
            if words and words[0] == WORD:
                self._add(words, f"{where}:{number}")

    def _add(self, words, where):
        try:
            tag, epoch, role, suite = int(words[1], 16), int(words[2]), words[3], int(words[4], 16)
            key, iv, sn_key = (bytes.fromhex(word) for word in words[5:])
        except (ValueError, IndexError):
            raise KeyLogError(f"{where}: not of the form {WORD} <tag> <epoch> <P|R> <suite> <key> <iv> "
                              "<sn_key>") from None
        if role not in ROLES or suite not in SUITES or not 0 <= epoch <= 0xFFFF or tag >> 32:
            raise KeyLogError(f"{where}: tag, epoch, role or suite is none that exists")
        if (len(key), len(iv), len(sn_key)) != (SUITES[suite][1], 12, SUITES[suite][1]):
            raise KeyLogError(f"{where}: a key or IV has not the length that its suite wants")
        # Both gateways log both directions: the same line twice is normal.
        if tuple(words[1:]) not in self._known:
            self._known.add(tuple(words[1:]))
            self._slots.setdefault((tag, role == "R", epoch & 3), []).insert(
                0, KeyContext(epoch, ROLES[role], suite, key, iv, sn_key))

    def open(self, tag, restart, record):
        """(context, record number, content type, content); or the reason why not, a string."""
        contexts = self._slots.get((tag, restart, record[0] & 3), [])
        for context in contexts:
            opened = context.open(record)
            if opened:
                contexts.remove(context)
                contexts.insert(0, context)
                return (context, *opened)
        return "no key opens it" if contexts else "no key for its tag, R bit and epoch"
