#!/usr/bin/python3
"""Runs the soak in namespaces that tests/soak/run.sh has made, judges it and writes the summary."""
import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

from faults import ENDS, IN_FLIGHT, faults
from picture import CLIENTS, REKEY_S, Picture, SoakError, hosts, now_ms
from verdict import ASSOCIATIONS, SETTLE_MS, judge
from watch import Churn, Sampler

STORE = ("store-full", "store-gone", "store-slow")
KILLS = ("kill", "kill-and-rekey", "kill-under-loss")


def say(text):
    print(text, flush=True)


class Schedule:
    """Which fault comes next: each once in random order, then by weight; none that another one forbids."""

    def __init__(self, rng, only):
        self._rng, self._only = rng, only
        self._first = None
        self._store_at = self._kill_at = -1e9

    def next(self, now, victim):
        table = {f.name: f for f in faults(victim) if not self._only or f.name in self._only}
        if self._first is None:
            self._first = list(table)
            self._rng.shuffle(self._first)
        barred = set()
        # A pair can come back only when its newest keys have been kept: after a restart they take their
        # place when those before have drained (docs/restart.md), after a fault of the store when it is asked again.
        if now < max(self._store_at + REKEY_S + 4, self._kill_at + 12):
            barred.update(KILLS)
        able = [name for name in table if name not in barred] or None
        if able is None:
            return None
        name = next((n for n in self._first if n in able), None)
        if name is not None:
            self._first.remove(name)
        else:
            name = self._rng.choices(able, [table[n].weight for n in able])[0]
        return table[name]

    def done(self, name, now):
        if name in STORE:
            self._store_at = now
        if name in KILLS or name == "stop-gateway":
            self._kill_at = now


def play(picture, schedule, rng, seconds, began, timeline):
    """The faults, one after the other, until it is time for the clients to end; each goes into the timeline."""
    over = began + seconds - 8
    while time.monotonic() < over:
        # The first half is the life of gateway A, the second that of B: each is watched for long enough.
        victim = "b" if time.monotonic() - began < seconds / 2 else "a"
        fault = schedule.next(time.monotonic(), victim)
        if fault is None:
            time.sleep(0.5)
            continue
        entry = {"name": fault.name, "promise": fault.promise, "from_ms": now_ms()}
        entry["text"] = fault.act(picture, rng)
        entry["to_ms"] = now_ms()
        schedule.done(fault.name, time.monotonic())
        entry["settled_ms"] = entry["to_ms"] + (SETTLE_MS if fault.promise == ENDS else
                                                1500 if fault.promise == IN_FLIGHT else 0)
        timeline.append(entry)
        say(f"{time.monotonic() - began:6.1f} s  {fault.name}: {entry['text']}")
        for name in ["gateway-a", "gateway-b", *(client[0] for client in CLIENTS)]:
            if not picture.alive(name):
                raise SoakError(f"{name} has ended")
        time.sleep(rng.uniform(1, 2.5) if fault.promise != ENDS else rng.uniform(4, 5))


def rekeys_of(picture):
    """Epochs made, an association of one gateway and method: the log tells each."""
    out = {}
    for gateway in "ab":
        with open(picture.path(f"gateway-{gateway}.log"), encoding="utf-8", errors="replace") as log:
            text = log.read()
        for method, word in (("tls13", "TLS"), ("dtls13", "DTLS 1.3")):
            out[f"{method} at gateway {gateway}"] = len(re.findall(rf"epoch \d+: {word}", text))
    return out


def plot(out, began_ms, samples, timeline):
    """soak.svg: resident memory and messages a second of both gateways, faults as lines."""
    data = os.path.join(out, "series.dat")
    with open(data, "w", encoding="ascii") as file:
        for gateway in "ab":
            before = None
            for s in samples[gateway]:
                rate = "NaN"
                if before and before["pid"] == s["pid"] and "messages" in s and "messages" in before:
                    rate = (s["messages"] - before["messages"]) * 1000 / max(1, s["at_ms"] - before["at_ms"])
                if before and before["pid"] != s["pid"]:
                    file.write("\n")
                file.write(f"{(s['at_ms'] - began_ms) / 1000:.1f} {s['rss_kib'] / 1024:.2f} {rate}\n")
                before = s
            file.write("\n\n")
    lines = ""
    colours = {IN_FLIGHT: "#c03030", ENDS: "#e09020"}
    for fault in timeline:
        colour = colours.get(fault["promise"], "#b0c4de")
        lines += (f"set arrow from {(fault['from_ms'] - began_ms) / 1000:.1f}, graph 0 to "
                  f"{(fault['from_ms'] - began_ms) / 1000:.1f}, graph 1 nohead lc rgb '{colour}' back\n")
    script = f"""set terminal svg size 1000,600 dynamic background rgb 'white'
set output '{out}/soak.svg'
set multiplot layout 2,1
{lines}set key top left
set ylabel 'resident memory, MiB'
plot '{data}' index 0 using 1:2 with lines lw 2 title 'gateway A', '' index 1 using 1:2 with lines lw 2 title 'gateway B'
set ylabel 'messages a second'
set xlabel 'seconds; lines: faults (red: a gateway killed, orange: associations ended)'
plot '{data}' index 0 using 1:3 with lines title 'gateway A', '' index 1 using 1:3 with lines title 'gateway B'
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def text_of(report, timeline, began_ms):
    m = report["messages"]
    out = [f"{'passed' if report['passed'] else 'FAILED'}: seed {report['seed']}, {report['seconds']} s",
           f"messages: {m['sent']} sent, {m['verified']} verified, {m['lost']} lost in restarts, "
           f"{report['mismatches']} mismatches; {m['in short associations']} more in short associations of "
           f"{report['short_clients']} clients",
           f"rekeys an association: {report['days_of_rekeys']} days' worth at one an hour; {report['rekeys']}", ""]
    out.append(f"{'s':>6} {'fault':18} {'promise':18} {'back ms':>8}  what")
    for f in timeline:
        cost = ", ".join(f"{sum(by.values())} {what} ({len(by)} associations)" for what, by in sorted(f["cost"].items()))
        out.append(f"{(f['from_ms'] - began_ms) / 1000:6.1f} {f['name']:18} {f['promise']:18} {f['recovery_ms']:8d}  "
                   f"{f['text']}{'; ' + cost if cost else ''}")
    out.append("")
    for one in report["memory"]:
        out.append(f"gateway {one['gateway']}, process {one['pid']}, {one['seconds']} s: {one['rss_kib_before']:.0f} -> "
                   f"{one['rss_kib_after']:.0f} KiB ({one['slope_kib_per_minute']} KiB/min), descriptors "
                   f"{one['descriptors']}, threads {one['threads']}")
    if report["failures"]:
        out += ["", f"{len(report['failures'])} failures:"]
        alike = {}
        for one in report["failures"]:
            kind = one.split(" at ")[0]
            alike[kind] = alike.get(kind, 0) + 1
            if alike[kind] <= 3:
                out.append(f"  {one}")
        out += [f"  and {number - 3} more: {kind}" for kind, number in alike.items() if number > 3]
    return "\n".join(out) + "\n"


def soak(picture, arguments, rng):
    """Brings everything up, plays, ends it; returns (report, timeline, samples, start)."""
    sampler, churn = Sampler(picture), Churn(picture, random.Random(rng.getrandbits(32)))
    for gateway in "ab":
        picture.configure(gateway)
    picture.start_redis()
    picture.start_server("s")
    picture.start_server("n")
    picture.start_gateway("b")
    picture.start_gateway("a")
    began, began_ms = time.monotonic(), now_ms()
    picture.start_clients(arguments.seconds, rng.getrandbits(16))
    sampler.start()
    churn.start()
    time.sleep(4)
    timeline, failures, figures = [], [], {}
    try:
        play(picture, Schedule(rng, arguments.only), rng, arguments.seconds, began, timeline)
        churn.stop()
        for name, *_ in CLIENTS:
            process = picture.processes.pop(name)
            try:
                code = process.wait(max(1, began + arguments.seconds + 90 - time.monotonic()))
                if code != 0:
                    failures.append(f"{name} ended with code {code}")
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                failures.append(f"{name} did not end")
        sampler.stop()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            figures = {gateway: picture.figures(gateway) for gateway in "ab"}
            if all(f and f["relay"]["pairs"] == 0 and f["associations"]["now"] == 0 for f in figures.values()):
                break
            time.sleep(0.5)
        for name in ("server-s", "server-n"):
            if picture.stop(name) != 0:
                failures.append(f"{name} did not end in order")
        for gateway in "ab":
            code = picture.end_gateway(gateway, signal.SIGTERM)
            if code != 0:
                failures.append(f"gateway {gateway} ended with code {code}")
        failures += [f"{path} is left" for path in picture.left_by_gateways()]
    except (SoakError, OSError, subprocess.SubprocessError) as error:
        failures.append(str(error))
    finally:
        churn.stop(at_once=True)
        sampler.stop()
    summaries = {}
    for name, *_ in CLIENTS:
        try:
            with open(picture.path(name + ".json"), encoding="ascii") as file:
                summaries[name] = json.load(file)
        except (OSError, ValueError):
            summaries[name] = None
    made = rekeys_of(picture)
    per_association = {
        "tls13": made["tls13 at gateway a"] // sum(ASSOCIATIONS[n] for n in ASSOCIATIONS if n.endswith("-tls13")),
        "dtls13": made["dtls13 at gateway a"] // sum(ASSOCIATIONS[n] for n in ASSOCIATIONS if n.endswith("-dtls13")),
    }
    report, _ = judge(timeline, summaries, churn.runs, sampler.samples, figures, per_association)
    report["failures"] = failures + report["failures"]
    report["passed"] = not report["failures"]
    report["figures"] = figures
    report["churn_failures"] = [run for run in churn.runs if run["code"] != 0]
    return report, timeline, sampler.samples, began_ms


def main():
    if sys.argv[1:] == ["hosts"]:
        print("\n".join(" ".join(host) for host in hosts()))
        return 0
    parser = argparse.ArgumentParser()
    for name in ("source", "build", "lab", "namespace", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    arguments = parser.parse_args()
    if arguments.seconds < 30:
        parser.error("--seconds: 30 at least")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    picture = Picture(arguments.source, arguments.build, arguments.lab, arguments.namespace)
    try:
        report, timeline, samples, began_ms = soak(picture, arguments, random.Random(arguments.seed))
    except SoakError as error:
        say(f"the picture does not come up: {error}")
        return 1
    finally:
        picture.end_all()
    report = {"seed": arguments.seed, "seconds": arguments.seconds, **report}
    text = text_of(report, timeline, began_ms)
    with open(os.path.join(arguments.out, "summary.txt"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(arguments.out, "summary.json"), "w", encoding="utf-8") as file:
        json.dump({**report, "timeline": timeline, "samples": samples}, file, indent=1)
    plot(arguments.out, began_ms, samples, timeline)
    if not report["passed"]:
        for name in os.listdir(arguments.lab):
            if name.endswith((".log", ".json", ".jsonl")):
                shutil.copy(picture.path(name), arguments.out)
    say(text)
    if not report["passed"]:
        say(f"again: tests/soak/run.sh --seconds {arguments.seconds} --seed {arguments.seed}")
    return 0 if report["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
