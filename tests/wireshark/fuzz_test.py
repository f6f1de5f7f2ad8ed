#!/usr/bin/python3
"""Thousands of damaged packets through tshark: expert information, never a Lua error, never a lost packet.

Usage: fuzz_test.py PLUGIN-FOLDER VECTORS.json [PACKETS [SEED]]
"""
import json
import pathlib
import random
import shutil
import struct
import sys
import tempfile

try:
    import packets
    from cases import all_cases
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)

SKIPPED = 77
IP_HEADER = 20


def damaged(rng, frame):
    """The SCTP packet of a frame, changed in one to four ways, in a sound IP packet."""
    octets = bytearray(frame[IP_HEADER:])
    for _ in range(rng.randrange(1, 5)):
        way = rng.randrange(6)
        # Mostly where the lengths and types are.
        at = rng.randrange(12, min(len(octets), 12 + (48 if rng.random() < 0.8 else 1 << 16)))
        if way == 0:
            octets[at] = rng.randrange(256)
        elif way == 1:
            octets[at] ^= 1 << rng.randrange(8)
        elif way == 2:
            octets[at:at + 2] = struct.pack(">H", rng.choice((0, 1, 3, 4, 5, 8, 24, 255, 32767, 65535)))
        elif way == 3 and len(octets) > 16:
            del octets[max(at, 14):]
        elif way == 4:
            octets[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            del octets[at:at + rng.randrange(1, 9)]
        if len(octets) < 13:
            octets += bytes(13 - len(octets))
    return packets.ipv4(bytes(octets)[:60000])


def main():
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        return SKIPPED
    plugin, vectors = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="ascii"))
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 4000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    rng = random.Random(seed)
    sound = [case.frames for case in all_cases(vectors)]
    sound = [frames for frames in sound if len(frames[-1]) < 2000]
    frames = []
    while len(frames) < count:
        # Sound packets in between keep the state of negotiations and protection going.
        chosen = rng.choice(sound)
        frames += chosen[:-1] + [damaged(rng, chosen[-1])]
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "damaged.pcap"
        path.write_bytes(packets.pcap(frames, 228))
        for method in ("by INIT and INIT ACK, else by content", "192, TLS 1.3", "1, DTLS 1.3"):
            # -V, because only then every line of every tree is made; -2 visits each packet twice.
            run = packets.tshark(plugin, path, "-V", "-2", "-o", f"sctp_dtls_km.method:{method}")
            said = run.stdout + run.stderr
            if run.returncode != 0:
                failures.append(f"{method}: tshark ended with {run.returncode}: {run.stderr[-400:]}")
            if "Lua Error" in said or "[C]:" in said or ".lua:" in said:
                at = min(found for found in (said.find("Lua Error"), said.find(".lua:"), said.find("[C]:")) if found >= 0)
                failures.append(f"{method}: {said[max(0, at - 300):at + 300]}")
            if said.count("\nFrame ") + said.startswith("Frame ") != len(frames):
                failures.append(f"{method}: {said.count('Frame ')} of {len(frames)} packets")
        rows = packets.fields(plugin, path, ["_ws.expert", "sctp_dtls", "sctp_dtls_km"])
        marked = sum(bool(row["_ws.expert"]) for row in rows)
        seen = sum(bool(row["sctp_dtls"] or row["sctp_dtls_km"]) for row in rows)
        # Otherwise the damage would hide everything from the plugin, and nothing would be tried.
        if seen < count // 2 or marked < count // 3:
            failures.append(f"only {seen} packets reached the plugin, {marked} have expert information")
    print("\n".join(failures))
    print(f"{len(frames)} packets (seed {seed}), {seen} dissected here, {marked} with expert information")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
