"""A scripted end of an association: does by itself only what a case does not want to do by hand."""
import random
import struct
import time

from wire import (ABORT, BEGIN, COOKIE_ACK, COOKIE_ECHO, DATA, DTLS, END, HEARTBEAT, HEARTBEAT_ACK, INIT, INIT_ACK, SACK,
                  SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE, STATE_COOKIE, UNORDERED, Chunk, Data, Init, data, init,
                  packet, parameter, sack)

WAIT = 3.0  # seconds: everything that is to come comes long before


class Failed(Exception):
    """The gateway did something else than the rule says."""


def check(condition, text):
    if not condition:
        raise Failed(text)


class Peer:
    """One end. Automatic behaviour is off with automatic = False: then only inbox fills."""

    def __init__(self, bench, wire, port, gateway_port, records=None, parameters=b""):
        self.bench, self.wire, self.port, self.gateway_port = bench, wire, port, gateway_port
        self.records = records  # seals and opens, when the leg is protected
        self.parameters = parameters  # of INIT and INIT ACK
        self.tag = random.getrandbits(32) | 1
        self.tsn = random.getrandbits(31)
        self.gateway_tag = 0
        self.gateway_tsn = None  # cumulative: the last one in order
        self.early = {}  # TSN: arrived before its turn
        self.sequence = {}  # by stream
        self.automatic = True
        self.inbox = []
        self.messages = []  # (stream, ppid, content) as they came in whole
        self._parts = []
        self.up = False
        self.ended = None
        if port is not None:
            wire.peers[port] = self

    # -- sending

    def send(self, *chunks, tag=None, checksum=None, clear=False, port=None):
        own = self.port if port is None else port
        tag = self.gateway_tag if tag is None else tag
        octets = packet(own, self.gateway_port, tag, chunks, checksum)
        if self.records is not None and self.records.sending and not clear:
            octets = packet(own, self.gateway_port, tag, [self.records.seal(octets[12:])], checksum)
        self.wire.send(octets)

    def send_data(self, content=b"hello", stream=0, ppid=60, flags=BEGIN | END, more=()):
        """One DATA chunk in order; its TSN."""
        chunk = self.next_data(content, stream, ppid, flags)
        self.send(chunk, *more)
        return struct.unpack_from(">I", chunk.value)[0]

    def next_data(self, content=b"hello", stream=0, ppid=60, flags=BEGIN | END):
        tsn, sequence = self.tsn, self.sequence.get(stream, 0)
        self.tsn = self.tsn + 1 & 0xFFFFFFFF
        if flags & END and not flags & UNORDERED:
            self.sequence[stream] = sequence + 1 & 0xFFFF
        return data(tsn, stream, sequence, content, flags, ppid)

    # -- receiving

    def arrived(self, one):
        if self.records is not None and one.kinds[:1] == [DTLS]:
            one = self.records.opened(one)
        self.inbox.append(one)
        if not self.automatic:
            return
        for chunk in one.chunks:
            self._react(one, chunk)

    def _react(self, one, chunk):
        if chunk.kind == INIT:
            theirs = Init(chunk)
            self.gateway_port, self.gateway_tag, self.gateway_tsn = one.source_port, theirs.tag, theirs.tsn - 1
            self.send(init(self.tag, tsn=self.tsn, kind=INIT_ACK,
                           parameters=parameter(STATE_COOKIE, b"a cookie") + self.parameters))
        elif chunk.kind == COOKIE_ECHO:
            self.send(Chunk(COOKIE_ACK, 0, b""))
            self.up = True
        elif chunk.kind == DATA:
            self._take(Data(chunk))
        elif chunk.kind == HEARTBEAT:
            self.send(Chunk(HEARTBEAT_ACK, 0, chunk.value))
        elif chunk.kind == SHUTDOWN:
            self.send(Chunk(SHUTDOWN_ACK, 0, b""))
        elif chunk.kind == SHUTDOWN_ACK:
            self.send(Chunk(SHUTDOWN_COMPLETE, 0, b""))
            self.ended = "shutdown"
        elif chunk.kind == SHUTDOWN_COMPLETE:
            self.ended = "shutdown"
        elif chunk.kind == ABORT:
            self.ended = "abort"

    def _take(self, one):
        if one.tsn not in self.early and (one.tsn - self.gateway_tsn - 1) & 0xFFFFFFFF < 0x7FFFFFFF:
            self.early[one.tsn] = one
        while (self.gateway_tsn + 1) & 0xFFFFFFFF in self.early:
            self.gateway_tsn = self.gateway_tsn + 1 & 0xFFFFFFFF
            self._put_together(self.early.pop(self.gateway_tsn))
        self.send(sack(self.gateway_tsn))

    def _put_together(self, one):
        self._parts.append(one)
        if one.flags & END:
            first = self._parts[0]
            self.messages.append((first.stream, first.ppid, b"".join(p.content for p in self._parts)))
            self._parts = []

    def expect(self, kind, what=None, seconds=WAIT, where=None):
        """The first packet from now on or in the inbox with such a chunk: (packet, chunk). It leaves the inbox."""
        deadline = time.monotonic() + seconds
        while True:
            for number, one in enumerate(self.inbox):
                for chunk in one.chunks:
                    if chunk.kind == kind and (where is None or where(chunk)):
                        del self.inbox[:number + 1]
                        return one, chunk
            if time.monotonic() >= deadline:
                raise Failed(f"no {what or Chunk(kind, 0, b'')}; instead {self.inbox or 'nothing'}")
            self.bench.pump(deadline - time.monotonic())

    def until(self, condition, what, seconds=WAIT):
        deadline = time.monotonic() + seconds
        while not condition():
            check(time.monotonic() < deadline, f"not so: {what}")
            self.bench.pump(min(0.05, deadline - time.monotonic()))

    def fence(self):
        """Packets that came before the answer to a HEARTBEAT of ours: by then everything sent before is dealt with."""
        info = random.randbytes(12)
        self.send(Chunk(HEARTBEAT, 0, parameter(1, info)))
        deadline = time.monotonic() + WAIT
        before = []
        while time.monotonic() < deadline:
            while self.inbox:
                one = self.inbox.pop(0)
                if any(c.kind == HEARTBEAT_ACK and info in c.value for c in one.chunks):
                    return before
                before.append(one)
            self.bench.pump(deadline - time.monotonic())
        raise Failed(f"the association does not answer a HEARTBEAT any more; came: {before}")

    def quiet(self, *allowed):
        """What has been sent before leads to nothing but chunks of the allowed kinds, and the association lives.

        A HEARTBEAT is no answer: its time may come on a slow machine.
        """
        for one in self.fence():
            for chunk in one.chunks:
                check(chunk.kind in (HEARTBEAT, *allowed), f"answered with {one}")

    # -- the usual set-up, as the initiator

    def connect(self, cookie_with=(), **fields):
        """INIT .. COOKIE ACK; what came in INIT ACK."""
        answer = self.begin(**fields)
        self.echo(answer, *cookie_with)
        self.established()
        return answer

    def begin(self, **fields):
        fields.setdefault("parameters", self.parameters)
        fields.setdefault("tsn", self.tsn)
        self.send(init(self.tag, **fields), tag=0, clear=True)
        one, chunk = self.expect(INIT_ACK)
        check(one.tag == self.tag, "INIT ACK has another tag than ours")
        answer = Init(chunk)
        self.gateway_tag, self.gateway_tsn = answer.tag, answer.tsn - 1 & 0xFFFFFFFF
        answer.octets = chunk.octets()
        return answer

    def echo(self, answer, *more):
        self.send(Chunk(COOKIE_ECHO, 0, answer.value_of(STATE_COOKIE)), *more, clear=True)

    def established(self):
        self.expect(COOKIE_ACK)
        self.up = True
        if self.records is not None:
            self.records.sending = True

    def leave(self):
        """Ends what is left, so that the next case starts alone."""
        if self.gateway_tag and not self.ended:
            self.automatic = False
            self.send(Chunk(ABORT, 0, b""))
            self.ended = "left"


def only_sacks(packets):
    return all(c.kind in (SACK, HEARTBEAT) for one in packets for c in one.chunks)


def data_of(packets):
    return [Data(c) for one in packets for c in one.chunks if c.kind == DATA]

