#!/usr/bin/env python3
"""Writes the seeds of this folder's fuzz targets into corpus/<target>/."""
import json
import pathlib
import re

here = pathlib.Path(__file__).parent
CONNECT, SAY, HEAR, LEAVE, HALF, TIME, LINE = range(7)


def write(target, name, octets):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def step(what, *content):
    octets = b"".join(c if isinstance(c, bytes) else bytes([c]) for c in content)
    return bytes([what]) + len(octets).to_bytes(2, "big") + octets


for name, octets in {
        "one": step(CONNECT) + step(SAY, 0, b"hello\n") + step(HEAR, 0),
        "parts": step(CONNECT) + step(SAY, 0, b"hel") + step(SAY, 0, b"lo\nwor") + step(SAY, 0, b"ld\n\n") + step(HEAR, 0),
        "many": step(CONNECT) * 19 + b"".join(step(SAY, i, b"a\n") + step(HEAR, i) for i in range(19)),
        "long": step(CONNECT) + step(LINE, 0, 0x0F, 0xFF) + step(LINE, 0, 0x10, 1) + step(LINE, 0, 0x1F, 0xF0) + step(HEAR, 0),
        "deaf": step(CONNECT) + step(LINE, 0, 0x0F, 0) * 100 + step(TIME, 30) + step(HEAR, 0) + step(TIME, 61),
        "half": step(CONNECT) + step(SAY, 0, b"a\nb\n") + step(HALF, 0) + step(HEAR, 0) + step(LEAVE, 0),
        "gone": step(CONNECT) * 3 + step(SAY, 1, b"a\n") + step(LEAVE, 1) + step(LEAVE, 0) + step(TIME, 59) + step(TIME, 2),
}.items():
    write("fuzz_admin_server", name, octets)

# Every command of the table in request.cpp.
source = (here / "../../../control/admin/request.cpp").read_text()
for number, command in enumerate(re.findall(r'CommandId::\w+, "(\w+)"', source)):
    write("fuzz_admin_request", command, json.dumps({"id": number, "command": command}).encode())
for number, (command, arguments) in enumerate([
    ("associations", {"after": 3, "limit": 10}), ("association", {"association": 1}), ("rekey", {"all": True}),
    ("rekey", {"association": -1}), ("close", {"association": 2, "how": "abort"}), ("close", {"association": 2, "how": 1}),
    ("log_level", {"level": "info", "module": "sctp"}), ("log_level", {"level": "loud"}), ("log_level", {"module": "x" * 65}),
    ("association", {"association": 18446744073709551615}), ("rekey", {"all": 1}), ("status", {"unknown": 1}), ("status", []),
    ("nothing", {}),
]):
    write("fuzz_admin_request", f"arguments-{number}",
          json.dumps({"id": number, "command": command, "arguments": arguments}).encode())
for name, text in {"empty": "", "list": "[]", "deep": "[" * 200, "text": '"x"', "no-command": '{"id":1}',
                   "bad-id": '{"id":[],"command":"status"}'}.items():
    write("fuzz_admin_request", name, text.encode())
