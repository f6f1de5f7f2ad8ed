#!/usr/bin/python3
"""The judge of the soak finds what it is there for: each case spoils a good run in one way."""
import copy
import sys
import unittest

from faults import ENDS, IN_FLIGHT, NOTHING_LOST
from picture import CLIENTS
from verdict import judge


def summary(events=(), errors=(), lost=0):
    return {"messages": {"sent": 100, "verified": 100 - lost, "lost": lost}, "errors": list(errors), "events": list(events)}


def event(what, at, since, association=1, detail="message 7"):
    return {"what": what, "association": association, "at_ms": at, "since_ms": since, "detail": detail}


def good():
    figures = {"drops": {}, "relay": {"pairs": 0}, "associations": {"now": 0}}
    samples = [{"at_ms": 1000 * i, "pid": 7, "rss_kib": 300000 + i % 3 * 100, "threads": 3, "descriptors": 40}
               for i in range(120)]
    return {
        "timeline": [
            {"name": "loss", "promise": NOTHING_LOST, "text": "", "from_ms": 20000, "to_ms": 22000, "settled_ms": 22000},
            {"name": "kill", "promise": IN_FLIGHT, "text": "", "from_ms": 40000, "to_ms": 41000, "settled_ms": 42500},
            {"name": "backend", "promise": ENDS, "text": "", "from_ms": 60000, "to_ms": 61000, "settled_ms": 65000}],
        "summaries": {name: summary() for name, *_ in CLIENTS},
        "churn": [{"from_ms": 1000, "to_ms": 2000, "port": 38412, "code": 0, "said": "", "messages": 20}],
        "samples": {"a": samples, "b": copy.deepcopy(samples)},
        "figures": {"a": figures, "b": copy.deepcopy(figures)},
        "rekeys": {"tls13": 48},
    }


class Judge(unittest.TestCase):
    def verdict(self, spoil):
        run = good()
        spoil(run)
        report, failures = judge(**run)
        self.assertEqual(report["passed"], not failures)
        return failures

    def client(self, *events, **more):
        name = "mixed-tls13"
        return lambda run: run["summaries"].update({name: summary(events, **more)})

    def bad(self, spoil, word):
        failures = self.verdict(spoil)
        self.assertTrue(any(word in one for one in failures), failures)

    def fine(self, spoil):
        self.assertEqual(self.verdict(spoil), [])

    def test_a_good_run_passes(self):
        self.fine(lambda run: None)

    def test_a_mismatch(self):
        self.bad(self.client(errors=["octet 3 differs"]), "octet 3")

    def test_lost_in_a_kill_only(self):
        self.fine(self.client(event("lost", 46000, 40500), lost=1))
        self.bad(self.client(event("lost", 30000, 21000), lost=1), "lost without")
        self.bad(self.client(event("lost", 52000, 43000), lost=1), "lost without")

    def test_late_is_not_lost(self):
        self.fine(self.client(event("lost", 30000, 21000), event("late", 30100, 21000)))

    def test_more_lost_than_in_flight(self):
        self.bad(self.client(*[event("lost", 44000, 40100, detail=f"m{i}") for i in range(17)], lost=17), "in flight")
        self.fine(self.client(*[event("lost", 44000, 40100, detail=f"m{i}") for i in range(16)], lost=16))

    def test_repeated_and_ended(self):
        self.bad(self.client(event("repeated", 21000, 20500)), "repeated without")
        self.bad(self.client(event("ended", 21000, 21000)), "ended without")
        self.fine(self.client(event("ended", 61500, 61500), event("refused", 61800, 61800)))

    def test_a_kill_ends_what_cannot_have_been_cut(self):
        def ends(name):
            return lambda run: run["summaries"].update({name: summary([event("ended", 41500, 41500)])})
        self.bad(ends("dialogue-tls13"), "did not come back")
        self.fine(ends("large-tls13"))

    def test_no_recovery(self):
        self.bad(self.client(event("silence", 45000, 21000)), "answers came only")
        self.fine(self.client(event("silence", 24000, 20100)))

    def test_short_associations(self):
        def fails_at(start, end):
            return lambda run: run["churn"].append(
                {"from_ms": start, "to_ms": end, "port": 38413, "code": 1, "said": "refused", "messages": 0})
        self.bad(fails_at(21000, 23000), "refused")
        self.fine(fails_at(39500, 41000))

    def test_growth(self):
        def grow(key, step):
            def spoil(run):
                for number, sample in enumerate(run["samples"]["b"]):
                    sample[key] += number * step
            return spoil
        self.bad(grow("rss_kib", 150), "memory grew")
        self.fine(grow("rss_kib", 10))
        self.bad(grow("descriptors", 1), "descriptors grew")
        self.bad(grow("threads", 1), "threads grew")

    def test_counters_and_leftovers(self):
        self.bad(lambda run: run["figures"]["a"]["drops"].update(seal_no_key=1), "seal_no_key")
        self.bad(lambda run: run["figures"]["b"]["relay"].update(pairs=1), "are left")
        self.bad(lambda run: run["figures"].update(a=None), "no figures")
        self.bad(lambda run: run["summaries"].update({"mixed-tls13": None}), "no summary")


if __name__ == "__main__":
    sys.exit(unittest.main())
