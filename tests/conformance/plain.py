"""Cases of the plain leg against RFC 9260, in the style of ETSI TS 102 369. The numbers are our own.

SU set-up, the gateway answers; SI set-up, the gateway begins; DT data; FH faults; TE termination.
"""
import random
import struct
import time

from bench import Group
from peer import check, data_of, only_sacks
from wire import (ABORT, BEGIN, COOKIE_ACK, COOKIE_ECHO, DATA, END, ERROR, HEARTBEAT, HEARTBEAT_ACK, INIT, INIT_ACK,
                  SACK, SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE, STATE_COOKIE, UNORDERED, UNRECOGNIZED_PARAMETER,
                  Chunk, Data, Init, Sack, causes, data, init, parameter, sack)

GROUP = Group()
case = GROUP.case

STREAM, MANDATORY, STALE, UNRESOLVABLE, UNKNOWN_CHUNK, INVALID, UNKNOWN_PARAMETERS, NO_DATA = 1, 2, 3, 5, 6, 7, 8, 9


def answers_nothing(bench, act, kinds=()):
    """What act sends to the listener is answered with nothing: another INIT, sent after it, is answered first."""
    node = bench.node()
    act(node)
    fence = bench.node()
    fence.begin()
    bench.pump(0.01)
    check(not [one for one in node.inbox if one.kinds[0] not in kinds], f"answered with {node.inbox}")
    return node


# -- set-up, the gateway answers


@case("SU-1", "5.1", "an INIT is answered with an INIT ACK: our tag, a tag, a cookie, a window of 1500 at least")
def _(bench):
    node = bench.node()
    answer = node.begin()
    check(answer.tag != 0 and answer.window >= 1500 and answer.outgoing > 0 and answer.incoming > 0,
          "a field of INIT ACK is zero")
    check(answer.value_of(STATE_COOKIE), "no State Cookie")


@case("SU-2", "3.3.3", "INIT ACK is alone in its packet")
def _(bench):
    node = bench.node()
    node.send(init(node.tag), tag=0)
    one, _ = node.expect(INIT_ACK)
    check(one.kinds == [INIT_ACK] and one.checksum_is_right(), f"{one}")


@case("SU-3", "5.1", "a valid COOKIE ECHO is answered with COOKIE ACK, and the association is there")
def _(bench):
    node = bench.node()
    node.connect()
    node.quiet(SACK)


@case("SU-4", "5.1", "an INIT leaves no state: DATA under its tag is out of the blue")
def _(bench):
    node = bench.node()
    answer = node.begin()
    node.send(data(node.tsn, 0, 0, b"early"), tag=answer.tag)
    _, abort = node.expect(ABORT)
    check(abort.flags & 1, "ABORT without the T bit")


@case("SU-5", "5.1.1", "outgoing streams of INIT ACK are no more than the INIT allows")
def _(bench):
    answer = bench.node().begin(incoming=3)
    check(answer.outgoing <= 3, f"{answer.outgoing} streams")


# What is sent to the listener; what may come back is an ABORT, if anything, under the tag of the INIT.
NO_ASSOCIATION = (
    ("SU-6", "3.3.2", "an INIT with tag 0 is silently discarded", lambda node: node.send(init(0), tag=0), ()),
    ("SU-7", "3.3.2", "an INIT with 0 outgoing streams makes no association",
     lambda node: node.send(init(node.tag, outgoing=0), tag=0), (ABORT,)),
    ("SU-8", "3.3.2", "an INIT with 0 incoming streams makes no association",
     lambda node: node.send(init(node.tag, incoming=0), tag=0), (ABORT,)),
    ("SU-9", "3.3.2", "an INIT with a window below 1500 makes no association",
     lambda node: node.send(init(node.tag, window=1499), tag=0), (ABORT,)),
    ("SU-10", "8.5.1", "an INIT under a verification tag other than 0 is not answered with INIT ACK",
     lambda node: node.send(init(node.tag), tag=7), (ABORT,)),
    ("SU-11", "3.3.2", "an INIT with another chunk behind it is discarded",
     lambda node: node.send(init(node.tag), data(1, 0, 0, b"no"), tag=0), (ABORT,)),
    ("SU-17", "3.2", "an INIT whose parameter is longer than the chunk makes no association",
     lambda node: node.send(init(node.tag, parameters=parameter(0x8ABC, b"1234", 400)), tag=0), (ABORT,)),
)


def no_association(act, kinds):
    def run(bench):
        node = answers_nothing(bench, act, kinds)
        check(all(one.tag == node.tag for one in node.inbox), "ABORT under another tag than the INIT's")
    return run


for name, section, rule, act, kinds in NO_ASSOCIATION:
    case(name, section, rule)(no_association(act, kinds))


# Parameters of INIT, and which of them INIT ACK reports as not recognized.
UNKNOWN_IN_INIT = (
    ("SU-12", "unknown parameter, upper bits 00: what follows is not looked at, INIT ACK without report",
     (parameter(0x3ABC, b"????"), parameter(0xFABC, b"!!!!")), ()),
    ("SU-13", "unknown parameter, upper bits 01: reported, what follows is not looked at",
     (parameter(0x7ABC, b"????"), parameter(0xFABC, b"!!!!")), (0,)),
    ("SU-14", "unknown parameter, upper bits 10: skipped, no report, what follows is looked at",
     (parameter(0xBABC, b"????"), parameter(0xFABC, b"!!!!")), (1,)),
    ("SU-15", "unknown parameters, upper bits 11: each is reported whole",
     (parameter(0xFABC, b"1234"), parameter(0xFABD, b"5678")), (0, 1)),
)


def unknown_in_init(parameters, which):
    def run(bench):
        answer = bench.node().begin(parameters=b"".join(parameters))
        reported = [value for kind, value in answer.parameters if kind == UNRECOGNIZED_PARAMETER]
        check(reported == [parameters[i] for i in which], f"{reported}")
    return run


for name, rule, parameters, which in UNKNOWN_IN_INIT:
    case(name, "3.2.1", rule)(unknown_in_init(parameters, which))


@case("SU-16", "3.3.2.1", "an INIT with a Host Name Address gets no association")
def _(bench):
    node = bench.node()
    node.send(init(node.tag, parameters=parameter(11, b"host.example\0")), tag=0)
    node.expect(ABORT, seconds=1)


@case("SU-18", "5.1.5", "a COOKIE ECHO with one bit changed is silently discarded")
def _(bench):
    node = bench.node()
    answer = node.begin()
    cookie = bytearray(answer.value_of(STATE_COOKIE))
    for at in (0, len(cookie) // 2, len(cookie) - 1):
        broken = bytearray(cookie)
        broken[at] ^= 0x10
        node.send(Chunk(COOKIE_ECHO, 0, bytes(broken)))
    bench.node().begin()
    check(not node.inbox, f"{node.inbox}")
    node.echo(answer)
    node.established()


@case("SU-19", "8.5.1", "a COOKIE ECHO under another tag than that of INIT ACK is silently discarded")
def _(bench):
    node = bench.node()
    answer = node.begin()
    node.send(Chunk(COOKIE_ECHO, 0, answer.value_of(STATE_COOKIE)), tag=answer.tag ^ 1)
    bench.node().begin()
    check(not node.inbox, f"{node.inbox}")


@case("SU-20", "5.1.5", "a COOKIE ECHO from another port than the INIT's makes no association")
def _(bench):
    node, thief = bench.node(), bench.node()
    answer = node.begin()
    thief.send(Chunk(COOKIE_ECHO, 0, answer.value_of(STATE_COOKIE)), tag=answer.tag)
    bench.node().begin()
    check(not thief.inbox, f"{thief.inbox}")


@case("SU-21", "5.2.6", "a stale cookie is answered with ERROR cause 3, under the tag of the INIT")
def _(bench):
    node = bench.node()
    answer = node.begin()
    deadline = time.monotonic() + 2.2  # the lifetime is 1 s; its clock may tick in whole seconds
    while time.monotonic() < deadline:
        bench.pump(0.1)
    node.echo(answer)
    one, error = node.expect(ERROR)
    check([code for code, _ in causes(error)] == [STALE], f"{causes(error)}")
    check(one.tag == node.tag, "another tag")


@case("SU-22", "5.1", "DATA bundled with COOKIE ECHO is taken")
def _(bench):
    node = bench.node()
    answer = node.begin()
    chunk = node.next_data(b"with the cookie")
    node.echo(answer, chunk)
    node.established()
    back = bench.accepted()
    back.until(lambda: back.messages, "the message is relayed")
    check(back.messages[0][2] == b"with the cookie", f"{back.messages}")


@case("SU-23", "5.2.4", "action D: a COOKIE ECHO once more is answered with COOKIE ACK, nothing else changes")
def _(bench):
    node = bench.node()
    answer = node.connect()
    back = bench.accepted()
    node.echo(answer)
    node.expect(COOKIE_ACK)
    node.send_data(b"after")
    back.until(lambda: back.messages, "the association goes on")


@case("SU-24", "5.2.2", "an INIT at an association that is up is answered with INIT ACK and changes nothing")
def _(bench):
    node, back = bench.pair()
    node.send(init(node.tag ^ 0xABCD), tag=0)
    one, _ = node.expect(INIT_ACK)
    check(one.tag == node.tag ^ 0xABCD, "INIT ACK under another tag than the INIT's")
    node.send_data(b"still here")
    back.until(lambda: back.messages, "the association goes on")


@case("SU-25", "5.2.4", "action A: a restart with new tags is taken; the relay then ends both legs, as the backend's is old")
def _(bench):
    node, back = bench.pair()
    old = node.gateway_tag
    node.tag = random.getrandbits(32) | 1
    node.tsn, node.sequence = 1000, {}
    node.connect()
    check(node.gateway_tag != old, "the gateway's tag is the old one")
    one, abort = node.expect(ABORT)
    check(one.tag == node.tag and not abort.flags & 1, f"{one}")
    back.until(lambda: back.ended == "abort", "the backend's association ends")


# Chunks that mean nothing to an association that is up.
DISCARDED_WHEN_UP = (
    ("SU-26", "5.2.3", "an INIT ACK at an association that is up is discarded",
     init(5, kind=INIT_ACK, parameters=parameter(STATE_COOKIE, b"cookie"))),
    ("SU-27", "5.2.5", "a COOKIE ACK at an association that is up is discarded", Chunk(COOKIE_ACK, 0, b"")),
    ("TE-8", "8.5.1", "SHUTDOWN COMPLETE in ESTABLISHED is discarded", Chunk(SHUTDOWN_COMPLETE, 0, b"")),
)


def discarded_when_up(chunk):
    def run(bench):
        node, _ = bench.pair()
        node.send(chunk)
        node.quiet(SACK)
    return run


for name, section, rule, chunk in DISCARDED_WHEN_UP:
    case(name, section, rule)(discarded_when_up(chunk))


@case("SU-28", "8.4", "an INIT to a port where nobody listens is answered with ABORT under its own tag, no T bit")
def _(bench):
    node = bench.node(port=4711)
    node.send(init(node.tag), tag=0)
    one, abort = node.expect(ABORT)
    check(one.tag == node.tag and not abort.flags & 1, f"{one}")


@case("SU-29", "3.1", "an INIT from port 0 is discarded")
def _(bench):
    node = bench.node()
    node.wire.peers[0] = node
    node.send(init(node.tag), tag=0, port=0)
    bench.node().begin()
    del node.wire.peers[0]
    check(not node.inbox, f"{node.inbox}")


@case("SU-30", "5.1", "each INIT gets another tag and another initial TSN")
def _(bench):
    node = bench.node()
    answers = [node.begin() for _ in range(8)]
    check(len({a.tag for a in answers}) == 8, "a tag twice")
    check(len({a.tsn for a in answers}) > 1, "always the same TSN")


# -- set-up, the gateway begins


def begun(bench):
    """The gateway's attempt at its backend, untouched: (node, its far end, INIT)."""
    bench.backend.automatic = False
    node = bench.node()
    node.connect()
    back = bench.backend.next()
    bench._peers.append(back)
    one, chunk = back.expect(INIT)
    theirs = Init(chunk)
    back.gateway_tag, back.gateway_tsn = theirs.tag, theirs.tsn - 1 & 0xFFFFFFFF
    back.first = one
    return node, back, theirs


def answer(back, **fields):
    fields.setdefault("parameters", parameter(STATE_COOKIE, b"some cookie of ours!"))
    fields.setdefault("tsn", back.tsn)
    back.send(init(fields.pop("tag", back.tag), kind=INIT_ACK, **fields))


@case("SI-1", "3.3.2", "its INIT is alone, under tag 0, with a tag and a window of 1500 at least")
def _(bench):
    _, back, theirs = begun(bench)
    check(back.first.kinds == [INIT] and back.first.tag == 0 and back.first.checksum_is_right(), f"{back.first}")
    check(theirs.tag != 0 and theirs.window >= 1500 and theirs.outgoing and theirs.incoming, "a field is zero")


@case("SI-2", "4", "without an answer the INIT is sent again, with the same tag (T1)")
def _(bench):
    _, back, theirs = begun(bench)
    _, again = back.expect(INIT)
    check(Init(again).tag == theirs.tag, "another tag")


@case("SI-3", "5.1", "INIT ACK is answered with COOKIE ECHO as the first chunk, the cookie octet by octet")
def _(bench):
    _, back, _ = begun(bench)
    answer(back)
    one, echo = back.expect(COOKIE_ECHO)
    check(one.kinds[0] == COOKIE_ECHO and echo.value == b"some cookie of ours!", f"{one}")
    check(one.tag == back.tag, "not under the tag of INIT ACK")


@case("SI-4", "4", "without COOKIE ACK the COOKIE ECHO is sent again (T1)")
def _(bench):
    _, back, _ = begun(bench)
    answer(back)
    back.expect(COOKIE_ECHO)
    back.expect(COOKIE_ECHO)


@case("SI-5", "8.5", "an INIT ACK under a wrong tag is discarded")
def _(bench):
    _, back, theirs = begun(bench)
    back.gateway_tag = theirs.tag ^ 1
    answer(back)
    back.expect(INIT, "INIT once more")
    check(all(one.kinds == [INIT] for one in back.inbox), f"{back.inbox}")
    back.gateway_tag = theirs.tag


@case("SI-6", "5.1", "an INIT ACK without a cookie ends the attempt with ABORT, cause 2")
def _(bench):
    node, back, _ = begun(bench)
    answer(back, parameters=b"")
    _, abort = back.expect(ABORT)
    check([code for code, _ in causes(abort)] == [MANDATORY], f"{causes(abort)}")
    node.expect(ABORT)


@case("SI-7", "3.3.3", "an INIT ACK with tag 0 makes no association")
def _(bench):
    _, back, _ = begun(bench)
    answer(back, tag=0)
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        bench.pump(0.1)
    check(all(COOKIE_ECHO not in one.kinds for one in back.inbox), f"{back.inbox}")


@case("SI-8", "3.3.3", "an INIT ACK with 0 streams ends the attempt with ABORT")
def _(bench):
    node, back, _ = begun(bench)
    answer(back, outgoing=0)
    back.expect(ABORT)
    node.expect(ABORT)


@case("SI-9", "3.3.7", "an ABORT under our tag ends the attempt; the accepted association is aborted")
def _(bench):
    node, back, _ = begun(bench)
    back.send(Chunk(ABORT, 0, b""))
    node.expect(ABORT)


@case("SI-10", "8.5.1", "an ABORT under a wrong tag does not")
def _(bench):
    node, back, theirs = begun(bench)
    back.send(Chunk(ABORT, 0, b""), tag=theirs.tag ^ 1)
    answer(back)
    back.expect(COOKIE_ECHO)
    check(all(ABORT not in one.kinds for one in node.inbox), "the attempt was given up")


@case("SI-11", "3.2.1", "unknown parameters of INIT ACK, upper bits 11, are reported in an ERROR with COOKIE ECHO")
def _(bench):
    _, back, _ = begun(bench)
    answer(back, parameters=parameter(STATE_COOKIE, b"cookie!!") + parameter(0xFABC, b"1234"))
    one, _ = back.expect(COOKIE_ECHO)
    error = one.first(ERROR)
    check(error is not None and (UNKNOWN_PARAMETERS, parameter(0xFABC, b"1234")) in causes(error), f"{one}")


@case("SI-12", "5.2.6", "after ERROR Stale Cookie it begins anew with an INIT")
def _(bench):
    _, back, _ = begun(bench)
    answer(back)
    back.expect(COOKIE_ECHO)
    back.inbox.clear()
    back.send(Chunk(ERROR, 0, parameter(STALE, struct.pack(">I", 1000))))
    back.expect(INIT)


@case("SI-13", "5.2.1", "INIT collision: an INIT in COOKIE-WAIT is answered with INIT ACK under the tag of its own INIT")
def _(bench):
    _, back, theirs = begun(bench)
    back.send(init(back.tag, tsn=back.tsn), tag=0)
    _, ack = back.expect(INIT_ACK)
    check(Init(ack).tag == theirs.tag, "another tag than that of its INIT")
    back.send(Chunk(COOKIE_ECHO, 0, Init(ack).value_of(STATE_COOKIE)))
    back.expect(COOKIE_ACK)
    back.automatic = True
    back.quiet(SACK, COOKIE_ECHO)


@case("SI-14", "5.1", "after Max.Init.Retransmits the attempt is given up; the accepted association is aborted")
def _(bench):
    node, _, _ = begun(bench)
    node.expect(ABORT, seconds=5)


# -- data


@case("DT-1", "6.2", "DATA is acknowledged with its TSN")
def _(bench):
    node, _ = bench.pair()
    tsn = node.send_data()
    node.expect(SACK, where=lambda c: Sack(c).cumulative == tsn)


@case("DT-2", "6.2.1", "a gap is told: cumulative TSN before it, the block behind it")
def _(bench):
    node, _ = bench.pair()
    first = node.next_data(b"first")
    second = node.next_data(b"second")
    third = node.next_data(b"third")
    start = struct.unpack_from(">I", first.value)[0]
    node.send(second)
    node.send(third)
    node.expect(SACK, where=lambda c: Sack(c).cumulative == start - 1 and Sack(c).gaps == [(2, 3)])
    node.send(first)
    node.expect(SACK, where=lambda c: Sack(c).cumulative == start + 2 and not Sack(c).gaps)


@case("DT-3", "6.2", "a TSN received again is told as a duplicate, at once, and not delivered again")
def _(bench):
    node, back = bench.pair()
    chunk = node.next_data(b"once")
    tsn = struct.unpack_from(">I", chunk.value)[0]
    node.send(chunk)
    node.expect(SACK, where=lambda c: Sack(c).cumulative == tsn)
    node.send(chunk)
    node.expect(SACK, where=lambda c: tsn in Sack(c).duplicates)
    node.send_data(b"twice")
    back.until(lambda: len(back.messages) == 2, "two messages")
    check([m[2] for m in back.messages] == [b"once", b"twice"], f"{back.messages}")


@case("DT-4", "6.2", "every second packet of DATA is acknowledged without waiting")
def _(bench):
    node, _ = bench.pair()
    tsn = node.send_data(b"one")
    node.expect(SACK, where=lambda c: Sack(c).cumulative == tsn)
    for _ in range(4):
        tsn = node.send_data(b"two")
    # By the timer alone there would be one for all of them.
    node.expect(SACK, where=lambda c: tsn - 3 <= Sack(c).cumulative < tsn)
    node.expect(SACK, where=lambda c: Sack(c).cumulative == tsn)


@case("DT-5", "6.9", "fragments are put together")
def _(bench):
    node, back = bench.pair()
    node.send_data(b"a" * 700, flags=BEGIN)
    node.send_data(b"b" * 700, flags=0)
    node.send_data(b"c" * 10, flags=END)
    back.until(lambda: back.messages, "the message is relayed")
    check(back.messages[0][2] == b"a" * 700 + b"b" * 700 + b"c" * 10, "altered")


@case("DT-6", "6.9", "fragments that arrive out of order are put together")
def _(bench):
    node, back = bench.pair()
    parts = [node.next_data(b"a" * 300, flags=BEGIN), node.next_data(b"b" * 300, flags=0),
             node.next_data(b"c" * 300, flags=END)]
    for part in reversed(parts):
        node.send(part)
    back.until(lambda: back.messages, "the message is relayed")
    check(back.messages[0][2] == b"a" * 300 + b"b" * 300 + b"c" * 300, "altered")


@case("DT-7", "6.6", "ordered messages of a stream wait for the one missing, those of other streams do not")
def _(bench):
    node, back = bench.pair()
    first, second, other = node.next_data(b"1"), node.next_data(b"2"), node.next_data(b"other", stream=1)
    node.send(second)
    node.send(other)
    back.until(lambda: back.messages, "the message of the other stream is relayed")
    check([m[2] for m in back.messages] == [b"other"], f"{back.messages}")
    node.send(first)
    back.until(lambda: len(back.messages) == 3, "all are relayed")
    check([m[2] for m in back.messages] == [b"other", b"1", b"2"], f"{back.messages}")


@case("DT-8", "6.6", "an unordered message is delivered although one before it is missing")
def _(bench):
    node, back = bench.pair()
    missing = node.next_data(b"missing")
    node.send(node.next_data(b"loose", flags=BEGIN | END | UNORDERED))
    back.until(lambda: back.messages, "the unordered message is relayed")
    check(back.messages[0][2] == b"loose", f"{back.messages}")
    node.send(missing)
    back.until(lambda: len(back.messages) == 2, "the missing one, too")


@case("DT-9", "6.5", "DATA on a stream that does not exist: acknowledged, ERROR cause 1, not delivered")
def _(bench):
    node, back = bench.pair()
    chunk = data(node.tsn, 999, 0, b"nowhere")
    tsn = node.tsn
    node.tsn += 1
    node.send(chunk)
    _, error = node.expect(ERROR)
    check(causes(error)[0][0] == STREAM and causes(error)[0][1][:2] == struct.pack(">H", 999), f"{causes(error)}")
    last = node.send_data(b"here")
    node.expect(SACK, where=lambda c: Sack(c).cumulative == last)
    check(last == tsn + 1, "TSN")
    back.until(lambda: back.messages, "the next message is relayed")
    check([m[2] for m in back.messages] == [b"here"], f"{back.messages}")


@case("DT-10", "6.2", "DATA without user data ends the association with ABORT, cause 9")
def _(bench):
    node, _ = bench.pair()
    node.send(data(node.tsn, 0, 0, b""))
    _, abort = node.expect(ABORT)
    check(causes(abort)[0][0] == NO_DATA, f"{causes(abort)}")


@case("DT-11", "6.3.3", "DATA that is not acknowledged is sent again with the same TSN, each time later (T3)")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    back.send_data(b"acknowledge me")
    times = []
    for _ in range(4):
        one, chunk = node.expect(DATA)
        times.append((one.at, Data(chunk).tsn))
    check(len({tsn for _, tsn in times}) == 1, f"TSNs {times}")
    # 100, 200, 400 ms; a busy machine adds to each.
    first, last = times[1][0] - times[0][0], times[3][0] - times[2][0]
    check(last > 1.5 * first, f"after {first * 1000:.0f} and {last * 1000:.0f} ms")


@case("DT-12", "7.2.4", "three reports of a gap: the missing TSN is sent again at once, before T3")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    for number in range(5):
        back.send_data(bytes([65 + number]) * 1300)
    sent = []
    while len(sent) < 5:
        _, chunk = node.expect(DATA)
        sent += [Data(chunk).tsn]
        if len(sent) == 2:  # lets the window open
            node.send(sack(sent[1]))
    last = sent[1]
    for reach in (2, 3, 3):
        node.send(sack(last, gaps=[(2, reach)]))
    one, chunk = node.expect(DATA, seconds=1, where=lambda c: Data(c).tsn == sent[2])
    check(Data(chunk).tsn == last + 1, "another TSN")


@case("DT-13", "6.1", "with a window of 0 one packet may be under way, not more")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    back.send_data(b"first")
    _, chunk = node.expect(DATA)
    node.send(sack(Data(chunk).tsn, window=0))
    node.fence()
    for number in range(6):
        back.send_data(bytes([97 + number]) * 1000)
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        bench.pump(0.1)
    under_way = {d.tsn for d in data_of(node.inbox)}
    check(len(under_way) == 1, f"{len(under_way)} TSNs under way")


@case("DT-14", "6.2.1", "a SACK older than the last one changes nothing")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    for content in (b"first", b"second"):
        back.send_data(content)
        _, chunk = node.expect(DATA)
        node.send(sack(Data(chunk).tsn))
    node.send(sack(Data(chunk).tsn - 1))
    deadline = time.monotonic() + 0.4
    while time.monotonic() < deadline:
        bench.pump(0.1)
    check(not data_of(node.inbox), f"sent again: {node.inbox}")
    node.quiet(SACK)


@case("DT-15", "6.9", "a large message leaves in fragments: TSNs in a row, one sequence number, B and E at its ends")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    node.inbox.clear()
    content = bytes(i & 0xFF for i in range(4000))
    for at in range(0, 4000, 1000):
        back.send_data(content[at:at + 1000], stream=2, flags=(BEGIN if at == 0 else 0) | (END if at == 3000 else 0))
    parts = []
    while not parts or not parts[-1].flags & END:
        one, chunk = node.expect(DATA)
        check(one.ip_length <= 1500, f"a packet of {one.ip_length} octets")
        parts += [d for d in data_of([one]) if not parts or d.tsn == parts[-1].tsn + 1]
        node.send(sack(parts[-1].tsn))
    check(b"".join(p.content for p in parts) == content, "altered")
    check(len({p.sequence for p in parts}) == 1 and {p.stream for p in parts} == {2}, "sequence numbers")
    check([bool(p.flags & BEGIN) for p in parts] == [True] + [False] * (len(parts) - 1), "B")
    check(len(parts) > 1, "not in fragments")


@case("DT-16", "6.6", "sequence numbers of a stream count up from 0, each stream for itself")
def _(bench):
    node, back = bench.pair()
    seen = []
    for stream in (0, 1, 0, 1, 0):
        back.send_data(b"x", stream=stream)
        _, chunk = node.expect(DATA)
        seen.append((Data(chunk).stream, Data(chunk).sequence))
    check(seen == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)], f"{seen}")


@case("DT-17", "5.1", "its first TSN is the one of its INIT ACK")
def _(bench):
    node = bench.node()
    answer_ = node.connect()
    back = bench.accepted()
    back.send_data(b"first")
    _, chunk = node.expect(DATA)
    check(Data(chunk).tsn == answer_.tsn, "another one")


@case("DT-18", "3.3.1", "PPID, stream and the unordered flag are relayed as they are")
def _(bench):
    node, back = bench.pair()
    back.automatic = False
    node.send_data(b"x", stream=3, ppid=0xDEADBEEF, flags=BEGIN | END | UNORDERED)
    _, chunk = back.expect(DATA)
    one = Data(chunk)
    check((one.stream, one.ppid, one.flags & UNORDERED) == (3, 0xDEADBEEF, UNORDERED), f"{chunk}")


@case("DT-19", "6.2", "a TSN far outside the window is not acknowledged")
def _(bench):
    node, back = bench.pair()
    node.send(data(node.tsn + 0x20000000, 0, 0, b"far"))
    last = node.send_data(b"near")
    node.expect(SACK, where=lambda c: Sack(c).cumulative == last and not Sack(c).gaps)
    back.until(lambda: back.messages, "the next message is relayed")
    check([m[2] for m in back.messages] == [b"near"], f"{back.messages}")


@case("DT-20", "6.10", "a control chunk is in front of DATA in the packet it shares with it")
def _(bench):
    node, back = bench.pair()
    for number in range(10):
        back.send_data(b"down" * 10)
        node.send_data(b"up" * 10)
    bench.pump(0.2)
    node.fence()
    back.until(lambda: len(back.messages) == 10, "all are relayed")
    for one in node.inbox:
        kinds = [kind == DATA for kind in one.kinds]
        check(kinds == sorted(kinds), f"{one}")


# -- faults


@case("FH-1", "6.8", "a packet with a wrong checksum is discarded")
def _(bench):
    node, back = bench.pair()
    node.send(data(node.tsn, 0, 0, b"broken"), checksum=0x12345678)
    node.quiet()
    check(not back.messages, f"{back.messages}")


@case("FH-2", "8.5", "a packet under a wrong tag is discarded: at most an ABORT with the T bit, the association lives")
def _(bench):
    node, back = bench.pair()
    node.send(data(node.tsn, 0, 0, b"astray"), tag=node.gateway_tag ^ 0xFF)
    for one in node.fence():
        check(only_sacks([one]) or (one.kinds == [ABORT] and one.chunks[0].flags & 1 and
                                    one.tag == node.gateway_tag ^ 0xFF), f"{one}")
    check(not back.messages, f"{back.messages}")


@case("FH-3", "8.3", "HEARTBEAT is answered with HEARTBEAT ACK and the same information")
def _(bench):
    node, _ = bench.pair()
    info = parameter(1, bytes(range(40)))
    node.send(Chunk(HEARTBEAT, 0, info))
    node.expect(HEARTBEAT_ACK, where=lambda c: c.value == info)


@case("FH-4", "8.3", "an idle association is probed with HEARTBEAT")
def _(bench):
    node, _ = bench.pair()
    node.expect(HEARTBEAT)


# The type of an unknown chunk with DATA behind it: whether the chunk is reported, whether the DATA is taken.
UNKNOWN_CHUNKS = (
    ("FH-5", "unknown chunk, upper bits 00: the rest of the packet is discarded, no report", 0x3E, False, False),
    ("FH-6", "unknown chunk, upper bits 01: the rest is discarded, ERROR cause 6 with the chunk", 0x7E, True, False),
    ("FH-7", "unknown chunk, upper bits 10: skipped, the rest is processed, no report", 0xBE, False, True),
    ("FH-8", "unknown chunk, upper bits 11: reported, the rest is processed", 0xFE, True, True),
)


def unknown_chunk(kind, is_reported, goes_on):
    def run(bench):
        node, back = bench.pair()
        unknown = Chunk(kind, 0, b"????")
        node.send(unknown, node.next_data(b"behind"))
        before = node.fence()
        errors = [causes(c) for one in before for c in one.chunks if c.kind == ERROR]
        check(errors == ([[(UNKNOWN_CHUNK, unknown.octets())]] if is_reported else []), f"{errors}")
        check(all(c.kind in (SACK, ERROR) for one in before for c in one.chunks), f"{before}")
        if goes_on:
            back.until(lambda: back.messages, "what is behind it is relayed")
        else:
            bench.pump(0.01)
        check(len(back.messages) == goes_on, f"{back.messages}")
    return run


for name, rule, kind, is_reported, goes_on in UNKNOWN_CHUNKS:
    case(name, "3.2", rule)(unknown_chunk(kind, is_reported, goes_on))


@case("FH-9", "3.2", "a chunk of length 3 ends the packet; the association lives")
def _(bench):
    node, back = bench.pair()
    node.send(Chunk(DATA, 3, bytes(12) + b"x", 3))
    node.quiet(ABORT)
    check(not back.messages, f"{back.messages}")


@case("FH-10", "3.2", "a chunk longer than its packet is not processed; the association lives")
def _(bench):
    node, back = bench.pair()
    chunk = data(node.tsn, 0, 0, b"short")
    chunk.length = 200
    node.send(chunk)
    node.quiet()
    check(not back.messages, f"{back.messages}")


@case("FH-11", "8.4", "DATA out of the blue is answered with ABORT, the T bit and the tag it came under")
def _(bench):
    node = bench.node()
    node.send(data(1, 0, 0, b"who?"), tag=0x01020304)
    one, abort = node.expect(ABORT)
    check(one.tag == 0x01020304 and abort.flags & 1, f"{one}")


@case("FH-13", "8.4", "SHUTDOWN ACK out of the blue is answered with SHUTDOWN COMPLETE, the T bit and its tag")
def _(bench):
    node = bench.node()
    node.send(Chunk(SHUTDOWN_ACK, 0, b""), tag=0x01020304)
    one, complete = node.expect(SHUTDOWN_COMPLETE)
    check(one.tag == 0x01020304 and complete.flags & 1, f"{one}")


# Packets out of the blue that nothing comes back for.
NOT_ANSWERED = (
    ("FH-12", "ABORT out of the blue is silently discarded", [[Chunk(ABORT, 0, b"")]]),
    ("FH-14", "SHUTDOWN COMPLETE out of the blue is silently discarded", [[Chunk(SHUTDOWN_COMPLETE, 0, b"")]]),
    ("FH-15", "COOKIE ACK, and ERROR Stale Cookie, out of the blue are silently discarded",
     [[Chunk(COOKIE_ACK, 0, b"")], [Chunk(ERROR, 0, parameter(STALE, bytes(4)))]]),
    ("FH-16", "a COOKIE ECHO made up out of the blue is silently discarded",
     [[Chunk(COOKIE_ECHO, 0, random.randbytes(200))]]),
    ("FH-17", "a packet that contains an ABORT behind something out of the blue is not answered",
     [[Chunk(HEARTBEAT, 0, parameter(1, b"1234")), Chunk(ABORT, 0, b"")]]),
)


def not_answered(packets):
    def run(bench):
        for chunks in packets:
            answers_nothing(bench, lambda node, chunks=chunks: node.send(*chunks, tag=7))
    return run


for name, rule, packets in NOT_ANSWERED:
    case(name, "8.4", rule)(not_answered(packets))


@case("FH-18", "3.3.7", "ABORT under the right tag ends the association at once, without an answer")
def _(bench):
    node, back = bench.pair()
    node.send(Chunk(ABORT, 0, b""))
    back.until(lambda: back.ended == "abort", "the backend's association ends")
    node.send(Chunk(HEARTBEAT, 0, parameter(1, b"anyone?")))
    _, abort = node.expect(ABORT)
    check(abort.flags & 1, "ABORT without the T bit")
    node.ended = "abort"


@case("FH-19", "8.5.1", "ABORT with the T bit under our own tag ends the association")
def _(bench):
    node, back = bench.pair()
    node.send(Chunk(ABORT, 1, b""), tag=node.tag)
    back.until(lambda: back.ended == "abort", "the backend's association ends")
    node.ended = "abort"


@case("FH-20", "8.5.1", "ABORT under a wrong tag, and with the T bit under a wrong tag, does not")
def _(bench):
    node, back = bench.pair()
    node.send(Chunk(ABORT, 0, b""), tag=node.gateway_tag ^ 1)
    node.send(Chunk(ABORT, 0, b""), tag=node.tag)
    node.send(Chunk(ABORT, 1, b""), tag=node.gateway_tag)
    node.quiet(SACK)
    check(not back.ended, "ended")


@case("FH-21", "3.3.10", "an ERROR does not end an association")
def _(bench):
    node, _ = bench.pair()
    for code in (1, 6, 8, 13, 200):
        node.send(Chunk(ERROR, 0, parameter(code, b"\0\1\0\0")))
    node.quiet(SACK)


@case("FH-22", "8.1", "an association that does not acknowledge is given up, and the other leg is aborted")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    back.send_data(b"nobody is there")
    back.until(lambda: back.ended, "the backend's association ends", seconds=8)


@case("FH-23", "6.8", "every packet of the gateway has a right checksum and its peer's tag")
def _(bench):
    node, back = bench.pair()
    kept = []
    inner = node.arrived
    node.arrived = lambda one: (kept.append(one), inner(one))
    for size in (1, 100, 1400, 3000):
        back.send_data(b"z" * min(size, 1400))
        node.send_data(b"y" * min(size, 1400))
    node.until(lambda: len(node.messages) == 4, "all are relayed")
    check(len(kept) > 4, "too few packets")
    for one in kept:
        check(one.checksum_is_right() and one.tag == node.tag, f"{one}")


# -- termination


@case("TE-1", "9.2", "SHUTDOWN is answered with SHUTDOWN ACK; after SHUTDOWN COMPLETE the association is gone")
def _(bench):
    node, back = bench.pair()
    node.send(Chunk(SHUTDOWN, 0, struct.pack(">I", node.gateway_tsn)))
    node.expect(SHUTDOWN_ACK)
    back.until(lambda: back.ended == "shutdown", "the backend's association is shut down")
    node.send(Chunk(HEARTBEAT, 0, parameter(1, b"anyone?")))
    node.expect(ABORT, where=lambda c: c.flags & 1)


@case("TE-2", "9.2", "SHUTDOWN ACK is sent again when SHUTDOWN COMPLETE does not come (T2)")
def _(bench):
    node, _ = bench.pair()
    node.automatic = False
    node.send(Chunk(SHUTDOWN, 0, struct.pack(">I", node.gateway_tsn)))
    node.expect(SHUTDOWN_ACK)
    node.expect(SHUTDOWN_ACK)


@case("TE-3", "9.2", "its own SHUTDOWN acknowledges what has come; SHUTDOWN ACK is answered with SHUTDOWN COMPLETE")
def _(bench):
    node, back = bench.pair()
    tsn = node.send_data(b"before the end")
    back.until(lambda: back.messages, "the message is relayed")
    node.automatic = False
    back.send(Chunk(SHUTDOWN, 0, struct.pack(">I", back.gateway_tsn)))
    _, chunk = node.expect(SHUTDOWN)
    check(struct.unpack(">I", chunk.value)[0] == tsn, "another cumulative TSN")
    node.send(Chunk(SHUTDOWN_ACK, 0, b""))
    one, complete = node.expect(SHUTDOWN_COMPLETE)
    check(one.kinds == [SHUTDOWN_COMPLETE] and not complete.flags & 1 and one.tag == node.tag, f"{one}")
    node.ended = "shutdown"


@case("TE-4", "9.2", "its SHUTDOWN is sent again when no SHUTDOWN ACK comes (T2)")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    back.send(Chunk(SHUTDOWN, 0, struct.pack(">I", back.gateway_tsn)))
    node.expect(SHUTDOWN)
    node.expect(SHUTDOWN)


@case("TE-5", "9.2", "SHUTDOWN in SHUTDOWN-SENT is answered with SHUTDOWN ACK")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    back.send(Chunk(SHUTDOWN, 0, struct.pack(">I", back.gateway_tsn)))
    node.expect(SHUTDOWN)
    node.send(Chunk(SHUTDOWN, 0, struct.pack(">I", node.gateway_tsn)))
    node.expect(SHUTDOWN_ACK)


@case("TE-6", "9.2", "DATA in SHUTDOWN-SENT is answered with SHUTDOWN and the new cumulative TSN")
def _(bench):
    node, back = bench.pair()
    node.automatic = False
    back.send(Chunk(SHUTDOWN, 0, struct.pack(">I", back.gateway_tsn)))
    node.expect(SHUTDOWN)
    tsn = node.send_data(b"late")
    node.expect(SHUTDOWN, where=lambda c: struct.unpack(">I", c.value)[0] == tsn)


@case("TE-7", "9.2", "an INIT in SHUTDOWN-ACK-SENT is answered with SHUTDOWN ACK, not with INIT ACK")
def _(bench):
    node, _ = bench.pair()
    node.automatic = False
    node.send(Chunk(SHUTDOWN, 0, struct.pack(">I", node.gateway_tsn)))
    node.expect(SHUTDOWN_ACK)
    for _ in range(8):
        node.send(init(node.tag ^ 0x55), tag=0)
    # T2 sends some again, too, but not as many in that time.
    node.until(lambda: sum(p.kinds == [SHUTDOWN_ACK] for p in node.inbox) >= 8, "each is answered", seconds=0.8)
    check(all(INIT_ACK not in p.kinds for p in node.inbox), f"{node.inbox}")


@case("TE-9", "8.5", "SHUTDOWN under a wrong tag does not end the association")
def _(bench):
    node, _ = bench.pair()
    node.send(Chunk(SHUTDOWN, 0, struct.pack(">I", node.gateway_tsn)), tag=node.gateway_tag ^ 1)
    node.quiet(SACK, ABORT)


@case("TE-10", "9.2", "SHUTDOWN waits for what the other leg still has to get")
def _(bench):
    node, back = bench.pair()
    back.automatic = False
    for number in range(5):
        node.send_data(bytes([65 + number]) * 1000)
    node.send(Chunk(SHUTDOWN, 0, struct.pack(">I", node.gateway_tsn)))
    node.expect(SHUTDOWN_ACK)
    back.automatic = True
    back.until(lambda: len(back.messages) == 5 and back.ended == "shutdown", "all is relayed, then the end")

