"""What the plugin is shown, and what it must say: a list of cases, each with its own ports."""
import struct

from packets import (ABORT, DATA, ERROR, HEARTBEAT, INIT_ACK, cause, chunk, client_hello, data, dtls_chunk,
                     dtls_clear, handshake, init, ipv4, key_management, parameter, sctp, tls_record)

RECORD = bytes([0x2B]) + bytes(range(40))
PPID = 4242


class Case:
    """Packets in order; wanted: fields of the last one; says: parts of its expert messages."""

    def __init__(self, name, packets, wanted=None, says=()):
        self.name, self.packets, self.wanted, self.says = name, packets, wanted or {}, says
        self.frames = []

    def place(self, port):
        for forward, tag, chunks in self.packets:
            ends = (port, 9) if forward else (9, port)
            self.frames.append(ipv4(sctp(chunks, *ends, tag), forward))


def alone(name, chunks, wanted=None, says=()):
    return Case(name, [(True, 7, chunks)], wanted, says)


def message(name, octets, wanted=None, says=(), before=()):
    return Case(name, [*before, (True, 7, data(PPID, octets))], wanted, says)


def negotiated(method):
    """INIT and INIT ACK of an association in which tag 7 goes from the initiator to the responder."""
    return [(True, 0, init(5, key_management(1, 1, [method]))),
            (False, 5, init(7, key_management(2, 2, [method]), INIT_ACK))]


def chunk_cases():
    flags = {"sctp_dtls.restart": ["0"], "sctp_dtls.record.epoch_bits": ["3"], "sctp_dtls.length": ["46"],
             "sctp_dtls.record.length": ["41"], "sctp_dtls.pre_padding": ["0x00"],
             "sctp_dtls.record.encrypted_number": ["0x0001"]}
    yield alone("a sound DTLS chunk", dtls_chunk(RECORD), flags)
    yield alone("the restart context", dtls_chunk(bytes([0x28]) + RECORD[1:], 1),
                {"sctp_dtls.restart": ["1"], "sctp_dtls.record.epoch_bits": ["0"]})
    yield alone("reserved flags", dtls_chunk(RECORD, 0x81), {"sctp_dtls.restart": ["1"]}, ["Reserved flags"])
    yield alone("pre-padding", dtls_chunk(RECORD, pre=1), {"sctp_dtls.pre_padding": ["0x01"]}, ["Pre-padding"])
    yield alone("post-padding", dtls_chunk(RECORD, post=b"\0\1"), {}, ["Post-padding is not zero"])
    yield alone("no post-padding", dtls_chunk(RECORD, post=b""), {}, ["Post-padding is missing"])
    yield alone("behind another chunk", data(0, b"abcd") + dtls_chunk(RECORD), {}, ["not the first and only"])
    yield alone("before another chunk", dtls_chunk(RECORD) + data(0, b"abcd"), {}, ["not the first and only"])
    for octet in (0x3B, 0x23, 0x2F, 0x17, 0x4B):
        yield alone(f"unified header {octet:#x}", dtls_chunk(bytes([octet]) + RECORD[1:]),
                    {"sctp_dtls.record.header": [f"{octet:#x}"]}, ["Unified header is not"])
    yield alone("too short for a tag", dtls_chunk(RECORD[:19]), {}, ["Too short"])
    yield alone("just long enough", dtls_chunk(RECORD[:20]), {"sctp_dtls.record.length": ["20"]})
    yield alone("header only", chunk(0x41, b""), {"sctp_dtls.length": ["4"]}, ["Too short"])
    yield alone("length zero", dtls_chunk(RECORD, length=0), {}, ["Too short", "Chunk length below 4"])
    yield alone("length beyond", dtls_chunk(RECORD, length=300), {}, ["goes beyond the packet"])
    yield alone("longest record", dtls_chunk(RECORD[:1] + bytes(16384 + 255)), {"sctp_dtls.record.length": ["16640"]})
    yield alone("too long a record", dtls_chunk(RECORD[:1] + bytes(16384 + 256)), {}, ["longer than 2^14"])
    protected = (True, 7, dtls_chunk(RECORD))
    yield Case("in clear after protection", [protected, (True, 7, data(0, b"abcd"))], {}, ["In clear"])
    yield Case("the other side still in clear", [protected, (False, 9, data(0, b"abcd"))])
    yield Case("an INIT after protection", [protected, (True, 7, init(5, key_management(1, 3, [192])))])


def negotiation_cases(vectors):
    yield alone("an INIT", init(5, key_management(0x01020304, 7, [192, 1, 0])),
                {"sctp_dtls.km.tie_breaker": ["0x01020304"], "sctp_dtls.km.length": ["12"],
                 "sctp_dtls.km.flags.restart": ["1"], "sctp_dtls.km.flags.server": ["1"],
                 "sctp_dtls.km.flags.client": ["1"], "sctp_dtls.km.method": ["192", "1", "0"]})
    yield alone("behind another parameter", init(5, parameter(b"abc", 0xC000) + key_management(1, 1, [1])),
                {"sctp_dtls.km.method": ["1"]})
    yield alone("no parameter", init(5, parameter(b"abc", 0xC000)))
    yield alone("reserved flag bits", init(5, key_management(1, 0xF9, [1])),
                {"sctp_dtls.km.flags.client": ["1"]}, ["Reserved flag bits"])
    yield alone("no role", init(5, key_management(1, 0, [1])), {}, ["Neither server nor client"])
    yield alone("method 255", init(5, key_management(1, 1, [255])), {}, ["Method 255 is reserved"])
    yield alone("a method twice", init(5, key_management(1, 1, [1, 1])), {}, ["listed twice"])
    yield alone("no method", init(5, key_management(1, 1, [])), {}, ["no method"])
    yield alone("parameter length beyond", init(5, key_management(1, 1, [1], length=80)), {}, ["does not fit"])
    yield alone("parameter length 2", init(5, key_management(1, 1, [1], length=2)), {}, ["does not fit"])
    yield alone("two parameters", init(5, key_management(1, 1, [1]) * 2), {}, ["More than one"])
    yield alone("padding", init(5, key_management(1, 1, [1])[:-1] + b"\1" + parameter(b"abcd", 0xC000)), {},
                ["Padding is not zero"])
    yield alone("in a HEARTBEAT", chunk(HEARTBEAT, key_management(1, 1, [1])), {}, ["outside INIT"])
    for number, vector in enumerate(vectors["negotiation"]):
        local, peer, result = vector["local"], vector["peer"], vector["result"]
        pair = [(True, 0, init(5, key_management(local["tie"], local["flags"], local["ids"]))),
                (False, 5, init(7, key_management(peer["tie"], peer["flags"], peer["ids"]), INIT_ACK))]
        if isinstance(result, int):
            says = [f"cause {result}"] + (["Neither"] if not peer["flags"] & 3 else [])
            yield Case(f"negotiation {number}", pair, {"sctp_dtls.km.agreed_method": []}, says)
        else:
            server = "initiator" if result[0] == "server" else "responder"
            yield Case(f"negotiation {number}", pair, {"sctp_dtls.km.agreed_method": [str(result[1])],
                                                       "sctp_dtls.km.server": [server]})
    for code in range(100, 104):
        yield alone(f"cause {code}", chunk(ABORT, cause(code)), {"sctp_dtls.cause": [str(code)],
                                                                "sctp_dtls.cause.length": ["4"]})
    yield alone("cause behind another", chunk(ABORT, cause(12, b"abc") + cause(101)), {"sctp_dtls.cause": ["101"]})
    yield alone("other causes", chunk(ABORT, cause(12, b"abc")), {"sctp_dtls.cause": []})
    yield alone("cause with a value", chunk(ABORT, cause(100, b"abcd")), {}, ["Cause length is not 4"])
    yield alone("cause in ERROR", chunk(ERROR, cause(100)), {"sctp_dtls.cause": ["100"]}, ["ABORT only"])


def tls_cases():
    hello = tls_record(22, b"\1" + len(client_hello(0x0304)).to_bytes(3, "big") + client_hello(0x0304), 0x0301)
    cipher = tls_record(23, bytes(30))
    as_192 = {"sctp_dtls_km.method": ["192"]}
    yield message("TLS ClientHello", b"\3" + hello,
                  {**as_192, "sctp_dtls_km.control": ["0"], "sctp_dtls_km.epoch_bits": ["3"],
                   "sctp_dtls_km.record.type": ["22"], "tls.handshake.type": ["1"],
                   "tls.handshake.extensions.supported_version": ["0x0304"]})
    yield message("two TLS records", b"\x7f" + cipher * 2,
                  {**as_192, "sctp_dtls_km.epoch_bits": ["127"], "sctp_dtls_km.record.type": ["23", "23"],
                   "sctp_dtls_km.record.length": ["30", "30"]})
    yield message("Protection Established", b"\x84\1",
                  {**as_192, "sctp_dtls_km.control": ["1"], "sctp_dtls_km.epoch_bits": ["4"],
                   "sctp_dtls_km.control_type": ["1"]})
    before = negotiated(192)
    yield message("agreed: 192", b"\3" + hello, as_192, before=before)
    yield message("half a record", b"\3" + cipher[:-1], as_192, ["Not made of whole records"], before)
    yield message("a record and a half", b"\3" + hello + cipher[:7], {**as_192, "tls.handshake.type": ["1"]},
                  ["Not made of whole records"], before)
    yield message("no record", b"\3", as_192, ["Too short"], before)
    yield message("no control message", b"\x83", as_192, ["Too short"], before)
    yield message("unknown control message", b"\x83\2", as_192, ["Unknown control message"], before)
    yield message("control message with a body", b"\x83\1\0", as_192, ["has no body"], before)
    yield message("neither", b"abcdef", {"sctp_dtls_km.method": []}, ["Neither whole TLS records"])
    yield message("messages of method 0", b"\x83\1", {"sctp_dtls_km.method": ["0"]}, ["has no messages"], negotiated(0))
    fragments = [data(PPID, (b"\3" + hello)[:20], 1, flags=2), data(PPID, (b"\3" + hello)[20:], 2, flags=1)]
    yield Case("a fragmented user message", [*before, *((True, 7, one) for one in fragments)],
               {**as_192, "tls.handshake.type": ["1"]})


def dtls_cases():
    hello = handshake(1, client_hello(0x0304, b"\0"))
    as_1 = {"sctp_dtls_km.method": ["1"]}
    cipher = bytes([0x2E]) + struct.pack(">HH", 0xABCD, 30) + bytes(30)
    yield message("DTLS ClientHello", dtls_clear(22, hello, 3),
                  {**as_1, "sctp_dtls_km.record.type": ["22"], "sctp_dtls_km.record.epoch": ["0"],
                   "sctp_dtls_km.record.number": ["3"], "sctp_dtls_km.handshake.type": ["1"],
                   "sctp_dtls_km.handshake.fragment_offset": ["0"], "dtls.handshake.type": ["1"]})
    yield message("a flight", dtls_clear(22, handshake(2, bytes(20), whole=40)) + cipher * 2,
                  {**as_1, "sctp_dtls_km.record.epoch_bits": ["2", "2"], "sctp_dtls_km.handshake.length": ["40"],
                   "sctp_dtls_km.record.encrypted_number": ["abcd", "abcd"],
                   "sctp_dtls_km.record.length": ["32", "30", "30"]})
    yield message("without length, 8-bit number", bytes([0x23, 0x55]) + bytes(30),
                  {**as_1, "sctp_dtls_km.record.encrypted_number": ["55"], "sctp_dtls_km.record.epoch_bits": ["3"],
                   "sctp_dtls_km.record.length": []})
    ack = struct.pack(">HQQQQ", 32, 0, 1, 2, 3)
    yield message("an ACK in clear", dtls_clear(26, ack),
                  {**as_1, "sctp_dtls_km.ack.epoch": ["0", "2"], "sctp_dtls_km.ack.number": ["1", "3"]})
    before = negotiated(1)
    yield message("agreed: 1", cipher, as_1, before=before)
    yield message("DTLS record cut", cipher[:-1], as_1, ["Not made of whole records"], before)
    yield message("connection ID", bytes([0x3E]) + cipher[1:], as_1, ["Not made of whole records"], before)
    yield message("clear record cut", dtls_clear(22, hello, length=900), as_1, ["Not made of whole records"], before)
    yield message("wrong ACK", dtls_clear(26, ack[:-1]), as_1, ["ACK is not a list"], before)
    yield message("fragment beyond its message", dtls_clear(22, handshake(1, bytes(20), offset=30, whole=40)), as_1,
                  ["Handshake header does not fit"], before)
    yield message("half a handshake header", dtls_clear(22, b"\1\0\0\5"), as_1, ["Handshake header does not fit"], before)
    yield message("handshake message beyond its record", dtls_clear(22, handshake(1, bytes(20), whole=40)[:25]), as_1,
                  ["Handshake header does not fit"], before)
    yield message("empty handshake record", dtls_clear(22, b""), as_1, ["Handshake header does not fit"], before)
    for octets in range(2):
        yield message(f"ACK of {octets} octets", dtls_clear(26, bytes(octets)), as_1, ["ACK is not a list"], before)
    yield message("ACK of nothing", dtls_clear(26, bytes(2)), {**as_1, "sctp_dtls_km.ack.epoch": []}, before=before)
    for header in (b"\x23\x55", b"\x2b\xab\xcd", b"\x2e\xab\xcd", b"\x2e\xab\xcd\0"):
        yield message(f"record header {header.hex()} alone", header, as_1, ["Not made of whole records"], before)
    yield message("record of length 0", b"\x2e\xab\xcd\0\0", {**as_1, "sctp_dtls_km.record.length": ["0"],
                                                              "sctp_dtls_km.record.ciphertext": []}, before=before)


def all_cases(vectors):
    cases = [*chunk_cases(), *negotiation_cases(vectors), *tls_cases(), *dtls_cases()]
    for number, case in enumerate(cases):
        case.place(20000 + number)
    return cases
