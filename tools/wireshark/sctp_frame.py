"""Finds the SCTP packet in a captured frame and puts another one in its place."""
import struct

SCTP = 132
IPV4, IPV6 = 0x0800, 0x86DD
VLAN = (0x8100, 0x88A8, 0x9100)
# Link type: where the network protocol's number is, and where the packet begins.
ETHERTYPE_AT = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
RAW = (12, 14, 101, 228, 229)
SCTP_ALONE = 248
IPV6_OPTIONS = (0, 43, 60)  # hop-by-hop, routing, destination: next header, length in units of 8

_CRC = []
for _octet in range(256):
    for _ in range(8):
        _octet = _octet >> 1 ^ (0x82F63B78 if _octet & 1 else 0)
    _CRC.append(_octet)


def crc32c(octets):
    crc, table = 0xFFFFFFFF, _CRC
    for octet in octets:
        crc = table[(crc ^ octet) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def with_checksum(packet):
    """The SCTP packet with its CRC32c (RFC 9260, appendix A)."""
    return packet[:8] + struct.pack("<I", crc32c(packet[:8] + bytes(4) + packet[12:])) + packet[12:]


def _internet_checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class SctpFrame:
    """Where in a frame the SCTP packet is. `whole` is false when the capture cut it."""

    def __init__(self, frame, ip_at, sctp_at, end):
        self._frame, self._ip_at, self._sctp_at = frame, ip_at, sctp_at
        self.whole = end <= len(frame)
        self.packet = frame[sctp_at:end]

    def replaced(self, packet):
        """The frame with another SCTP packet: IP lengths and header checksum fitted, no trailer."""
        head = bytearray(self._frame[:self._sctp_at])
        ip_at = self._ip_at
        if ip_at is not None:
            length = self._sctp_at - ip_at + len(packet)
            if head[ip_at] >> 4 == 4:
                struct.pack_into(">H", head, ip_at + 2, length)
                struct.pack_into(">H", head, ip_at + 10, 0)
                header_end = ip_at + (head[ip_at] & 15) * 4
                struct.pack_into(">H", head, ip_at + 10, _internet_checksum(head[ip_at:header_end]))
            else:
                struct.pack_into(">H", head, ip_at + 4, length - 40)
        return bytes(head) + with_checksum(packet)


def _ip_at(link, frame):
    if link in RAW:
        return 0
    if link not in ETHERTYPE_AT:
        return None
    kind_at, at = ETHERTYPE_AT[link]
    for _ in range(4):
        if len(frame) < at:
            return None
        kind = struct.unpack_from(">H", frame, kind_at)[0]
        if kind in (IPV4, IPV6):
            return at
        if kind not in VLAN:
            return None
        kind_at, at = at + 2, at + 4
    return None


def find_sctp(link, frame):
    """SctpFrame, or None: something else, or a fragment of an IP packet."""
    if link == SCTP_ALONE:
        return SctpFrame(frame, None, 0, len(frame)) if len(frame) >= 12 else None
    at = _ip_at(link, frame)
    if at is None or len(frame) < at + 20:
        return None
    if frame[at] >> 4 == 4:
        length, fragment = struct.unpack_from(">2xH2xH", frame, at)
        start = at + (frame[at] & 15) * 4
        protocol = None if fragment & 0x3FFF else frame[at + 9]
        end = at + length
    elif frame[at] >> 4 == 6 and len(frame) >= at + 40:
        protocol, start = frame[at + 6], at + 40
        end = start + struct.unpack_from(">H", frame, at + 4)[0]
        while protocol in IPV6_OPTIONS and start + 2 <= min(end, len(frame)):
            protocol, start = frame[start], start + (frame[start + 1] + 1) * 8
    else:
        return None
    if protocol != SCTP or end - start < 12 or len(frame) - start < 12 or start < at + 20:
        return None
    return SctpFrame(frame, at, start, end)
