"""Reads pcap and pcapng, writes pcapng: just what decrypt-capture needs, in one pass.

Blocks of a pcapng file that are not packets go through unchanged; a pcap file becomes one section with
one interface. Lengths read from a file are checked before anything is read by them.
"""
import struct

SECTION, INTERFACE, PACKET, SECRETS = 0x0A0D0D0A, 1, 6, 10
TLS_KEY_LOG = 0x544C534B
OPTION_END, OPTION_COMMENT, PACKET_HASH = 0, 1, 3
MAX_BLOCK = 16 << 20
PCAP = {0xA1B2C3D4: 6, 0xA1B23C4D: 9}  # magic number: digits behind the second


class CaptureError(Exception):
    """The file is not a capture, or damaged; the text is for people."""


def _exactly(file, size):
    octets = file.read(size)
    if len(octets) < size:
        raise EOFError
    return octets


def _padded(octets):
    return octets + bytes(-len(octets) % 4)


class Packet:
    """One packet: link type, captured octets, the length it had, and where it came from."""

    def __init__(self, link, data, length, time, interface=0, options=()):
        self.link, self.data, self.length = link, data, length
        self.time, self.interface, self.options = time, interface, list(options)

    def replace(self, data):
        self.data, self.length = data, len(data)
        self.options = [one for one in self.options if one[0] != PACKET_HASH]

    def add_comment(self, text):
        self.options.append((OPTION_COMMENT, text.encode()))


def _options(octets, order):
    found, at = [], 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(order + "HH", octets, at)
        if code == OPTION_END or at + 4 + length > len(octets):
            break
        found.append((code, octets[at + 4:at + 4 + length]))
        at += 4 + length + -length % 4
    return found


def _options_octets(options, order):
    if not options:
        return b""
    return b"".join(struct.pack(order + "HH", code, len(value)) + _padded(value)
                    for code, value in options) + bytes(4)


def _block(kind, body, order):
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


class Converter:
    """Copies a capture into pcapng and hands every packet to a function on the way.

    file, out: binary files. notice: comment of every section written. change(packet) may replace the
    packet's data and add comments. secrets(text) is given every key log that the file carries (Decryption
    Secrets Blocks); these are not copied. `cut` is set when the file ends within a packet.
    """

    def __init__(self, file, out, notice, change, secrets=lambda text: None):
        self._file, self._out, self._secrets = file, out, secrets
        self._notice, self._change = (OPTION_COMMENT, notice.encode()), change
        self._order, self._links = "<", []
        self.cut = False

    def run(self):
        try:
            start = _exactly(self._file, 4)
        except EOFError:
            raise CaptureError("too short for a capture") from None
        for order in "<>":
            magic = struct.unpack(order + "I", start)[0]
            if magic in PCAP:
                return self._pcap(order, PCAP[magic])
        if struct.unpack("<I", start)[0] != SECTION:
            raise CaptureError("neither pcap nor pcapng")
        return self._pcapng(start)

    def _write_packet(self, packet):
        self._change(packet)
        body = struct.pack(self._order + "IIIII", packet.interface, packet.time >> 32,
                           packet.time & 0xFFFFFFFF, len(packet.data), packet.length)
        body += _padded(packet.data) + _options_octets(packet.options, self._order)
        self._out.write(_block(PACKET, body, self._order))

    def _write_section(self, options):
        body = struct.pack(self._order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
        self._out.write(_block(SECTION, body + _options_octets([self._notice, *options], self._order),
                               self._order))

    def _pcap(self, order, digits):
        try:
            snap, link = struct.unpack(order + "12xII", _exactly(self._file, 20))
        except EOFError:
            raise CaptureError("too short for a capture") from None
        link &= 0xFFFF  # above it: length of a frame check sequence
        self._write_section([])
        self._out.write(_block(INTERFACE, struct.pack("<HHI", link, 0, snap)
                               + _options_octets([(9, bytes([digits]))], "<"), "<"))
        while True:
            header = self._file.read(16)
            if len(header) < 16:
                self.cut = bool(header)
                return
            seconds, fraction, captured, length = struct.unpack(order + "IIII", header)
            if captured > MAX_BLOCK:
                raise CaptureError(f"damaged: a packet of {captured} octets")
            try:
                data = _exactly(self._file, captured)
            except EOFError:
                self.cut = True
                return
            self._write_packet(Packet(link, data, length, seconds * 10 ** digits + fraction))

    def _pcapng(self, start):
        while start:
            if len(start) < 4:
                self.cut = True
                return
            try:
                self._one_block(start)
            except EOFError:
                self.cut = True
                return
            start = self._file.read(4)

    def _one_block(self, start):
        length_octets = _exactly(self._file, 4)
        first = b""
        if struct.unpack("<I", start)[0] == SECTION:
            first = _exactly(self._file, 4)
            self._order = next((o for o in "<>" if struct.unpack(o + "I", first)[0] == 0x1A2B3C4D), "")
            if not self._order:
                raise CaptureError("damaged: a section without byte order")
            self._links = []
        kind = struct.unpack(self._order + "I", start)[0]
        length = struct.unpack(self._order + "I", length_octets)[0]
        if length < 12 + len(first) or length % 4 or length > MAX_BLOCK:
            raise CaptureError(f"damaged: a block of {length} octets")
        body = first + _exactly(self._file, length - 12 - len(first))
        _exactly(self._file, 4)
        if kind == SECTION:
            if len(body) < 16:
                raise CaptureError("damaged: a section header that is too short")
            self._write_section(_options(body[16:], self._order))
        elif kind == PACKET:
            self._write_packet(self._packet(body))
        elif kind == SECRETS:
            self._take_secrets(body)
        else:
            if kind == INTERFACE:
                if len(body) < 8:
                    raise CaptureError("damaged: an interface description that is too short")
                self._links.append(struct.unpack_from(self._order + "H", body)[0])
            self._out.write(start + length_octets + body + length_octets)

    def _take_secrets(self, body):
        if len(body) < 8:
            raise CaptureError("damaged: a block of secrets that is too short")
        secrets, length = struct.unpack_from(self._order + "II", body)
        if 8 + length > len(body):
            raise CaptureError("damaged: a block of secrets that does not fit")
        if secrets == TLS_KEY_LOG:
            self._secrets(body[8:8 + length].decode("ascii", "replace"))

    def _packet(self, body):
        if len(body) < 20:
            raise CaptureError("damaged: a packet block that is too short")
        interface, high, low, captured, length = struct.unpack_from(self._order + "IIIII", body)
        if interface >= len(self._links) or 20 + captured > len(body):
            raise CaptureError("damaged: a packet block that does not fit")
        options = _options(body[20 + captured + -captured % 4:], self._order)
        return Packet(self._links[interface], body[20:20 + captured], length, high << 32 | low,
                      interface, options)
