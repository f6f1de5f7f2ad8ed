"""SCTP packets by hand (RFC 9260, section 3), and raw sockets in other network namespaces.

Nothing of this is the gateway's: packets are put together and taken apart here, so that a case can send
what no stack would.
"""
import ctypes
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tools/wireshark"))
from sctp_frame import crc32c  # noqa: E402

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR, COOKIE_ECHO, \
    COOKIE_ACK = range(12)
SHUTDOWN_COMPLETE, DTLS = 14, 0x41
NAMES = {DATA: "DATA", INIT: "INIT", INIT_ACK: "INIT ACK", SACK: "SACK", HEARTBEAT: "HEARTBEAT",
         HEARTBEAT_ACK: "HEARTBEAT ACK", ABORT: "ABORT", SHUTDOWN: "SHUTDOWN", SHUTDOWN_ACK: "SHUTDOWN ACK",
         ERROR: "ERROR", COOKIE_ECHO: "COOKIE ECHO", COOKIE_ACK: "COOKIE ACK", SHUTDOWN_COMPLETE: "SHUTDOWN COMPLETE",
         DTLS: "DTLS"}
STATE_COOKIE, UNRECOGNIZED_PARAMETER, KEY_MANAGEMENT = 7, 8, 0x8006
T_BIT = B_LAST = 1  # of ABORT and SHUTDOWN COMPLETE; E of DATA
END, BEGIN, UNORDERED = 1, 2, 4


class Chunk:
    def __init__(self, kind, flags, value, length=None):
        self.kind, self.flags, self.value = kind, flags, value
        self.length = 4 + len(value) if length is None else length

    def octets(self):
        return struct.pack(">BBH", self.kind, self.flags, self.length) + self.value + bytes(-len(self.value) % 4)

    def __repr__(self):
        return f"{NAMES.get(self.kind, hex(self.kind))}(flags {self.flags:x}, {len(self.value)} octets)"


def init(tag, outgoing=10, incoming=10, window=65536, tsn=1, parameters=b"", kind=INIT):
    return Chunk(kind, 0, struct.pack(">IIHHI", tag, window, outgoing, incoming, tsn) + parameters)


def parameter(kind, value, length=None):
    return struct.pack(">HH", kind, 4 + len(value) if length is None else length) + value + bytes(-len(value) % 4)


def data(tsn, stream, sequence, content, flags=BEGIN | END, ppid=60):
    return Chunk(DATA, flags, struct.pack(">IHHI", tsn, stream, sequence, ppid) + content)


def sack(cumulative, window=65536, gaps=(), duplicates=()):
    value = struct.pack(">IIHH", cumulative & 0xFFFFFFFF, window, len(gaps), len(duplicates))
    value += b"".join(struct.pack(">HH", *gap) for gap in gaps) + b"".join(struct.pack(">I", d) for d in duplicates)
    return Chunk(SACK, 0, value)


class Sack:
    def __init__(self, chunk):
        self.cumulative, self.window, gaps, duplicates = struct.unpack_from(">IIHH", chunk.value)
        self.gaps = [struct.unpack_from(">HH", chunk.value, 12 + 4 * i) for i in range(gaps)]
        self.duplicates = [struct.unpack_from(">I", chunk.value, 12 + 4 * (gaps + i))[0] for i in range(duplicates)]


class Data:
    def __init__(self, chunk):
        self.flags = chunk.flags
        self.tsn, self.stream, self.sequence, self.ppid = struct.unpack_from(">IHHI", chunk.value)
        self.content = chunk.value[12:]


class Init:
    def __init__(self, chunk):
        self.tag, self.window, self.outgoing, self.incoming, self.tsn = struct.unpack_from(">IIHHI", chunk.value)
        self.parameters = []
        at = 16
        while at + 4 <= len(chunk.value):
            kind, length = struct.unpack_from(">HH", chunk.value, at)
            self.parameters.append((kind, chunk.value[at + 4:at + length]))
            at += max(4, length + 3 & ~3)

    def value_of(self, kind):
        return next((value for k, value in self.parameters if k == kind), None)


def causes(chunk):
    """(code, value) of each cause of an ABORT or ERROR."""
    at, out = 0, []
    while at + 4 <= len(chunk.value):
        code, length = struct.unpack_from(">HH", chunk.value, at)
        out.append((code, chunk.value[at + 4:at + length]))
        at += max(4, length + 3 & ~3)
    return out


class Packet:
    def __init__(self, octets, source=None, ip_length=0):
        self.octets, self.source, self.ip_length = octets, source, ip_length
        self.source_port, self.destination_port, self.tag, self.checksum = struct.unpack_from(">HHII", octets)
        self.record = None  # of a protected packet: what the DTLS chunk was
        self.at = time.monotonic()
        self.chunks = []
        at = 12
        while at + 4 <= len(octets):
            kind, flags, length = struct.unpack_from(">BBH", octets, at)
            if length < 4:
                raise ValueError("a chunk shorter than its header")
            self.chunks.append(Chunk(kind, flags, octets[at + 4:at + length], length))
            at += length + 3 & ~3

    @property
    def kinds(self):
        return [chunk.kind for chunk in self.chunks]

    def first(self, kind):
        return next((chunk for chunk in self.chunks if chunk.kind == kind), None)

    def checksum_is_right(self):
        return struct.unpack("<I", self.octets[8:12])[0] == crc32c(self.octets[:8] + bytes(4) + self.octets[12:])

    def __repr__(self):
        return f"[tag {self.tag:08x} {' '.join(map(repr, self.chunks))}]"


def packet(source_port, destination_port, tag, chunks, checksum=None):
    """The octets of an SCTP packet; chunks are Chunk or octets."""
    head = struct.pack(">HHI", source_port, destination_port, tag)
    body = b"".join(c if isinstance(c, bytes) else c.octets() for c in chunks)
    if checksum is None:
        checksum = crc32c(head + bytes(4) + body)
    return head + struct.pack("<I", checksum) + body


class Wire:
    """A raw SCTP socket on one address in a namespace. The kernel does IP and ARP; no kernel SCTP answers."""

    CLONE_NEWNET = 0x40000000

    def __init__(self, namespace, address, peer):
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            if libc.setns(there, self.CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
            libc.setns(own, self.CLONE_NEWNET)
        finally:
            os.close(own)
            os.close(there)
        self.socket.bind((address, 0))
        self.address, self.gateway = address, peer
        self.peers = {}  # by own port
        self.socket.setblocking(False)

    def send(self, octets):
        self.socket.sendto(octets, (self.gateway, 0))

    def read(self):
        """Hands what has arrived to its peers."""
        while True:
            try:
                octets, (source, _) = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            header = (octets[0] & 15) * 4
            if source != self.gateway or len(octets) < header + 12:
                continue
            one = Packet(octets[header:], source, len(octets))
            peer = self.peers.get(one.destination_port) or self.peers.get(None)
            if peer is not None:
                peer.arrived(one)


def pump(wires, seconds):
    """Waits for packets on any of the wires, at most so long."""
    ready, _, _ = select.select([w.socket for w in wires], [], [], max(0, seconds))
    for wire in wires:
        if wire.socket in ready:
            wire.read()
