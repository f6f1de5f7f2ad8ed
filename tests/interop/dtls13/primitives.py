"""HKDF of RFC 8446 with the prefix of DTLS 1.3, record protection and signatures, on Python's
cryptography: the oracle's own, nothing of it shared with the engine."""
import struct

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand


class Wrong(Exception):
    """The capture is not what RFC 9147 and the key log make of it."""


def require(holds, what):
    if not holds:
        raise Wrong(what)


class Suite:
    """What belongs to a cipher suite."""

    def __init__(self, number):
        require(number in (0x1301, 0x1302, 0x1303), f"suite {number:04x}")
        self.number = number
        self.hash = hashes.SHA384() if number == 0x1302 else hashes.SHA256()
        self.key_length = 16 if number == 0x1301 else 32
        self.aead = ChaCha20Poly1305 if number == 0x1303 else AESGCM

    def digest(self, data):
        state = hashes.Hash(self.hash)
        state.update(data)
        return state.finalize()

    def mac(self, key, data):
        state = hmac.HMAC(key, self.hash)
        state.update(data)
        return state.finalize()

    def extract(self, salt, secret):
        return self.mac(salt or bytes(self.hash.digest_size), secret)

    def expand_label(self, secret, label, context, length):
        name = b"dtls13" + label.encode()
        info = struct.pack("!HB", length, len(name)) + name + bytes([len(context)]) + context
        return HKDFExpand(self.hash, length, info).derive(secret)

    def derive(self, secret, label, transcript_hash):
        """Derive-Secret with the hash of the messages."""
        return self.expand_label(secret, label, transcript_hash, self.hash.digest_size)

    def derived(self, secret):
        return self.derive(secret, "derived", self.digest(b""))

    def finished(self, traffic_secret, transcript_hash):
        key = self.expand_label(traffic_secret, "finished", b"", self.hash.digest_size)
        return self.mac(key, transcript_hash)

    def export(self, secret, label, context, length):
        """TLS-Exporter of RFC 8446, section 7.5."""
        of_label = self.derive(secret, label, self.digest(b""))
        return self.expand_label(of_label, "exporter", self.digest(context), length)


class RecordKeys:
    """One sender in one epoch (RFC 9147, section 4.2.3)."""

    def __init__(self, suite, traffic_secret):
        self.suite = suite
        self.aead = suite.aead(suite.expand_label(traffic_secret, "key", b"", suite.key_length))
        self.iv = suite.expand_label(traffic_secret, "iv", b"", 12)
        self.sn = suite.expand_label(traffic_secret, "sn", b"", suite.key_length)
        self.next = 0

    def mask(self, ciphertext):
        sample = ciphertext[:16]
        if self.suite.number == 0x1303:
            cipher = Cipher(algorithms.ChaCha20(self.sn, sample), mode=None)
            return cipher.encryptor().update(bytes(2))
        return Cipher(algorithms.AES(self.sn), modes.ECB()).encryptor().update(sample)[:2]

    def open(self, header, ciphertext):
        """(sequence, content type, content); Wrong when it does not open."""
        length = 2 if header[0] & 0x08 else 1
        require(len(ciphertext) >= 16, "a record too short for its number")
        low = bytes(a ^ b for a, b in zip(header[1:1 + length], self.mask(ciphertext)))
        span = 1 << (8 * length)
        sequence = min((c for c in (self.next // span * span + int.from_bytes(low, "big") + step
                                    for step in (-span, 0, span)) if c >= 0),
                       key=lambda c: abs(c - self.next))
        nonce = bytes(a ^ b for a, b in zip(self.iv, sequence.to_bytes(12, "big")))
        try:
            inner = self.aead.decrypt(nonce, ciphertext, header[:1] + low + header[1 + length:])
        except InvalidTag:
            raise Wrong("a record that does not open") from None
        stripped = inner.rstrip(b"\0")
        require(stripped, "a record without a content type")
        return sequence, stripped[-1], stripped[:-1]


ECDSA = {0x0403: (hashes.SHA256(), "secp256r1"), 0x0503: (hashes.SHA384(), "secp384r1")}
PSS = {0x0804: hashes.SHA256(), 0x0805: hashes.SHA384(), 0x0806: hashes.SHA512()}


def verify_signature(certificate, scheme, context, transcript_hash, signature):
    """RFC 8446, section 4.4.3."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    content = b" " * 64 + context.encode() + b"\0" + transcript_hash
    try:
        if scheme in ECDSA:
            algorithm, curve = ECDSA[scheme]
            require(key.curve.name == curve, "a signature of another curve")
            key.verify(signature, content, ec.ECDSA(algorithm))
        elif scheme in PSS:
            algorithm = PSS[scheme]
            key.verify(signature, content,
                       padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
        else:
            require(scheme == 0x0807, f"signature scheme {scheme:04x}")
            key.verify(signature, content)
    except InvalidSignature:
        raise Wrong("a signature that does not verify") from None
