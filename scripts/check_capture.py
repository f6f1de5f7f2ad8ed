#!/usr/bin/env python3
"""Checks a capture of the protected link and counts its chunks; uses tshark.

Only INIT, INIT ACK, COOKIE ECHO and COOKIE ACK may be in clear, each alone in its packet; everything
else must be the DTLS chunk (0x41), alone in its packet, with a right CRC32c. At least one whole
set-up and one DTLS chunk must be there, and none of the WORDs given (which the messages contain) may
be readable anywhere.

Usage: check_capture.py FILE.pcap [WORD...]
Exit code 1 and a line for each finding when it is not so. Else prints counts by chunk type as JSON.
"""
import collections
import json
import subprocess
import sys

CLEAR = {1: "INIT", 2: "INIT ACK", 10: "COOKIE ECHO", 11: "COOKIE ACK"}
DTLS = 0x41


def main():
    path, words = sys.argv[1], sys.argv[2:]
    run = subprocess.run(
        ["tshark", "-r", path, "-o", "sctp.checksum:CRC 32c", "-o", "sctp.reassembly:FALSE",
         "-o", "sctp.tsn_analysis:FALSE", "-o", "sctp.ulp_dissection:FALSE",
         "-Y", "sctp", "-T", "fields",
         "-e", "frame.number", "-e", "sctp.chunk_type", "-e", "sctp.checksum.status"],
        check=False, capture_output=True, text=True)
    if run.returncode != 0:
        print(f"tshark cannot read {path}: {run.stderr.strip()}")
        return 1
    counts, findings = collections.Counter(), []
    for line in run.stdout.splitlines():
        frame, kinds, checksum = (line.split("\t") + ["", ""])[:3]
        chunks = [int(kind, 0) for kind in kinds.split(",") if kind]
        if len(chunks) != 1 or (chunks[0] != DTLS and chunks[0] not in CLEAR):
            findings.append(f"packet {frame} has chunk types {kinds or 'none'} in clear")
        if checksum != "1":
            findings.append(f"packet {frame} has a wrong CRC32c")
        counts.update(chunks)
    for kind in [*CLEAR, DTLS]:
        if not counts[kind]:
            findings.append(f"no {CLEAR.get(kind, 'DTLS chunk')} was captured")
    with open(path, "rb") as file:
        octets = file.read()
    findings += [f"'{word}' is readable in the capture" for word in words
                 if word.encode() in octets]
    for finding in findings[:20]:
        print(finding)
    if findings:
        print(f"{path}: {len(findings)} findings, the link is not protected as it should be")
        return 1
    names = {**CLEAR, DTLS: "DTLS chunk"}
    print(json.dumps({names[kind]: counts[kind] for kind in sorted(counts)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
