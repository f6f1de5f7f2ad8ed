#!/usr/bin/python3
"""tshark with the plugin must show the right fields, and expert information exactly where a rule is broken.

Usage: dissect_test.py PLUGIN-FOLDER VECTORS.json
"""
import json
import pathlib
import shutil
import sys
import tempfile

try:
    import packets
    from cases import all_cases
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)

SKIPPED = 77


def check_cases(plugin, folder, vectors):
    cases = all_cases(vectors)
    path = folder / "cases.pcap"
    path.write_bytes(packets.pcap([frame for case in cases for frame in case.frames], 228))
    names = sorted({name for case in cases for name in case.wanted})
    rows = packets.fields(plugin, path, ["_ws.expert.message", *names])
    if len(rows) != sum(len(case.frames) for case in cases):
        return [f"{len(rows)} packets were dissected"], 0
    failures, at = [], 0
    for case in cases:
        at += len(case.frames)
        row = rows[at - 1]
        said = row["_ws.expert.message"]
        for name, wanted in case.wanted.items():
            if row[name] != wanted:
                failures.append(f"{case.name}: {name} is {row[name]}, expected {wanted}")
        for part in case.says:
            if not any(part in one for one in said):
                failures.append(f"{case.name}: nothing says '{part}': {said}")
        if not case.says and case.name != "a flight" and said:
            failures.append(f"{case.name}: it says {said}")
    return failures, len(cases)


def check_vectors(plugin, folder, vectors):
    path = folder / "vectors.pcap"
    path.write_bytes(packets.pcap([packets.ipv4(packets.sctp(bytes.fromhex(one["chunk"]), tag=number + 1))
                                   for number, one in enumerate(vectors["records"])], 228))
    rows = packets.fields(plugin, path, ["sctp_dtls.restart", "sctp_dtls.record.epoch_bits", "sctp_dtls.record.length",
                                         "_ws.expert.message"])
    failures = []
    for one, row in zip(vectors["records"], rows, strict=True):
        length = len(one["content"]) // 2 + one["dtls_padding"] + 1 + 16 + 3
        wanted = [[str(int(one["restart"]))], [str(one["epoch"] & 3)], [str(length)], []]
        if list(row.values()) != wanted:
            failures.append(f"vector of {one['suite']}, epoch {one['epoch']}: {list(row.values())}, expected {wanted}")
    return failures, len(rows)


def check_elsewhere(plugin, folder):
    """Preferences, a packet that the capture cut, and packets that are none of the plugin's business."""
    failures = []
    cipher = bytes([0x23, 0x55]) + bytes(30)
    frame = packets.ipv4(packets.sctp(packets.data(4242, cipher)))
    path = folder / "one.pcap"
    path.write_bytes(packets.pcap([frame], 228))
    for method, text in (("192", "192, TLS 1.3"), ("1", "1, DTLS 1.3")):
        row = packets.fields(plugin, path, ["sctp_dtls_km.method"], "-o", f"sctp_dtls_km.method:{text}")[0]
        if row["sctp_dtls_km.method"] != [method]:
            failures.append(f"preference {text}: {row}")
    before = packets.ipv4(packets.sctp(packets.data(0, b"abcd"), 20000, 9))
    path.write_bytes(packets.pcap([before, packets.ipv4(packets.sctp(
        packets.dtls_chunk(bytes([0x2B]) + bytes(40)), 20000, 9)), before], 228))
    # -2: what is in clear before the first DTLS chunk is met again when that is known.
    rows = packets.fields(plugin, path, ["_ws.expert.message"], "-2", "-R", "sctp")
    if [any("In clear" in one for one in row["_ws.expert.message"]) for row in rows] != [False, False, True]:
        failures.append(f"in clear before protection: {rows}")
    path.write_bytes(packets.pcap([packets.ethernet(packets.ipv4(packets.sctp(
        packets.dtls_chunk(bytes([0x2B]) + bytes(200)))))], snap=100))
    row = packets.fields(plugin, path, ["sctp_dtls.length", "_ws.expert.message"])[0]
    if row["sctp_dtls.length"] != ["206"] or any("beyond" in one or "adding" in one for one in row["_ws.expert.message"]):
        failures.append(f"a cut packet: {row}")
    # Not to be taken for a packet of the association, whose state it would change.
    quoted = packets.ipv4(packets.sctp(packets.dtls_chunk(bytes([0x2B]) + bytes(40))))
    path.write_bytes(packets.pcap([packets.ipv4(bytes([3, 2, 0, 0, 0, 0, 0, 0]) + quoted, protocol=1)], 228))
    row = packets.fields(plugin, path, ["sctp.srcport", "sctp_dtls"])[0]
    if not row["sctp.srcport"] or row["sctp_dtls"]:
        failures.append(f"a packet in an ICMP message: {row}")
    path.write_bytes(packets.pcap([packets.ipv4(packets.sctp(packets.data(60, b"abcd")))], 228))
    row = packets.fields(plugin, path, ["frame.protocols", "sctp_dtls"])[0]
    if row["sctp_dtls"]:
        failures.append(f"a plain packet: {row}")
    return failures, 6


def main():
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        return SKIPPED
    plugin, vectors = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="ascii"))
    failures, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for found, checked in (check_cases(plugin, folder, vectors), check_vectors(plugin, folder, vectors),
                               check_elsewhere(plugin, folder)):
            failures += found
            count += checked
    print("\n".join(failures))
    print(f"{count} cases, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
