#!/usr/bin/env python3
"""One echo request (ICMP or ICMPv6). Exit code 0 when the answer comes within 0.3 s.

Usage: echo_probe.py ADDRESS
"""
import socket
import struct
import sys


def main():
    address = sys.argv[1]
    v6 = ":" in address
    link = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                         58 if v6 else 1)
    link.settimeout(0.3)
    request = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 0x5D6, 1)
    if not v6:  # the kernel fills in the checksum of ICMPv6 only
        total = sum(struct.unpack("!4H", request))
        total = (total & 0xFFFF) + (total >> 16)
        request = request[:2] + struct.pack("!H", ~total & 0xFFFF) + request[4:]
    try:
        link.sendto(request, (address, 0))
        while True:
            data, peer = link.recvfrom(2048)
            if peer[0] == address and data[0 if v6 else 20] == (129 if v6 else 0):
                return 0
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
