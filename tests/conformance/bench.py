"""The table of cases, and the bench they run on: the gateway between two scripted ends."""
import time
import traceback
from dataclasses import dataclass
from typing import Callable

from peer import Failed, Peer, check
from wire import INIT, Wire, pump

PORT = 38412


@dataclass
class Case:
    name: str
    section: str  # of RFC 9260, or the row of docs/conformance.md
    rule: str
    run: Callable
    deviates: str  # why the gateway does something else; then the case must fail


class Group:
    """A table of cases of one leg."""

    def __init__(self):
        self.cases = []

    def case(self, name, section, rule, deviates=""):
        def keep(function):
            check(all(c.name != name for c in self.cases), f"two cases {name}")
            self.cases.append(Case(name, section, rule, function, deviates))
            return function
        return keep


class Listener:
    """The far end of the gateway's own associations: a Peer for each, by the port it comes from."""

    def __init__(self, bench, wire, port, records=None, parameters=b""):
        self._bench, self._wire, self._port = bench, wire, port
        self.records, self.parameters = records, parameters
        self._by_port, self.fresh, self.automatic = {}, [], True
        wire.peers[port] = self

    def arrived(self, one):
        peer = self._by_port.get(one.source_port)
        if (peer is None or peer.ended) and one.kinds[:1] == [INIT]:
            records = self.records() if self.records else None
            peer = Peer(self._bench, self._wire, None, one.source_port, records, self.parameters)
            peer.port, peer.automatic = self._port, self.automatic
            self._by_port[one.source_port] = peer
            self.fresh.append(peer)
        if peer is not None:
            peer.arrived(one)

    def next(self, seconds=3.0):
        deadline = time.monotonic() + seconds
        while not self.fresh:
            check(time.monotonic() < deadline, "the gateway does not connect to its backend")
            self._bench.pump(deadline - time.monotonic())
        return self.fresh.pop(0)


class Bench:
    def __init__(self, namespace):
        self.left = Wire(namespace + "c", "10.1.0.10", "10.1.0.1")
        self.right = Wire(namespace + "s", "10.3.0.10", "10.3.0.1")
        self.backend = Listener(self, self.right, PORT)
        self._next_port = 20000
        self._peers = []

    def pump(self, seconds):
        pump((self.left, self.right), min(seconds, 0.2))

    def node(self, port=PORT, **more):
        """A fresh node that has sent nothing yet."""
        self._next_port += 1
        one = Peer(self, self.left, self._next_port, port, **more)
        self._peers.append(one)
        return one

    def pair(self, **fields):
        """A node and its backend, relayed to each other."""
        node = self.node()
        node.connect(**fields)
        return node, self.accepted()

    def accepted(self):
        back = self.backend.next()
        self._peers.append(back)
        back.until(lambda: back.up, "the association to the backend comes up")
        return back

    def clean_up(self):
        for one in self._peers:
            one.leave()
        self._peers.clear()
        self.backend.automatic = True
        deadline = time.monotonic() + 0.05
        while time.monotonic() < deadline:
            self.pump(deadline - time.monotonic())
        self.backend.fresh.clear()


def run(group, bench, only=()):
    """Runs the cases and prints the list; the number of those that are not as they should be."""
    bad = 0
    for one in group.cases:
        if only and one.name not in only:
            continue
        began = time.monotonic()
        why = ""
        try:
            one.run(bench)
        except Failed as failed:
            why = str(failed)
        except Exception:  # a case that breaks has failed; the others go on
            why = traceback.format_exc()
        try:
            bench.clean_up()
        except Failed as failed:
            why = why or str(failed)
        if one.deviates:
            verdict = "deviates" if why else "FAIL"
            why = f"({one.deviates})" if why else "it follows the rule now: take the deviation out"
        else:
            verdict = "FAIL" if why else "pass"
        bad += verdict == "FAIL"
        print(f"{one.name:8} {one.section:12} {verdict:8} {one.rule}" + (f"\n         {why}" if why else "") +
              f"   [{(time.monotonic() - began) * 1000:.0f} ms]", flush=True)
    return bad
