"""Cases of the protected leg against draft-ietf-tsvwg-sctp-dtls-chunk, by the rows of docs/conformance.md.

The legs use raw keys, so that every record can be made and opened here.
"""
import random
import struct

from bench import Group, Listener
from peer import check
from records import FIRST_EPOCH, Keys, Records
from wire import (ABORT, BEGIN, COOKIE_ACK, COOKIE_ECHO, DATA, DTLS, END, ERROR, HEARTBEAT, INIT, INIT_ACK, KEY_MANAGEMENT,
                  SACK, SHUTDOWN, STATE_COOKIE, Chunk, Init, Sack, causes, init, parameter)

GROUP = Group()
case = GROUP.case

STRICT, BEGINS, LOOSE, CLIENT_ONLY = 38412, 38413, 38414, 38415
RESTART, SERVER, CLIENT = 4, 2, 1
PRESHARED, DTLS13, TLS13 = 0, 1, 192
MISSING, NO_METHOD, TIE, ROLES = 100, 101, 102, 103
_rng = random.Random(20260702)
THERE, BACK = Keys.fresh(_rng), Keys.fresh(_rng)


def offer(tie=None, flags=SERVER | CLIENT, methods=(PRESHARED,)):
    tie = random.getrandbits(32) if tie is None else tie
    return parameter(KEY_MANAGEMENT, struct.pack(">IB", tie, flags) + bytes(methods))


def raw_keys(send, receive):
    return f"suite: TLS_AES_128_GCM_SHA256\nsend:\n  primary: {send.yaml()}\nreceive:\n  primary: {receive.yaml()}\n"


def protected_node(bench, port=STRICT, **more):
    return bench.node(port, records=Records(THERE, BACK), parameters=offer(**more))


def protected_pair(bench):
    node = protected_node(bench)
    node.answer = node.connect()
    back = bench.accepted()
    node.fence()
    return node, back


def theirs(answer):
    """(tie breaker, flags, methods) of the gateway's parameter."""
    value = answer.value_of(KEY_MANAGEMENT)
    check(value is not None and len(value) >= 6, f"parameter 0x8006: {value}")
    return struct.unpack_from(">I", value)[0], value[4], list(value[5:])


def refused(node, cause, **fields):
    """An INIT with the node's parameters is answered with ABORT and the cause."""
    node.send(init(node.tag, parameters=node.parameters, **fields), tag=0, clear=True)
    one, abort = node.expect(ABORT)
    check(one.tag == node.tag and not abort.flags & 1, f"{one}")
    check(causes(abort) == [(cause, b"")], f"{causes(abort)}")


def raw(node, *chunks):
    """Sends chunks as they are, sealed by hand or in clear."""
    node.send(*chunks, clear=True)


def lost(bench, act, count=1):
    """What act sends must not be processed, and must not be answered: its DATA is not relayed."""
    node, back = protected_pair(bench)
    act(node, node.next_data(b"must not arrive"))
    node.tsn -= count
    node.sequence[0] = 0
    node.quiet(SACK)
    check(not back.messages, f"relayed: {back.messages}")
    node.send_data(b"must arrive")
    back.until(lambda: back.messages, "the association goes on")
    check([m[2] for m in back.messages] == [b"must arrive"], f"{back.messages}")


# -- negotiation


@case("PR-1", "C13 C23", "INIT ACK has one parameter 0x8006 with a tie breaker, flags and a method at least")
def _(bench):
    answer = protected_node(bench).begin()
    check(sum(k == KEY_MANAGEMENT for k, _ in answer.parameters) == 1, "not one")
    _, flags, methods = theirs(answer)
    check(methods == [PRESHARED] and flags & (SERVER | CLIENT), f"flags {flags:x}, methods {methods}")


@case("PR-2", "C14", "reserved flag bits are 0 when sent")
def _(bench):
    _, flags, _ = theirs(protected_node(bench).begin())
    check(flags & ~(RESTART | SERVER | CLIENT) == 0, f"{flags:x}")


@case("PR-3", "C14", "reserved flag bits, and padding, of a peer are ignored")
def _(bench):
    node = protected_node(bench, flags=0xF8 | SERVER | CLIENT)
    node.parameters = node.parameters[:10] + b"\xff" * (len(node.parameters) - 10)
    node.connect()
    bench.accepted()
    node.quiet(SACK)


@case("PR-4", "C27", "each INIT is answered with a fresh tie breaker")
def _(bench):
    node = protected_node(bench)
    check(len({theirs(node.begin())[0] for _ in range(6)}) == 6, "one came twice")


@case("PR-5", "C24 C20", "strict: an INIT without the parameter is refused with ABORT, cause 100 of length 4")
def _(bench):
    node = protected_node(bench)
    node.parameters = b""
    refused(node, MISSING)


@case("PR-6", "C24", "strict: an INIT whose parameter lists no method is refused like one without")
def _(bench):
    node = protected_node(bench)
    node.parameters = parameter(KEY_MANAGEMENT, struct.pack(">IB", 7, 3))
    refused(node, MISSING)


@case("PR-7", "C24", "strict: no common method is cause 101")
def _(bench):
    refused(protected_node(bench, methods=(TLS13, 77)), NO_METHOD)


@case("PR-8", "C24", "strict: roles that do not complement each other are cause 103")
def _(bench):
    refused(protected_node(bench, port=CLIENT_ONLY, flags=CLIENT), ROLES)


@case("PR-9", "C28", "an INIT may have any tie breaker: the answer has another one")
def _(bench):
    for tie in (0, 1, 0xFFFFFFFF):
        check(theirs(protected_node(bench, tie=tie).begin())[0] != tie, "the same")


@case("PR-10", "C25", "loose: a peer without the parameter is served without protection")
def _(bench):
    node = bench.node(LOOSE)
    answer = node.connect()
    back = bench.accepted()
    check(answer.outgoing > 0, "INIT ACK")
    node.send_data(b"in clear")
    back.until(lambda: back.messages, "the message is relayed")
    check(all(DTLS not in one.kinds for one in node.inbox), "a DTLS chunk")


@case("PR-11", "C48", "methods that it does not know are passed over")
def _(bench):
    node = protected_node(bench, methods=(200, 77, PRESHARED))
    node.connect()
    bench.accepted()
    node.quiet(SACK)


@case("PR-12", "C15", "the parameter is in no other chunk: COOKIE ECHO and COOKIE ACK do not have it")
def _(bench):
    node = protected_node(bench)
    answer = node.begin()
    node.echo(answer)
    one, _ = node.expect(COOKIE_ACK)
    node.records.sending = True
    check(b"\x80\x06" not in one.octets[12:], f"{one}")


@case("PR-13", "C9", "SCTP-AUTH is not negotiated with it, although the INIT offers it")
def _(bench):
    node = protected_node(bench)
    node.parameters += parameter(0x8002, random.randbytes(32)) + parameter(0x8003, b"\xc1\x80") + \
        parameter(0x8004, b"\0\1") + parameter(0x8008, b"\xc1\x80\x0f")
    answer = node.begin()
    check({0x8002, 0x8003, 0x8004} & {kind for kind, _ in answer.parameters} == set(), f"{answer.parameters}")


@case("PR-14", "C1 C10", "address reconfiguration is not offered")
def _(bench):
    node = protected_node(bench)
    node.parameters += parameter(0x8008, b"\xc1\x80")
    answer = node.begin()
    extensions = answer.value_of(0x8008) or b""
    check(not {0xC1, 0x80} & set(extensions), f"{extensions.hex()}")


# -- the gateway begins


def begun(bench):
    listener = Listener(bench, bench.right, BEGINS, lambda: Records(BACK, THERE), offer())
    listener.automatic = False
    node = bench.node(BEGINS)
    node.connect()
    back = listener.next()
    bench._peers.append(back)
    one, chunk = back.expect(INIT)
    first = Init(chunk)
    back.gateway_tag, back.gateway_tsn = first.tag, first.tsn - 1 & 0xFFFFFFFF
    return node, back, first, one


def init_ack(back, parameters):
    raw(back, init(back.tag, tsn=back.tsn, kind=INIT_ACK, parameters=parameter(STATE_COOKIE, b"cookie!!") + parameters))


@case("PR-15", "C22", "its INIT has one parameter 0x8006")
def _(bench):
    _, _, first, one = begun(bench)
    check(sum(k == KEY_MANAGEMENT for k, _ in first.parameters) == 1 and one.kinds == [INIT], f"{one}")
    _, flags, methods = theirs(first)
    check(methods == [PRESHARED] and flags & ~(RESTART | SERVER | CLIENT) == 0, f"flags {flags:x}, methods {methods}")


# An INIT ACK, made from the gateway's own parameter, and the cause that ends the attempt.
REFUSED_ANSWERS = (
    ("PR-16", "C24", "strict: an INIT ACK without the parameter is answered with ABORT, cause 100",
     lambda own: b"", MISSING),
    ("PR-17", "C28", "an INIT ACK with the tie breaker of the INIT is answered with ABORT, cause 102",
     lambda own: offer(tie=own[0]), TIE),
    ("PR-18", "C24", "an INIT ACK without a common method is answered with ABORT, cause 101",
     lambda own: offer(methods=(TLS13,)), NO_METHOD),
)


def refused_answer(parameters, cause):
    def run(bench):
        node, back, first, _ = begun(bench)
        init_ack(back, parameters(theirs(first)))
        one, abort = back.expect(ABORT)
        check(causes(abort) == [(cause, b"")] and one.tag == back.tag, f"{causes(abort)}")
        node.expect(ABORT)
    return run


for name, rows, rule, parameters, cause in REFUSED_ANSWERS:
    case(name, rows, rule)(refused_answer(parameters, cause))


@case("PR-19", "C32 C35", "as the initiator: COOKIE ECHO in clear, then nothing but DTLS chunks")
def _(bench):
    node, back, _, _ = begun(bench)
    init_ack(back, back.parameters)
    one, _ = back.expect(COOKIE_ECHO)
    check(one.record is None, "sealed")
    back.automatic, back.up = True, True
    raw(back, Chunk(COOKIE_ACK, 0, b""))
    back.records.sending = True
    back.fence()
    node.send_data(b"through")
    back.until(lambda: back.messages, "the message is relayed")
    check(back.records.seen[:1] == [0] and all(one.record is not None for one in back.inbox), "something in clear")


# -- records


@case("PR-20", "C31", "every packet is one DTLS chunk, first and only, once there are keys")
def _(bench):
    node, back = protected_pair(bench)
    node.inbox.clear()
    kept = []
    inner = node.arrived
    node.arrived = lambda one: (kept.append(one), inner(one))
    for size in (1, 500, 1300):
        back.send_data(b"r" * size)
        node.send_data(b"s" * size)
    back.until(lambda: len(back.messages) == 3, "all are relayed")
    node.until(lambda: len(node.messages) == 3, "all are relayed back")
    check(kept and all(one.kinds == [DTLS] for one in kept), f"{[one.kinds for one in kept]}")


@case("PR-21", "C4 C5 C16 C17", "form: flags 0, one zero octet, 001 C=0 S=1 L=0, epoch 3, numbers from 0 in order")
def _(bench):
    node, back = protected_pair(bench)
    back.send_data(b"look")
    one, _ = node.expect(DATA)
    check(one.record.flags == 0 and one.record.value[0] == 0 and one.record.value[1] == 0x28 | FIRST_EPOCH,
          f"{one.record.octets()[:8].hex()}")
    check(one.record_kind == 23, f"content type {one.record_kind}")
    check(node.records.seen == list(range(len(node.records.seen))), f"{node.records.seen}")


@case("PR-22", "C19", "the chunk is padded with zeros to four octets, by three at most")
def _(bench):
    node, back = protected_pair(bench)
    for size in (1, 2, 3, 4, 5):
        back.send_data(b"p" * size)
        one, _ = node.expect(DATA)
        outer = one.around.octets
        length = struct.unpack_from(">H", outer, 14)[0]
        check(len(outer) == 12 + (length + 3 & ~3) and not any(outer[12 + length:]), f"{outer.hex()}")


@case("PR-23", "C16 C17 C19", "reserved flags, pre-padding and post-padding of a peer are ignored")
def _(bench):
    node, back = protected_pair(bench)
    inner = node.next_data(b"odd padding").octets()
    octets = bytearray(node.records.seal(inner, flags=0xFE, before=b"\xaa").octets())
    length = struct.unpack_from(">H", octets, 2)[0]
    octets[length:] = b"\xbb" * (len(octets) - length)
    raw(node, bytes(octets))
    back.until(lambda: back.messages, "the message is relayed")


@case("PR-24", "C11", "DTLS padding of a peer is taken off")
def _(bench):
    node, back = protected_pair(bench)
    raw(node, node.records.seal(node.next_data(b"padded").octets(), padding=100))
    back.until(lambda: back.messages and back.messages[0][2] == b"padded", "the message is relayed")


def heartbeat():
    return Chunk(HEARTBEAT, 0, parameter(1, b"x" * 8))


# The packets in which a DATA chunk is lost: seal() makes a DTLS chunk of it.
LOST = (
    ("PR-25", "C34", "a DTLS chunk with another one behind it: the whole packet is silently discarded",
     lambda seal, chunk: [[seal(), heartbeat()]]),
    ("PR-26", "C34", "a DTLS chunk behind another one: the whole packet is silently discarded",
     lambda seal, chunk: [[heartbeat(), seal()]]),
    ("PR-27", "C18 C34", "two DTLS chunks in a packet: the whole packet is silently discarded",
     lambda seal, chunk: [[seal(), seal()]]),
    ("PR-28", "C35", "DATA in clear on a protected association is silently discarded", lambda seal, chunk: [[chunk]]),
    ("PR-34", "C36", "a record under another epoch is silently discarded",
     lambda seal, chunk: [[seal(epoch=epoch)] for epoch in (0, 1, 2)]),
    ("PR-35", "C4", "a record header with connection id, with length, or with an 8-bit number is silently discarded",
     lambda seal, chunk: [[seal(form=form)] for form in (0x38, 0x2C, 0x20, 0x08)]),
    ("PR-37", "C47", "the R bit without restart support: silently discarded", lambda seal, chunk: [[seal(flags=1)]]),
)


def lost_in(packets):
    def act(node, chunk):
        for chunks in packets(lambda **how: node.records.seal(chunk.octets(), **how), chunk):
            raw(node, *chunks)
    return lambda bench: lost(bench, act)


for name, rows, rule, packets in LOST:
    case(name, rows, rule)(lost_in(packets))


@case("PR-29", "C35", "ABORT, SHUTDOWN, ERROR, SACK, HEARTBEAT and COOKIE ECHO in clear do nothing")
def _(bench):
    node, back = protected_pair(bench)
    for chunk in (Chunk(ABORT, 0, b""), Chunk(SHUTDOWN, 0, struct.pack(">I", node.gateway_tsn)),
                  Chunk(ERROR, 0, parameter(3, bytes(4))), Chunk(HEARTBEAT, 0, parameter(1, b"clear")),
                  Chunk(COOKIE_ECHO, 0, node.answer.value_of(STATE_COOKIE)), Chunk(COOKIE_ACK, 0, b"")):
        raw(node, chunk)
    raw(node, Chunk(ABORT, 1, b""))
    node.quiet(SACK)
    check(not back.ended, "ended")


@case("PR-30", "C35", "ABORT with the T bit in clear under our own tag does nothing")
def _(bench):
    node, back = protected_pair(bench)
    node.send(Chunk(ABORT, 1, b""), tag=node.tag, clear=True)
    for one in node.fence():
        check(one.record is not None or one.kinds != [ABORT], f"{one}")
    check(not back.ended, "ended")


@case("PR-31", "C35", "an INIT in clear at the association is answered with INIT ACK and changes nothing")
def _(bench):
    node, back = protected_pair(bench)
    node.send(init(node.tag ^ 0x77, parameters=offer()), tag=0, clear=True)
    one, _ = node.expect(INIT_ACK)
    check(one.record is None, "INIT ACK is sealed")
    node.send_data(b"goes on")
    back.until(lambda: back.messages, "the association goes on")


@case("PR-32", "C35 C46", "a restart in clear is not taken")
def _(bench):
    node, back = protected_pair(bench)
    thief = bench.node(STRICT)
    del bench.left.peers[thief.port]
    thief.port = node.port
    inner, node.arrived = node.arrived, thief.arrived
    bench.left.peers[node.port] = thief
    thief.parameters = offer()
    answer = thief.begin()
    thief.automatic = False
    thief.echo(answer)
    bench.pump(0.2)
    bench.left.peers[node.port] = node
    node.arrived = inner
    thief.gateway_tag = 0
    check(all(one.kinds != [COOKIE_ACK] for one in thief.inbox), f"{thief.inbox}")
    node.send_data(b"goes on")
    back.until(lambda: back.messages, "the association goes on")
    check(not back.ended, "ended")


@case("PR-33", "C36", "a record with one bit changed anywhere is silently discarded; the association lives")
def _(bench):
    def act(node, chunk):
        octets = node.records.seal(chunk.octets()).octets()
        for at in (5, 6, 7, 8, 20, len(octets) - 6):
            broken = bytearray(octets)
            broken[at] ^= 0x08
            raw(node, bytes(broken))
    lost(bench, act)


@case("PR-36", "C18", "a chunk too short for a record, and one whose length is wrong, are silently discarded")
def _(bench):
    def act(node, chunk):
        whole = node.records.seal(chunk.octets())
        raw(node, Chunk(DTLS, 0, b"\0"))
        raw(node, Chunk(DTLS, 0, whole.value[:15]))
        for length in (0, 3, whole.length - 4, whole.length + 4):
            raw(node, Chunk(DTLS, 0, whole.value, length))
    lost(bench, act)


@case("PR-38", "C53", "a record replayed is silently discarded")
def _(bench):
    node, back = protected_pair(bench)
    sealed = node.records.seal(node.next_data(b"once").octets())
    for _ in range(5):
        raw(node, sealed)
    back.until(lambda: back.messages, "the first is relayed")
    for one in node.fence():
        check(all(not Sack(c).duplicates for c in one.chunks if c.kind == SACK), "SCTP saw a replay")
    check(len(back.messages) == 1, f"{back.messages}")


@case("PR-39", "C53", "records in reverse order inside the window are all taken")
def _(bench):
    node, back = protected_pair(bench)
    sealed = [node.records.seal(node.next_data(bytes([65 + i])).octets()) for i in range(20)]
    for one in reversed(sealed):
        raw(node, one)
    back.until(lambda: len(back.messages) == 20, "all are relayed")
    check([m[2] for m in back.messages] == [bytes([65 + i]) for i in range(20)], f"{back.messages}")


@case("PR-40", "C53", "a record number older than the window is silently discarded")
def _(bench):
    node, back = protected_pair(bench)
    old = node.records.number
    node.records.number += 1100
    node.send_data(b"new")
    back.until(lambda: back.messages, "the new one is relayed")
    raw(node, node.records.seal(node.next_data(b"old").octets(), number=old))
    node.quiet(SACK)
    check(len(back.messages) == 1, f"{back.messages}")


@case("PR-41", "C5", "record numbers wrap their 16 bits on the wire: both ends go on")
def _(bench):
    node, back = protected_pair(bench)
    for number in (0x7FF0, 0xFFE0, 0x10010, 0x18000):
        node.records.number = number
        node.send_data(struct.pack(">I", number))
        node.fence()
    back.until(lambda: len(back.messages) == 4, f"all are relayed: {back.messages}")


@case("PR-42", "C36", "what opens but is no application data, or holds a DTLS chunk, is silently discarded")
def _(bench):
    def act(node, chunk):
        for kind in (20, 21, 22, 26, 1):
            raw(node, node.records.seal(chunk.octets(), kind=kind))
        raw(node, node.records.seal(node.records.seal(chunk.octets()).octets()))
    lost(bench, act)


@case("PR-43", "C33", "no packet is larger than the path's MTU, record included")
def _(bench):
    node, back = protected_pair(bench)
    node.inbox.clear()
    longest = []
    inner = node.arrived
    node.arrived = lambda one: (longest.append(one.ip_length), inner(one))
    for at in range(4):
        back.send_data(b"m" * 1400, flags=(BEGIN if at == 0 else 0) | (END if at == 3 else 0))
    node.until(lambda: node.messages, "the message is relayed")
    check(1400 < max(longest) <= 1500, f"{max(longest)} octets")
    check(node.messages[0][2] == b"m" * 5600, "altered")


@case("PR-44", "C6", "the largest packet of a peer that the port takes is opened")
def _(bench):
    node, back = protected_pair(bench)
    content = bytes(i & 0xFF for i in range(1500 - 20 - 12 - 28 - 16))
    node.send_data(content)
    back.until(lambda: back.messages, "the message is relayed")
    check(back.messages[0][2] == content, "altered")


@case("PR-45", "C50", "PPID 4242 is never relayed")
def _(bench):
    node, back = protected_pair(bench)
    node.send_data(b"\x03 not for you", ppid=4242, stream=1)
    node.send_data(b"for you")
    back.until(lambda: back.messages or back.ended, "something happens")
    check(all(ppid != 4242 for _, ppid, _ in back.messages), f"{back.messages}")


@case("PR-46", "C32", "SHUTDOWN and its answers travel in DTLS chunks")
def _(bench):
    node, back = protected_pair(bench)
    node.automatic = False
    node.inbox.clear()
    back.send(Chunk(SHUTDOWN, 0, struct.pack(">I", back.gateway_tsn)))
    one, _ = node.expect(SHUTDOWN)
    check(one.record is not None, "SHUTDOWN in clear")
    node.send(Chunk(8, 0, b""))
    one, _ = node.expect(14)
    check(one.record is not None, "SHUTDOWN COMPLETE in clear")
    node.ended = "shutdown"


@case("PR-47", "C36", "unknown chunks inside a record are dealt with as RFC 9260 wants it")
def _(bench):
    node, back = protected_pair(bench)
    node.send(Chunk(0xFE, 0, b"????"), node.next_data(b"behind"))
    one, error = node.expect(ERROR)
    check(causes(error)[0][0] == 6 and one.record is not None, f"{one}")
    back.until(lambda: back.messages, "what is behind it is relayed")

