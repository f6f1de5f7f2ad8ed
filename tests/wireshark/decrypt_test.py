#!/usr/bin/python3
"""decrypt-capture must open every record it has the key of, whatever surrounds it, and no other.

Usage: decrypt_test.py TOOL-FOLDER VECTORS.json
"""
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
try:
    import packets
    from packets import Sender, data, dtls_chunk, ethernet, ipv4, ipv6, pcap, pcapng, sctp
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)

TOOLS, FOLDER = pathlib.Path(sys.argv[1]).resolve(), None
sys.path.insert(0, str(TOOLS))
FAILURES = []
SUITES = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
          0x1303: "TLS_CHACHA20_POLY1305_SHA256", 0x1304: "TLS_AES_128_CCM_SHA256"}


def check(name, got, wanted):
    if got != wanted:
        FAILURES.append(f"{name}: {got!r}, expected {wanted!r}"[:600])


def decrypt(capture, keys, code=0):
    """Runs the tool; returns ([(frame, comments)], summary, stderr)."""
    source, log, out = FOLDER / "in.pcap", FOLDER / "keys.log", FOLDER / "out.pcapng"
    source.write_bytes(capture)
    log.write_text(keys, encoding="ascii")
    out.unlink(missing_ok=True)
    run = subprocess.run([TOOLS / "decrypt-capture", source, "-k", log, "-o", out], capture_output=True, text=True,
                         check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, timeout=200)
    if run.returncode != code or "Traceback" in run.stderr:
        FAILURES.append(f"exit code {run.returncode}, expected {code}: {run.stdout} {run.stderr}")
    if run.returncode == 2:
        return [], {}, run.stderr
    return packets.read_pcapng(str(out)), json.loads(run.stdout), run.stderr


def comment(sender, number):
    return (f"decrypted DTLS chunk: epoch {sender.epoch}, {'restart' if sender.restart else 'primary'}, record "
            f"number {number}, {SUITES[sender.suite]}")


def every_record_of_an_association_opens(suite):
    """Both directions, an epoch change, then a restart and epoch 3 anew under its keys."""
    rng = random.Random(suite)
    senders = [Sender(tag, epoch, suite, rng, restart) for epoch, restart in ((3, 0), (4, 0), (5, 0), (3, 1))
               for tag in (0x11223344, 0xAABBCCDD)]
    senders += [Sender(tag, 3, suite, rng) for tag in (5, 6)]  # the association after it
    frames, plain, comments = [], [], []
    for stage in range(0, len(senders), 2):
        for number in range(30):
            for sender in senders[stage:stage + 2]:
                content = data(60, rng.randbytes(rng.randrange(1, 1200)), number)
                frames.append(ethernet(ipv4(sender.seal(content, padding=rng.choice((0, 0, 5))))))
                plain.append(ethernet(ipv4(sctp(content, tag=sender.tag))))
                comments.append(comment(sender, number))
    keys = "".join(sender.line() for sender in senders)
    got, summary, _ = decrypt(pcap(frames), "# a comment\n" + keys + keys)
    check(f"{suite:x} frames", [frame for frame, _ in got], plain)
    check(f"{suite:x} comments", [text for _, text in got], [[one] for one in comments])
    check(f"{suite:x} summary", summary, {"opened": 300, "epochs": {"3": 180, "4": 60, "5": 60}, "restart": 60,
                                          "repeated": 0, "closed": 0, "reasons": {}})
    # The same capture with keys of other associations, of the other role, and with none.
    wrong = "".join(Sender(one.tag, one.epoch, suite, rng, one.restart).line() for one in senders)
    got, summary, _ = decrypt(pcap(frames), wrong, 1)
    check(f"{suite:x} wrong keys", [frame for frame, _ in got], frames)
    check(f"{suite:x} wrong keys, counts", (summary["opened"], summary["reasons"]), (0, {"no key opens it": 300}))
    check(f"{suite:x} wrong keys, comment", {text for _, texts in got for text in texts}, {"DTLS chunk left as it is: no key opens it"})
    swapped = keys.replace(" P ", " x ").replace(" R ", " P ").replace(" x ", " R ")
    check(f"{suite:x} roles swapped", decrypt(pcap(frames), swapped, 1)[1]["opened"], 0)
    others = "".join(Sender(one.tag + 256, one.epoch, suite, rng, one.restart).line() for one in senders)
    check(f"{suite:x} other tags", decrypt(pcap(frames), others, 1)[1]["reasons"],
          {"no key for its tag, R bit and epoch": 300})


def vectors_open(vectors):
    records = vectors["records"]
    frames, keys, wanted = [], "", []
    for number, one in enumerate(records):
        tag = number + 1
        keys += (f"DTLS_CHUNK {tag:08x} {one['epoch']} {'R' if one['restart'] else 'P'} {one['suite']} {one['key']} "
                 f"{one['iv']} {one['sn_key']}\n")
        frames.append(ipv4(sctp(bytes.fromhex(one["chunk"]), tag=tag)))
        # No capture can tell a number beyond the search's range by its low 16 bits.
        found = one["seq"] < 1 << 25
        wanted.append(ipv4(sctp(bytes.fromhex(one["content"]), tag=tag)) if found else frames[-1])
    got, summary, _ = decrypt(pcap(frames, 228), keys, 1)
    check("vectors", [frame for frame, _ in got], wanted)
    check("vectors opened", summary["opened"], sum(one["seq"] < 1 << 25 for one in records))
    from dtls_record import KeyContext
    for one in records:
        context = KeyContext(one["epoch"], "primary", int(one["suite"], 16), *(
            bytes.fromhex(one[name]) for name in ("key", "iv", "sn_key")), expected=one["seq"])
        chunk = bytes.fromhex(one["chunk"])
        record = chunk[5:struct.unpack_from(">H", chunk, 2)[0]]
        check(f"vector {one['suite']} {one['seq']}", context.open(record),
              (one["seq"], 23, bytes.fromhex(one["content"])))


def numbers_are_found():
    """Reordering, gaps and a late start; two epochs with the same low bits; a record seen twice."""
    rng = random.Random(1)
    sender, same_bits = Sender(1, 3, 0x1301, rng), Sender(1, 7, 0x1301, rng)
    sender.number = (1 << 24) + 65530
    numbers, frames = [], []
    for jump in (0, 0, 0, 40000, 70000, 200000):
        sender.number += jump
        for _ in range(20):
            numbers.append(sender.number)
            frames.append(ipv4(sender.seal(data(60, b"abcd"))))
    order = list(range(len(frames)))
    for start in range(0, len(order), 10):
        part = order[start:start + 10]
        rng.shuffle(part)
        order[start:start + 10] = part
    frames = [frames[i] for i in order] + [ipv4(same_bits.seal(data(60, b"abcd")))] + [frames[order[-1]]]
    got, summary, _ = decrypt(pcap(frames, 228), same_bits.line() + sender.line())
    wanted = [comment(sender, numbers[i]) for i in order] + [comment(same_bits, 0)]
    wanted.append(comment(sender, numbers[order[-1]]) + ", seen before: a receiver drops it")
    check("numbers", [text for _, text in got], [[one] for one in wanted])
    check("repeated", summary["repeated"], 1)
    import dtls_record
    for expected, number in ((0, 0), (0, 65535), (0x1FFFF, 0x20000), (0x20005, 0x1FFF0), (0x28005, 0x30003),
                             (0x2FFFF, 0x27FFF), (0x20000, 0x28000), (0x10010, 0x0FFFF)):
        sender.number = number
        context = dtls_record.KeyContext(3, "primary", sender.suite, sender.key, sender.iv, sender.sn_key, expected)
        context.searches = 0  # the nearest must be the first guess
        opened = context.open(sender.seal(data(60, b"abcd"))[17:-3])
        check(f"{number:#x} when {expected:#x} is expected", opened and opened[0], number)


def frames_of_every_kind():
    rng = random.Random(2)
    sender = Sender(9, 3, 0x1303, rng)
    content = data(60, rng.randbytes(101))
    plain = sctp(content, tag=9)
    hop_by_hop = struct.pack(">BBHI", 132, 0, 0x0104, 0)
    sll = bytes(13) + b"\6\x08\x00"
    kinds = {  # link type, what is around the packet
        "ethernet": (1, lambda p: ethernet(ipv4(p)), b""),
        "ethernet trailer": (1, lambda p: ethernet(ipv4(p)), b"\0" * 7),
        "vlan": (1, lambda p: ethernet(ipv4(p), vlan=True), b""),
        "ipv6": (1, lambda p: ethernet(ipv6(p)), b""),
        "ipv6 options": (229, lambda p: ipv6(hop_by_hop + p, 0), b""),
        "raw": (101, ipv4, b""),
        "cooked": (113, lambda p: sll + ipv4(p), b""),
        "cooked 2": (276, lambda p: b"\x08\x00" + bytes(18) + ipv4(p), b""),
        "sctp": (248, lambda p: p, b""),
    }
    forms = {
        "pcap": pcap, "pcapng": pcapng,
        "pcap, big endian": lambda frames, link: pcap(frames, link, ">"),
        "pcap, nanoseconds": lambda frames, link: pcap(frames, link, magic=0xA1B23C4D),
        "pcapng, big endian": lambda frames, link: pcapng(frames, link, ">"),
    }
    for name, form in [(name, "pcap") for name in kinds] + [("ethernet", form) for form in forms]:
        link, around, trailer = kinds[name]
        got, _, _ = decrypt(forms[form]([around(sender.seal(content)) + trailer], link), sender.line())
        check(f"{name} in {form}", [frame for frame, _ in got], [around(plain)])
        times = [packets.fields(TOOLS, FOLDER / file, ["frame.time_epoch"]) for file in ("in.pcap", "out.pcapng")]
        check(f"time in {form}", times[0], times[1])


def what_cannot_be_opened_is_left():
    rng = random.Random(3)
    sender = Sender(9, 3, 0x1301, rng)
    good = sender.seal(data(60, b"abcd"))
    chunk = good[12:]
    forged = bytearray(good)
    forged[30] ^= 1
    cases = {
        "no key opens it": ipv4(bytes(forged)),
        "not the first and only chunk of its packet": ipv4(sctp(chunk + data(60, b"abcd"), tag=9)),
        "malformed": ipv4(sctp(dtls_chunk(b"\x3b" + chunk[6:41]), tag=9)),
        "it opens, and holds 2 octets of content type 21": ipv4(sender.seal(b"\1\0", 21)),
        "it opens, and holds 0 octets of content type 23": ipv4(sender.seal(b"")),
    }
    for reason, frame in cases.items():
        got, summary, _ = decrypt(pcap([frame], 228), sender.line(), 1)
        check(reason, got, [(frame, ["DTLS chunk left as it is: " + reason])])
        check(reason, summary["reasons"], {reason: 1})
    behind = ipv4(sctp(data(60, b"abcd") + chunk, tag=9))
    short, beyond = ipv4(sctp(dtls_chunk(chunk[5:20]), tag=9)), ipv4(sctp(dtls_chunk(chunk[5:40], length=400), tag=9))
    got, summary, _ = decrypt(pcap([behind, short, beyond], 228), sender.line(), 1)
    check("left", [frame for frame, _ in got], [behind, short, beyond])
    check("left, counts", summary["closed"], 3)
    cut = decrypt(pcap([ethernet(ipv4(good))], snap=60), sender.line(), 1)[1]
    check("cut by the capture", cut["reasons"], {"the capture cut the packet": 1})
    others = [ethernet(ipv4(good, fragment=0x2000)), ethernet(ipv4(good, protocol=17)), bytes(20), b"",
              ethernet(ipv4(sctp(data(60, b"abcd"))))]
    got, summary, _ = decrypt(pcap(others), sender.line(), 1)
    check("others", got, [(frame, []) for frame in others])
    check("others, counts", (summary["opened"], summary["closed"]), (0, 0))


def files_are_handled_well():
    sender = Sender(9, 3, 0x1301, random.Random(4))
    line, frame = sender.line(), ipv4(sender.seal(data(60, b"abcd")))
    capture = pcap([frame], 228)
    words = line.split()
    for name, text in {"no line": "x\n", "short": " ".join(words[:7]), "suite": line.replace(" 1301 ", " 1305 "),
                       "role": line.replace(" P ", " Q "), "epoch": line.replace(" 3 ", " 70000 "),
                       "key length": line.replace(words[5], words[5][:30]), "hex": line.replace(words[5], "zz" * 16),
                       "tag": line.replace("00000009", "100000009")}.items():
        error = decrypt(capture, text, 2)[2]
        check(f"key log: {name}", ("keys.log" in error, words[5][:16] in error, error.count("\n")), (True, False, 1))
    for name, octets in {"empty": b"", "text": b"hello, this is no capture", "pcap header": capture[:20],
                         "huge packet": capture[:32] + b"\xff\xff\xff\x7f" + capture[36:],
                         "pcapng block": pcapng([frame])[:28] + b"\6\0\0\0\3\0\0\0" + bytes(30)}.items():
        check(f"capture: {name}", decrypt(octets, line, 2)[2].count("\n"), 1)
    got, _, error = decrypt(pcap([frame, frame], 228)[:-5], line)
    check("a capture that ends early", (len(got), "ends within a packet" in error), (1, True))
    out = FOLDER / "out.pcapng"
    check("mode of a new file", out.stat().st_mode & 0o777, 0o600)
    out.write_bytes(b"old")
    out.chmod(0o644)
    source = FOLDER / "in.pcap"
    command = [TOOLS / "decrypt-capture", source, "-k", FOLDER / "keys.log", "-o"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([*command, out], check=False, capture_output=True, env=environment)
    check("mode of an old file", out.stat().st_mode & 0o777, 0o600)
    check("the file says what it holds", b"PLAINTEXT" in out.read_bytes()[:200], True)
    for name, arguments in {"onto itself": [*command, source],
                            "no capture": [*command[:1], "/nonexistent", *command[2:], out]}.items():
        before = source.read_bytes()
        check(name, subprocess.run(arguments, check=False, capture_output=True, env=environment).returncode, 2)
        check(name, source.read_bytes(), before)
    extra = struct.pack("<IIHH4s8sHHI", 4, 32, 1, 12, bytes(4), b"labhost", 0, 0, 32)  # a name resolution block
    got, _, _ = decrypt(pcapng([frame], 228, extra=extra), line)
    check("other blocks and comments go through", (extra in out.read_bytes(), got[0][1]),
          (True, ["mine", comment(sender, 0)]))
    row = packets.fields(TOOLS, out, [f"sctp_dtls.decrypted.{name}" for name in ("epoch", "role", "record_number")])
    check("the plugin shows it", list(row[0].values()), [["3"], ["primary"], ["0"]])


def keys_in_the_capture_are_used_and_not_copied():
    sender = Sender(9, 3, 0x1301, random.Random(6))
    frame = ipv4(sender.seal(data(60, b"abcd")))
    key = sender.line().split()[5]
    out, source = FOLDER / "out.pcapng", FOLDER / "in.pcap"
    command = [TOOLS / "decrypt-capture", source, "-o", out]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    def secrets(text, kind=0x544C534B):
        body = struct.pack("<II", kind, len(text)) + text + bytes(-len(text) % 4)
        return struct.pack("<II", 10, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    lines = f"CLIENT_RANDOM 00 11\n{sender.line()}".encode()
    for name, extra, wanted in (("keys", secrets(lines), 0), ("keys of another kind", secrets(lines, 0x57474B4C), 2),
                                ("no keys", b"", 2)):
        source.write_bytes(pcapng([frame], 228, extra=extra))
        run = subprocess.run(command, check=False, capture_output=True, env=environment)
        check(name, run.returncode, wanted)
        check(f"{name} are not copied", key.encode() in out.read_bytes(), False)
        if wanted == 0:
            check("opened by keys in the capture", json.loads(run.stdout)["opened"], 1)
    # What the gateway says of a packet captured in plain.
    text = b"plain: came in a DTLS chunk, epoch 7, restart"
    body = struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + frame + bytes(-len(frame) % 4)
    body += struct.pack("<HH", 1, len(text)) + text + bytes(-len(text) % 4) + bytes(4)
    plain = pcapng([], 228) + struct.pack("<II", 6, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    out.write_bytes(plain)
    row = packets.fields(TOOLS, out, [f"sctp_dtls.decrypted.{name}" for name in ("epoch", "role", "record_number")])
    check("the plugin shows plain packets", list(row[0].values()), [["7"], ["restart"], []])


def damaged_captures_do_no_harm():
    """Any octets: a result or a CaptureError, nothing else."""
    loader = importlib.machinery.SourceFileLoader("decrypt_capture", str(TOOLS / "decrypt-capture"))
    tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("decrypt_capture", loader))
    loader.exec_module(tool)
    rng = random.Random(5)
    sender = Sender(9, 3, 0x1301, rng)
    ring = tool.KeyRing()
    (FOLDER / "keys.log").write_text(sender.line(), encoding="ascii")
    ring.read(FOLDER / "keys.log")
    frames = [ethernet(ipv4(sender.seal(data(60, b"abcd" * 9)))), ethernet(ipv6(sender.seal(data(60, b"abcd"))), True)]
    captures = [pcap(frames), pcapng(frames), pcapng(frames, order=">"), pcap(frames, 113),
                pcap([frame[14:] for frame in frames], 101)]
    outcomes = {"read": 0, "refused": 0}
    for turn in range(2500):
        octets = bytearray(captures[turn % len(captures)])
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(octets))
            octets[at] = rng.choice((rng.randrange(256), 0, 255, octets[at] ^ 1 << rng.randrange(8)))
        if rng.random() < 0.2:
            del octets[rng.randrange(len(octets)):]
        try:
            tool.Converter(io.BytesIO(bytes(octets)), io.BytesIO(), "notice", tool.Decrypter(ring)).run()
            outcomes["read"] += 1
        except tool.CaptureError:
            outcomes["refused"] += 1
        except Exception as error:  # pylint: disable=broad-except
            FAILURES.append(f"turn {turn}: {error!r} from {bytes(octets).hex()}")
            return
    check("both outcomes happen", min(outcomes.values()) > 100, True)


def main():
    global FOLDER  # pylint: disable=global-statement
    vectors = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="ascii"))
    with tempfile.TemporaryDirectory() as folder:
        FOLDER = pathlib.Path(folder)
        for suite in SUITES:
            every_record_of_an_association_opens(suite)
        vectors_open(vectors)
        numbers_are_found()
        frames_of_every_kind()
        what_cannot_be_opened_is_left()
        files_are_handled_well()
        keys_in_the_capture_are_used_and_not_copied()
        damaged_captures_do_no_harm()
    print("\n".join(FAILURES))
    print(f"{len(FAILURES)} failures")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
