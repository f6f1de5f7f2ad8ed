#!/usr/bin/env python3
"""dtls-chunk-vectors must notice wrong vectors and refuse files that are not of its form.

usage: negative_test.py PROGRAM VECTORS
"""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

program, vectors = sys.argv[1:3]
good = json.loads(pathlib.Path(vectors).read_text())
# Few vectors are enough here and keep it quick.
good["records"] = good["records"][:4]
good["export_192"] = good["export_192"][:2]


def run(text):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([program, file.name], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def changed(change):
    copied = copy.deepcopy(good)
    change(copied)
    return json.dumps(copied)


def turned(text, octet):
    return text[: 2 * octet] + f"{int(text[2 * octet:2 * octet + 2], 16) ^ 1:02x}" + text[2 * octet + 2:]


def set_at(value, *path):
    def change(root):
        for step in path[:-1]:
            root = root[step]
        root[path[-1]] = value(root[path[-1]]) if callable(value) else value
    return change


def removed(*path):
    def change(root):
        for step in path[:-1]:
            root = root[step]
        del root[path[-1]]
    return change


failures = []


def expect(name, text, code, must_say):
    got, out, err = run(text)
    said = err if code == 2 else out
    one_line = code != 2 or err.count("\n") == 1
    if got != code or must_say not in said or not one_line:
        failures.append(f"{name}: exit {got}, expected {code} with {must_say!r}: {out!r} {err!r}")


total = len(good["records"]) + len(good["export_192"]) + len(good["negotiation"])
expect("good", json.dumps(good), 0, f"{total} passed, 0 failed\n")
one_wrong = f"{total - 1} passed, 1 failed\n"
for part, octet in (("chunk", 1), ("chunk", 4), ("chunk", 5), ("chunk", 6), ("chunk", 9),
                    ("chunk", -4), ("content", 0), ("key", 0), ("iv", 11), ("sn_key", 15)):
    record = good["records"][0]
    at = octet if octet >= 0 else len(record[part]) // 2 + octet
    expect(f"record {part} {octet}", changed(set_at(lambda v, a=at: turned(v, a), "records", 0, part)),
           1, one_wrong)
expect("sequence", changed(set_at(5, "records", 0, "seq")), 1, one_wrong)
expect("short chunk", changed(set_at("4100", "records", 0, "chunk")), 1, one_wrong)
expect("empty chunk", changed(set_at("", "records", 0, "chunk")), 1, one_wrong)
expect("zero length field",
       changed(set_at(lambda v: v[:4] + "0000" + v[8:], "records", 0, "chunk")), 1, one_wrong)
expect("export", changed(set_at(lambda v: turned(v, 0), "export_192", 1, "out")), 1, one_wrong)
expect("export parameter",
       changed(set_at(lambda v: turned(v, 6), "export_192", 1, "client_param")), 1, one_wrong)
expect("agreement", changed(set_at(["server", 1], "negotiation", 0, "result")), 1, one_wrong)
expect("cause", changed(set_at(101, "negotiation", 3, "result")), 1, one_wrong)

expect("empty", "", 2, "parse error")
expect("cut", json.dumps(good)[:500], 2, "parse error")
expect("array", "[]", 2, "expected an object")
expect("nothing in it", "{}", 2, "holds no records")
expect("section type", '{"records": 3}', 2, "records: expected an array")
expect("entry type", '{"records": [3]}', 2, "records[0]: expected an object")
expect("no member", changed(removed("records", 1, "iv")), 2, 'records[1]: member "iv" is missing')
expect("hex", changed(set_at("zz", "records", 1, "content")), 2, "records[1].content: expected")
expect("odd hex", changed(set_at("123", "records", 1, "chunk")), 2, "records[1].chunk: expected")
expect("signed hex", changed(set_at("-1", "records", 1, "chunk")), 2, "records[1].chunk: expected")
expect("suite", changed(set_at("1399", "records", 1, "suite")), 2, "records[1].suite: expected")
expect("key length", changed(set_at("00", "records", 1, "key")), 2, "records[1]: key of")
expect("no content", changed(set_at("", "records", 1, "content")), 2, "records[1].content: expected")
expect("epoch", changed(set_at(65536, "records", 1, "epoch")), 2, "records[1].epoch: expected")
expect("negative", changed(set_at(-1, "records", 1, "seq")), 2, "records[1].seq: expected")
expect("boolean", changed(set_at(1, "records", 1, "restart")), 2, "records[1].restart: expected")
expect("padding", changed(set_at(240, "records", 1, "dtls_padding")), 2, "dtls_padding: expected")
expect("kind", changed(set_at(3, "export_192", 0, "kind")), 2, "export_192[0].kind: expected")
expect("methods", changed(set_at([], "negotiation", 0, "local", "ids")), 2, "ids: expected")
expect("result", changed(set_at(["both", 1], "negotiation", 0, "result")), 2, "result: expected")

missing = subprocess.run([program, "/nonexistent/vectors.json"], capture_output=True, text=True,
                         check=False)
if missing.returncode != 2 or "cannot be read" not in missing.stderr:
    failures.append(f"missing file: {missing}")
no_argument = subprocess.run([program], capture_output=True, text=True, check=False)
if no_argument.returncode != 2:
    failures.append(f"no argument: {no_argument}")

print("\n".join(failures) or "all as expected")
sys.exit(1 if failures else 0)
