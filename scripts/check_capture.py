#!/usr/bin/env python3
"""Checks a capture of the protected link and counts its chunks; uses tshark.

In clear there may be INIT, INIT ACK, COOKIE ECHO and COOKIE ACK, each alone in its packet; and, unless
--preshared is given, until a side sends its first DTLS chunk: DATA with PPID 4242 on stream 0 (the
handshake of key management), SACK, HEARTBEAT and HEARTBEAT ACK. Everything else must be the DTLS chunk
(0x41), alone in its packet. Every CRC32c must be right. At least one whole set-up and one DTLS chunk in
each direction must be there, and none of the WORDs given (which the messages contain) may be readable
anywhere.

Usage: check_capture.py [--preshared] FILE.pcap [WORD...]
Exit code 1 and a line for each finding when it is not so. Else prints counts by chunk type as JSON.
"""
import argparse
import collections
import json
import subprocess
import sys

HANDSHAKE = {1: "INIT", 2: "INIT ACK", 10: "COOKIE ECHO", 11: "COOKIE ACK"}
DATA = 0
KEYING = {DATA: "DATA", 3: "SACK", 4: "HEARTBEAT", 5: "HEARTBEAT ACK"}
DTLS = 0x41
PPID = 4242
FIELDS = ["frame.number", "ip.src", "ipv6.src", "sctp.srcport", "sctp.dstport", "sctp.chunk_type",
          "sctp.checksum.status", "sctp.data_payload_proto_id", "sctp.data_sid"]


def numbers(text):
    return [int(one, 0) for one in text.split(",") if one]


def allowed(chunks, ppids, streams, keying):
    if len(chunks) == 1 and chunks[0] in HANDSHAKE:
        return True
    return (keying and all(chunk in KEYING for chunk in chunks)
            and len(ppids) == len(streams) == chunks.count(DATA)
            and set(ppids) <= {PPID} and set(streams) <= {0})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--preshared", action="store_true")
    parser.add_argument("path")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    command = ["tshark", "-r", options.path, "-o", "sctp.checksum:CRC 32c",
               "-o", "sctp.reassembly:FALSE", "-o", "sctp.tsn_analysis:FALSE",
               "-o", "sctp.ulp_dissection:FALSE", "-Y", "sctp", "-T", "fields"]
    for field in FIELDS:
        command += ["-e", field]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    if run.returncode != 0:
        print(f"tshark cannot read {options.path}: {run.stderr.strip()}")
        return 1
    counts, findings = collections.Counter(), []
    protected, seen = set(), set()  # directions: source address and both ports
    for line in run.stdout.splitlines():
        frame, v4, v6, source, destination, kinds, checksum, ppids, streams = (
            line.split("\t") + [""] * len(FIELDS))[:len(FIELDS)]
        direction = (v4 or v6, source, destination)
        chunks = numbers(kinds)
        if 1 in chunks:
            # A new association on these ports; its keys are still to come.
            protected = {one for one in protected if set(one[1:]) != {source, destination}}
        if chunks == [DTLS]:
            protected.add(direction)
            seen.add(direction[0])
        elif not chunks or not allowed(chunks, numbers(ppids), numbers(streams),
                                       not options.preshared and direction not in protected):
            findings.append(f"packet {frame} has chunk types {kinds or 'none'} in clear")
        if checksum != "1":
            findings.append(f"packet {frame} has a wrong CRC32c")
        counts.update(chunks)
    for kind in HANDSHAKE:
        if not counts[kind]:
            findings.append(f"no {HANDSHAKE[kind]} was captured")
    if len(seen) < 2:
        findings.append(f"DTLS chunks were captured from {len(seen)} sides")
    with open(options.path, "rb") as file:
        octets = file.read()
    findings += [f"'{word}' is readable in the capture" for word in options.words
                 if word.encode() in octets]
    for finding in findings[:20]:
        print(finding)
    if findings:
        print(f"{options.path}: {len(findings)} findings, the link is not protected as it should be")
        return 1
    names = {**HANDSHAKE, **KEYING, DTLS: "DTLS chunk"}
    print(json.dumps({names[kind]: counts[kind] for kind in sorted(counts)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
