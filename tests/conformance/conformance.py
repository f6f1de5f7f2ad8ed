#!/usr/bin/python3
"""Conformance from outside.

    conformance.py list                           every case, as the table of docs/conformance.md has it
    conformance.py configure GROUP FOLDER         writes gateway-a.yaml and what it names
    conformance.py run GROUP FOLDER NAMESPACES [CASE...]
"""
import os
import random
import sys

import plain
import protected
from bench import Bench, run

GROUPS = {"plain": plain.GROUP, "protected": protected.GROUP}

# Short timers, so that every retransmission and the end of a lifetime can be seen in a moment.
SCTP = """sctp: { rto_initial_ms: 100, rto_min_ms: 50, rto_max_ms: 400, heartbeat_interval_ms: 500, cookie_lifetime_ms: 1000,
        association_max_retransmissions: 6, init_max_retransmissions: 4, sack_delay_ms: 50 }
"""
PORTS = """eal: { memory_mib: 256, hugepages: auto }
ports:
  - { name: nodes, device: "net_af_packet0,iface=ga0", addresses: ["10.1.0.1/24"] }
  - { name: servers, device: "net_af_packet1,iface=ga1", addresses: ["10.3.0.1/24"] }
"""
PLAIN = """backends:
  - { name: server, side: plain, local: 10.3.0.1, address: 10.3.0.10, port: 38412 }
listeners:
  - { name: nodes, side: plain, address: 10.1.0.1, port: 38412, backend: server }
"""
PROTECTED = """protection:
  - { name: raw, lab_raw: { file: raw-answers.yaml } }
  - { name: raw-begins, lab_raw: { file: raw-begins.yaml } }
  - { name: loose, mode: loose, lab_raw: { file: raw-answers.yaml } }
  - { name: client, roles: [client], lab_raw: { file: raw-answers.yaml } }
backends:
  - { name: server, side: plain, local: 10.3.0.1, address: 10.3.0.10, port: 38412 }
  - { name: native, side: protected, local: 10.3.0.1, address: 10.3.0.10, port: 38413, protection: raw-begins }
listeners:
  - { name: strict, side: protected, address: 10.1.0.1, port: 38412, backend: server, protection: raw }
  - { name: begins, side: plain, address: 10.1.0.1, port: 38413, backend: native }
  - { name: loose, side: protected, address: 10.1.0.1, port: 38414, backend: server, protection: loose }
  - { name: client, side: protected, address: 10.1.0.1, port: 38415, backend: server, protection: client }
"""
BODY = {"plain": PLAIN, "protected": PROTECTED}


def configure(group, folder):
    os.umask(0o077)
    for name in ("answers", "begins"):
        with open(os.path.join(folder, f"raw-{name}.yaml"), "w", encoding="ascii") as file:
            # Toward who connects, and toward the backend, we are the other end of the same keys.
            file.write(protected.raw_keys(protected.BACK, protected.THERE) if name == "answers" else
                       protected.raw_keys(protected.THERE, protected.BACK))
    with open(os.path.join(folder, "gateway-a.yaml"), "w", encoding="ascii") as file:
        file.write(PORTS + SCTP + BODY[group])


def table():
    """The lines of docs/conformance.md."""
    return [f"| {one.name} | {one.section} | {one.rule} | {'*deviates*: ' + one.deviates if one.deviates else 'yes'} |"
            for group in GROUPS.values() for one in group.cases]


def main():
    words = sys.argv[1:]
    if words == ["list"]:
        print("\n".join(table()))
        return 0
    if words[0] == "configure":
        configure(words[1], words[2])
        return 0
    random.seed(int(os.environ.get("CONFORMANCE_SEED", "1")))
    cases = GROUPS[words[1]]
    bad = run(cases, Bench(words[3]), words[4:])
    number = len(words[4:]) or len(cases.cases)
    print(f"{number} cases, {bad} not as they should be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
