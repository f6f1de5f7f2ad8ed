#!/usr/bin/python3
"""Sends into the link between the gateways what an attacker on it could, aimed at one gateway.

Waits for records of a live association on the interface, then repeats each kind of attack below and
prints as JSON how many packets of each it sent, under the drop reason the gateway must count them.

Usage: attack.py INTERFACE TARGET-ADDRESS COUNT     (in the namespace of the other gateway)
"""
import collections
import json
import random
import sys
import time

from scapy.all import IP, AsyncSniffer, Ether, Raw, conf
from scapy.layers.sctp import SCTP

DTLS = 0x41


def is_record(packet, target):
    """Whether a captured packet is one DTLS chunk for the target, with room for what is put beside it."""
    if IP not in packet or packet[IP].dst != target or packet[IP].proto != 132:
        return False
    octets = bytes(packet[IP].payload)
    return 40 < len(octets) <= 1200 and octets[12] == DTLS


class Packet:
    """A captured record taken apart, to be sent again with changes."""

    def __init__(self, frame):
        self.ether, self.ip = frame[Ether], frame[IP]
        octets = bytes(self.ip.payload)
        self.source, self.destination = octets[0:2], octets[2:4]
        self.tag = octets[4:8]
        self.chunk = bytearray(octets[12:])

    def sctp(self, chunks=None, tag=None, source=None, checksum=None):
        header = SCTP(sport=int.from_bytes(source or self.source, "big"),
                      dport=int.from_bytes(self.destination, "big"),
                      tag=int.from_bytes(tag or self.tag, "big"), chksum=checksum)
        return header / Raw(bytes(chunks if chunks is not None else self.chunk))

    def frame(self, payload, **ip):
        fields = {"src": self.ip.src, "dst": self.ip.dst, "proto": 132, "ttl": 64, **ip}
        return (Ether(src=self.ether.src, dst=self.ether.dst) / IP(**fields) / payload)

    def with_chunk(self, offset, mask):
        chunk = bytearray(self.chunk)
        chunk[offset] ^= mask
        return chunk


def chunk(kind, flags, value):
    return bytes([kind, flags]) + (4 + len(value)).to_bytes(2, "big") + value


def attacks(packet, rng):
    """(reason the gateway must count, frame). The chunk: type flags length(2) pad header number(2)..."""
    data = chunk(0, 3, rng.randbytes(4) + bytes(8) + b"forged in clear!")
    length = int.from_bytes(packet.chunk[2:4], "big")
    yield "record_replayed", packet.frame(packet.sctp())
    # Another record number, ahead of all seen: the replay window lets it through to the cipher.
    yield "record_forged", packet.frame(packet.sctp(packet.with_chunk(6, 0x40)))
    yield "sctp_checksum", packet.frame(packet.sctp(checksum=rng.getrandbits(32) | 1))
    yield "dtls_no_association", packet.frame(packet.sctp(tag=rng.randbytes(4)))
    yield "dtls_no_key", packet.frame(packet.sctp(packet.with_chunk(5, 0x02)))  # epoch 3 becomes 1
    yield "dtls_restart_unsupported", packet.frame(packet.sctp(packet.with_chunk(1, 0x01)))
    yield "dtls_malformed", packet.frame(packet.sctp(packet.with_chunk(5, 0x10)))  # a connection id
    yield "dtls_malformed", packet.frame(packet.sctp(chunk(DTLS, 0, bytes(12))))
    padded = bytes(packet.chunk[:length]) + bytes(-length % 4)
    yield "dtls_bundled", packet.frame(packet.sctp(padded + chunk(4, 0, chunk(0, 1, b"beat"))))
    yield "dtls_bundled", packet.frame(packet.sctp(data + padded))
    yield "chunk_malformed", packet.frame(packet.sctp(packet.chunk[:length // 2 & ~3]))
    yield "chunk_malformed", packet.frame(packet.sctp(chunk(3, 0, b"")[:2] + b"\0\3" + bytes(8)))
    yield "clear_when_protected", packet.frame(packet.sctp(data))
    yield "clear_when_protected", packet.frame(packet.sctp(chunk(6, 0, b"")))  # ABORT
    yield "clear_when_protected", packet.frame(packet.sctp(chunk(7, 0, bytes(4))))  # SHUTDOWN
    yield "sctp_ports", packet.frame(packet.sctp(source=b"\0\0"))
    yield "sctp_truncated", packet.frame(Raw(b"\x96\x0c\x96\x0c" + bytes(4)))
    yield "ip_protocol", packet.frame(Raw(rng.randbytes(40)), proto=17)
    yield "ipv4_malformed", packet.frame(packet.sctp(), ihl=4)
    yield "ipv4_checksum", packet.frame(packet.sctp(), chksum=0x1234)
    yield "not_for_us", packet.frame(packet.sctp(), dst="203.0.113.7")
    yield "ethertype_unknown", Ether(src=packet.ether.src, dst=packet.ether.dst,
                                     type=0x88B5) / Raw(rng.randbytes(60))


def main():
    interface, target, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rng = random.Random(20260701)
    conf.verb = 0
    newest = collections.deque(maxlen=20)  # their numbers are inside the replay window
    sniffer = AsyncSniffer(iface=interface, store=False, lfilter=lambda p: is_record(p, target),
                           prn=newest.append)
    sniffer.start()
    link = conf.L2socket(iface=interface)
    deadline = time.monotonic() + 20
    while len(newest) < newest.maxlen:
        if time.monotonic() > deadline:
            print("no records to attack", file=sys.stderr)
            return 1
        time.sleep(0.1)
    sniffer.stop()
    records = [Packet(frame) for frame in newest]
    sent = {}
    for turn in range(count):
        packet = records[turn % len(records)]
        for reason, frame in attacks(packet, rng):
            link.send(Raw(bytes(frame)))
            sent[reason] = sent.get(reason, 0) + 1
        # Noise that may count under any reason, or none: random octets, INITs, IP fragments (these
        # never reach an af_packet port: the kernel keeps them for reassembly).
        link.send(Raw(bytes(packet.frame(packet.sctp(), flags="MF"))))
        link.send(Raw(bytes(packet.frame(Raw(rng.randbytes(rng.randrange(0, 200)))))))
        init = chunk(1, 0, rng.randbytes(4) + b"\0\1\0\0\0\x10\0\x10" + rng.randbytes(4))
        link.send(Raw(bytes(packet.frame(packet.sctp(init, tag=bytes(4))))))
        time.sleep(0.01)
    print(json.dumps(sent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
