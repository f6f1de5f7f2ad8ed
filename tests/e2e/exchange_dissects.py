#!/usr/bin/env python3
"""Every message of an exchange file must be a whole, well-formed NGAP message to tshark.

Writes the messages of EXCHANGE.yaml into a capture of its own, one SCTP DATA chunk a packet, lets
tshark dissect it by the payload protocol identifier and fails on a malformed mark, on an expert
note of a dissector above SCTP, and on a message that NGAP or (where it carries NAS) NAS-5GS does
not claim.

Usage: exchange_dissects.py EXCHANGE.yaml
"""
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77


def messages(path):
    """The exchange's messages; a reader for the plain subset of YAML the file is written in."""
    defaults, entries, entry = {}, [], None
    for line in open(path, encoding="utf-8"):
        field = re.match(r"(\s*)(- )?(\w+): *\"?([^\"\n]*)\"?$", line)
        if not field:
            continue
        if field[2]:
            entry = dict(defaults)
            entries.append(entry)
        (entry if field[1] and entry is not None else defaults)[field[3]] = field[4]
    return [e for e in entries if "hex" in e]


def crc32c(data):
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def capture(entries):
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 228)  # raw IPv4
    for number, entry in enumerate(entries):
        data = bytes.fromhex(entry["hex"])
        chunk = struct.pack("!BBHIHHI", 0, 3, 16 + len(data), number, int(entry["stream"]), 0,
                            int(entry["ppid"])) + data
        chunk += bytes(-len(chunk) % 4)
        # The same port on both ends: which dissector runs is then the identifier's doing alone.
        header = struct.pack("!HHII", 9, 9, 1, 0)
        sctp = header[:8] + struct.pack("<I", crc32c(header + chunk)) + chunk
        ends = (1, 2) if entry["from"] == "client" else (2, 1)
        packet = struct.pack("!BBHHHBBH4B4B", 0x45, 0, 20 + len(sctp), 0, 0, 64, 132, 0,
                             10, 0, 0, ends[0], 10, 0, 0, ends[1]) + sctp
        out += struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet
    return out


def main():
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        return SKIPPED
    entries = messages(sys.argv[1])
    if not entries:
        print(f"{sys.argv[1]}: no messages")
        return 1
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(capture(entries))
        file.flush()
        run = subprocess.run(
            ["tshark", "-r", file.name, "-o", "nas-5gs.null_decipher:TRUE", "-T", "json",
             "-J", "frame ngap nas-5gs"],
            check=True, capture_output=True, text=True)
        marks = subprocess.run(
            ["tshark", "-r", file.name, "-o", "nas-5gs.null_decipher:TRUE", "-Y",
             "_ws.malformed || _ws.expert || _ws.unreassembled", "-T", "fields", "-e",
             "frame.number", "-e", "_ws.expert.message"],
            check=True, capture_output=True, text=True)
    failures = []
    packets = json.loads(run.stdout)
    if len(packets) != len(entries):
        failures.append(f"{len(packets)} packets dissected of {len(entries)}")
    for entry, packet in zip(entries, packets):
        protocols = packet["_source"]["layers"]["frame"]["frame.protocols"].split(":")
        wanted = "nas-5gs" if "NAS" in entry["name"] or "/" in re.sub(
            r"/ue\d+$", "", entry["name"]) else "ngap"
        if "ngap" not in protocols or wanted not in protocols:
            failures.append(f"{entry['name']}: dissected as {':'.join(protocols)}")
    for line in marks.stdout.splitlines():
        number, _, text = line.partition("\t")
        failures.append(f"{entries[int(number) - 1]['name']}: {text}")
    for failure in failures:
        print(failure)
    nas = sum("nas-5gs" in p["_source"]["layers"]["frame"]["frame.protocols"] for p in packets)
    print(f"{len(entries)} messages, {nas} with NAS, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
