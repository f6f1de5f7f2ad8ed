#!/usr/bin/env python3
"""Writes the seeds of this folder's fuzz targets into corpus/<target>/."""
import json
import pathlib
import re

here = pathlib.Path(__file__).parent
CONNECT, SAY, HEAR, LEAVE, HALF, TIME, LINE, FILES, DEAF = range(9)


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
        "files": step(CONNECT) * 2 + step(FILES, 0, 1, b"a\n") + step(FILES, 0, 2, b"b") + step(FILES, 0, 9, b"c\nd\n") + step(
            FILES, 1, 1, b"e") + step(HEAR, 0) + step(LEAVE, 1),
        "too-many": step(CONNECT) * 20 + step(SAY, 19, b"a\n") + step(HEAR, 19) + step(LEAVE, 3) + step(CONNECT) + step(
            SAY, 19, b"b\n"),
        "deaf-gone": step(CONNECT) * 2 + step(LINE, 0, 0x0F, 0) * 120 + step(LEAVE, 0) + step(SAY, 0, b"a\n"),
        "unheard": step(CONNECT) * 2 + step(SAY, 0, b"a\n") + step(DEAF, 0) + step(SAY, 0, b"b\n"),
        "gone": step(CONNECT) * 3 + step(SAY, 1, b"a\n") + step(LEAVE, 1) + step(LEAVE, 0) + step(TIME, 59) + step(TIME, 2),
}.items():
    write("fuzz_admin_server", name, octets)

# Every command of the table in request.cpp, at the version of request.h.
sources = here / "../../../control/admin"
VERSION = int(re.search(r"kSchemaVersion = (\d+)", (sources / "request.h").read_text())[1])


def request(number, command, arguments=None, **more):
    members = {"version": VERSION, "id": number, "command": command, **more}
    return json.dumps(members if arguments is None else {**members, "arguments": arguments}).encode()


source = (sources / "request.cpp").read_text()
for number, command in enumerate(re.findall(r'CommandId::\w+, "(\w+)"', source)):
    write("fuzz_admin_request", command, request(number, command))
for number, (command, arguments) in enumerate([
    ("associations", {"after": 3, "limit": 10}), ("association", {"association": 1}), ("rekey", {"all": True}),
    ("rekey", {"association": -1}), ("close", {"association": 2, "how": "abort"}), ("close", {"association": 2, "how": 1}),
    ("log_level", {"level": "info", "module": "sctp"}), ("log_level", {"level": "loud"}), ("log_level", {"module": "x" * 65}),
    ("association", {"association": 18446744073709551615}), ("rekey", {"all": 1}), ("status", {"unknown": 1}), ("status", []),
    ("nothing", {}), ("log_level", {"level": "info", "module": "a b"}), ("log_level", {"level": "info", "module": ""}),
    ("association", {"association": 1.5}), ("reload", {"dry_run": True}), ("capture_stop", {"capture": 7}),
    ("capture", {"association": 1, "leg": "backend", "port": "n6-0", "plaintext": True, "keys": False, "seconds": 9,
                 "packets": 10, "octets": 1000, "snap": 64}),
]):
    write("fuzz_admin_request", f"arguments-{number}", request(number, command, arguments))
for name, text in {
        "empty": b"", "list": b"[]", "deep": b"[" * 200, "text": b'"x"', "no-command": json.dumps({"version": VERSION}).encode(),
        "bad-id": request([], "status"), "no-version": b'{"id":1,"command":"status"}', "version": request(
            1, "status", version=VERSION + 1), "member": request(1, "status", more=1), "no-name": request(1, "st atus"),
        "long": request(1, "status") + b" " * 5000, "no-utf8": b"\xff\xfe\x80" + request(1, "log", "\udcff"),
}.items():
    write("fuzz_admin_request", name, text)
