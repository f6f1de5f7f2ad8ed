#!/usr/bin/python3
"""Looks for secrets in the memory of a running process, and in a core file.

    memory_scan.py --current EPOCH --pid PID [--core FILE] [--secret NAME=HEX ...] KEYLOG...

The needles are the keys of the lab's key logs, as octets (a key also stands at the beginning of its AES round keys)
and as hexadecimal text, and the secrets given. Keys of epochs before --current are retired: they may be nowhere.
Current keys and other secrets may only be in memory that is left out of core dumps, and not in the core file.
All of the process's memory is read through /proc/PID/mem, which for a process that is not dumpable only root can.
Prints JSON; the exit code is 1 when something is where it may not be.
"""
import argparse
import json
import re
import sys

PIECE = 1 << 24
# Parts of a key-log line. Not the IV: it is the nonce of record 0, which is no secret.
PARTS = (("key", 5), ("sn_key", 7))


class Needle:
    def __init__(self, name, octets, retired):
        self.name = name
        self.retired = retired
        # little endian: how OpenSSL's big numbers lie in memory
        self.forms = {"octets": octets, "hex": octets.hex().encode()}
        if name.startswith("private key"):
            self.forms["number"] = octets[::-1]


def needles_of(logs, current):
    seen = {}
    for log in logs:
        with open(log) as lines:
            for line in lines:
                words = line.split()
                epoch = int(words[2])
                for part, index in PARTS:
                    octets = bytes.fromhex(words[index])
                    # A key of one epoch that is a key of the current one, too, is current.
                    retired = epoch < current and seen.get(octets, (None, True))[1]
                    seen[octets] = (f"{part} of epoch {epoch}", retired)
    return [Needle(name, octets, retired) for octets, (name, retired) in seen.items()]


class Mapping:
    def __init__(self, start, end, rights, name):
        self.start, self.end, self.rights, self.name = start, end, rights, name
        self.in_core_dumps = True


def mappings_of(pid):
    out = []
    with open(f"/proc/{pid}/smaps") as lines:
        for line in lines:
            if header := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line):
                out.append(Mapping(int(header[1], 16), int(header[2], 16), header[3], header[4].strip()))
            elif line.startswith("VmFlags:"):
                out[-1].in_core_dumps = "dd" not in line.split()[1:]
    return out


def find_all(piece, needles):
    for needle in needles:
        for form, octets in needle.forms.items():
            at = piece.find(octets)
            while at >= 0:
                yield needle, form, at
                at = piece.find(octets, at + 1)


def pieces(read, start, end, overlap=256):
    """Pieces that overlap, so that nothing is missed at their borders; untouched memory is skipped."""
    at = start
    while at < end:
        octets = read(at, min(PIECE + overlap, end - at))
        if octets and octets.count(0) != len(octets):
            yield at, octets
        at += PIECE


def scan_process(pid, needles):
    found, octets_read, unreadable = [], 0, []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:

        def read(at, length):
            memory.seek(at)
            out = b""
            while len(out) < length:
                more = memory.read(length - len(out))
                if not more:
                    break
                out += more
            return out

        for mapping in mappings_of(pid):
            if "r" not in mapping.rights or mapping.name in ("[vvar]", "[vsyscall]"):
                continue
            try:
                for at, piece in pieces(read, mapping.start, mapping.end):
                    octets_read += len(piece)
                    for needle, form, offset in find_all(piece, needles):
                        found.append({"what": needle.name, "form": form, "retired": needle.retired,
                                      "in_core_dumps": mapping.in_core_dumps, "at": hex(at + offset),
                                      "mapping": mapping.name or "anonymous"})
            except OSError as error:  # device memory of a port
                unreadable.append(f"{mapping.name}: {error}")
    return found, octets_read, unreadable


def scan_file(path, needles):
    found = []
    with open(path, "rb") as file:

        def read(at, length):
            file.seek(at)
            return file.read(length)

        size = file.seek(0, 2)
        for at, piece in pieces(read, 0, size):
            for needle, form, offset in find_all(piece, needles):
                found.append({"what": needle.name, "form": form, "at": hex(at + offset)})
    return found, size


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--current", type=int, required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--core")
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("keylogs", nargs="+")
    options = parser.parse_args()
    needles = needles_of(options.keylogs, options.current)
    for secret in options.secret:
        name, octets = secret.split("=")
        needles.append(Needle(name, bytes.fromhex(octets), False))

    found, octets_read, unreadable = scan_process(options.pid, needles)
    bad = [f for f in found if f["retired"] or f["in_core_dumps"]]
    out = {"needles": len(needles), "retired_needles": sum(n.retired for n in needles),
           "octets_read": octets_read, "unreadable": unreadable,
           "current_found": sorted({f["what"] for f in found if not f["retired"]}), "bad": bad}
    if options.core:
        out["bad_in_core"], out["core_octets"] = scan_file(options.core, needles)
    print(json.dumps(out, indent=1))
    return 1 if bad or out.get("bad_in_core") else 0


if __name__ == "__main__":
    sys.exit(main())
