"""Builds packets, records and captures for the tests of the Wireshark plugin.

Written from the drafts and RFCs, apart from the tools under test: sealing goes through
python3-cryptography directly, captures are read with scapy.
"""
import struct
import subprocess

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from scapy.utils import RawPcapReader

DATA, INIT, INIT_ACK, HEARTBEAT, ABORT, ERROR, DTLS = 0, 1, 2, 4, 6, 9, 0x41
KEY_LENGTH = {0x1301: 16, 0x1302: 32, 0x1303: 32, 0x1304: 16}


def padded(octets):
    return octets + bytes(-len(octets) % 4)


def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def chunk(kind, value, flags=0, length=None):
    return padded(struct.pack(">BBH", kind, flags, len(value) + 4 if length is None else length) + value)


def parameter(value, kind=0x8006, length=None):
    return padded(struct.pack(">HH", kind, len(value) + 4 if length is None else length) + value)


def key_management(tie_breaker, flags, methods, **more):
    return parameter(struct.pack(">IB", tie_breaker, flags) + bytes(methods), **more)


def init(tag, parameters, kind=INIT):
    """The padding of the last parameter is the chunk's (RFC 9260, 3.2)."""
    at = unpadded = 0
    while at + 4 <= len(parameters):
        length = max(struct.unpack_from(">H", parameters, at + 2)[0], 4)
        at, unpadded = at + length + -length % 4, at + length
    unpadded = unpadded if at == len(parameters) else len(parameters)
    return chunk(kind, struct.pack(">IIHHI", tag, 65536, 10, 10, 1) + parameters,
                 length=20 + unpadded)


def data(ppid, message, tsn=1, ssn=0, flags=3):
    return chunk(DATA, struct.pack(">IHHI", tsn, 0, ssn, ppid) + message, flags)


def cause(code, value=b"", length=None):
    return parameter(value, code, length)


def dtls_chunk(record, flags=0, pre=0, length=None, post=None):
    out = struct.pack(">BBHB", DTLS, flags, 5 + len(record) if length is None else length, pre) + record
    return out + (bytes(-len(out) % 4) if post is None else post)


def sctp(chunks, source=38412, destination=40000, tag=1):
    header = struct.pack(">HHII", source, destination, tag, 0)
    return header[:8] + struct.pack("<I", crc32c(header + chunks)) + chunks


def ipv4(packet, forward=True, protocol=132, fragment=0):
    ends = (1, 2) if forward else (2, 1)
    header = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(packet), 0, fragment, 64, protocol, 0,
                         10, 0, 0, ends[0], 10, 0, 0, ends[1])
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack(">H", (total + (total >> 16)) & 0xFFFF ^ 0xFFFF) + header[12:] + packet


def ipv6(packet, protocol=132):
    return struct.pack(">IHBB", 6 << 28, len(packet), protocol, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + packet


def ethernet(packet, vlan=False):
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    return bytes(11) + b"\1" + (struct.pack(">HH", 0x8100, 5) if vlan else b"") + struct.pack(">H", kind) + packet


def pcap(frames, link=1, order="<", snap=262144, magic=0xA1B2C3D4):
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)
    for number, frame in enumerate(frames):
        out += struct.pack(order + "IIII", 1700000000 + number, 7, min(len(frame), snap), len(frame)) + frame[:snap]
    return out


def pcapng(frames, link=1, order="<", extra=b""):
    def block(kind, body):
        length = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + length + body + length
    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack(order + "HHI", link, 0, 0)) + extra
    for number, frame in enumerate(frames):
        options = struct.pack(order + "HH4s4x", 1, 4, b"mine")
        out += block(6, struct.pack(order + "IIIII", 0, 0, number, len(frame), len(frame)) + padded(frame) + options)
    return out


def read_pcapng(path):
    """[(frame, comments)] of a capture, as Wireshark's programs read it."""
    subprocess.run(["editcap", "-F", "pcap", path, path + ".pcap"], capture_output=True, check=True, timeout=240)
    reader = RawPcapReader(path + ".pcap")
    frames = [frame for frame, _ in reader]
    reader.close()
    command = ["tshark", "-r", path, "-T", "fields", "-e", "frame.comment", "-E", "aggregator=|"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    comments = [line.split("|") if line else [] for line in run.stdout.split("\n")[:-1]]
    return list(zip(frames, comments, strict=True))


class Sender:
    """Seals records of one epoch of one side."""

    def __init__(self, tag, epoch, suite, random, restart=False):
        self.tag, self.epoch, self.suite, self.restart, self.number = tag, epoch, suite, restart, 0
        self.key, self.sn_key = (random.randbytes(KEY_LENGTH[suite]) for _ in range(2))
        self.iv = random.randbytes(12)

    def line(self):
        return (f"DTLS_CHUNK {self.tag:08x} {self.epoch} {'R' if self.restart else 'P'} {self.suite:04x} "
                f"{self.key.hex()} {self.iv.hex()} {self.sn_key.hex()}\n")

    def seal(self, content, content_type=23, padding=0):
        """The whole packet, of which content are the chunks."""
        number, self.number = self.number, self.number + 1
        head = bytes([0x28 | self.epoch & 3])
        low = struct.pack(">H", number & 0xFFFF)
        aead = {0x1301: AESGCM, 0x1302: AESGCM, 0x1303: ChaCha20Poly1305,
                0x1304: lambda key: AESCCM(key, tag_length=16)}[self.suite](self.key)
        nonce = bytes(a ^ b for a, b in zip(self.iv, number.to_bytes(12, "big")))
        body = aead.encrypt(nonce, content + bytes([content_type]) + bytes(padding), head + low)
        if self.suite == 0x1303:
            mask = Cipher(algorithms.ChaCha20(self.sn_key, body[:16]), mode=None).encryptor().update(bytes(2))
        else:
            mask = Cipher(algorithms.AES(self.sn_key), modes.ECB()).encryptor().update(body[:16])
        record = head + bytes(a ^ b for a, b in zip(low, mask)) + body
        return sctp(dtls_chunk(record, int(self.restart)), tag=self.tag)


def tls_record(kind, body, version=0x0303):
    return struct.pack(">BHH", kind, version, len(body)) + body


def handshake(kind, body, number=0, offset=0, whole=None):
    """A DTLS handshake message, or the fragment of one."""
    whole = len(body) if whole is None else whole
    return (bytes([kind]) + whole.to_bytes(3, "big") + struct.pack(">H", number) + offset.to_bytes(3, "big")
            + len(body).to_bytes(3, "big") + body)


def dtls_clear(kind, body, number=0, epoch=0, length=None):
    return (struct.pack(">BHH", kind, 0xFEFD, epoch) + number.to_bytes(6, "big")
            + struct.pack(">H", len(body) if length is None else length) + body)


def client_hello(version, cookie=b""):
    extensions = struct.pack(">HHBH", 43, 3, 2, version)
    return (struct.pack(">H", 0x0303 if version == 0x0304 else 0xFEFD) + bytes(range(32)) + b"\0" + cookie
            + struct.pack(">HH", 2, 0x1301) + b"\1\0" + struct.pack(">H", len(extensions)) + extensions)


def tshark(plugin, path, *arguments):
    """Runs tshark with the plugin; the result's stdout and stderr are text."""
    command = ["tshark", "-r", str(path)]
    for script in ("sctp_dtls_chunk.lua", "sctp_dtls_keying.lua"):
        command += ["-X", f"lua_script:{plugin}/{script}"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, errors="replace",
                          check=False, timeout=240)


def fields(plugin, path, names, *arguments):
    """A dict of lists of values for every packet."""
    command = ["-T", "fields", "-E", "aggregator=|", "-E", "separator=/t"]
    for name in names:
        command += ["-e", name]
    run = tshark(plugin, path, *command, *arguments)
    if run.returncode != 0 or "Lua" in run.stderr:
        raise RuntimeError(f"tshark: {run.stderr}")
    return [{name: value.split("|") if value else [] for name, value in zip(names, line.split("\t"))}
            for line in run.stdout.splitlines()]
