#!/usr/bin/env python3
"""Writes the seeds of this folder's fuzz targets into corpus/<target>/. Those named found-* are inputs that fuzzing has found."""
import pathlib
import struct

here = pathlib.Path(__file__).parent / "corpus"


def write(target, name, octets):
    folder = here / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def chunk(kind, value=b"", flags=0):
    octets = struct.pack(">BBH", kind, flags, 4 + len(value)) + value
    return octets + bytes(-len(octets) % 4)


def parameter(kind, value):
    octets = struct.pack(">HH", kind, 4 + len(value)) + value
    return octets + bytes(-len(octets) % 4)


header = struct.pack(">HHII", 5000, 6000, 0x01020304, 0)
init = struct.pack(">IIHHI", 0x11223344, 65536, 10, 10, 7)
management = [parameter(0x8006, struct.pack(">IB", 7, flags) + methods) for flags in (0, 1, 2, 3, 7)
              for methods in (b"\0", b"\0\xc0", b"\xc0", b"\x05")]
bodies = {
    "nothing": b"", "ecn": parameter(0x8000, b""), "asconf": parameter(0x8008, b"\xc1\x80"),
    "twice": management[0] + management[1], "long": parameter(0x8006, bytes(300)),
}
bodies.update({f"method-{number}": one for number, one in enumerate(management)})
for name, body in bodies.items():
    write("fuzz_cookie", f"init-{name}", header + chunk(1, init + body))
    write("fuzz_cookie", f"parameter-{name}", body)
for name, chunks in {
        "data": chunk(0, bytes(14), 3), "abort": chunk(6), "shutdown-ack": chunk(8), "shutdown-complete": chunk(14),
        "cookie-ack": chunk(11), "error-stale": chunk(9, struct.pack(">HHI", 3, 8, 1)), "error": chunk(9, b"\0\1\0\4"),
        "abort-later": chunk(0, bytes(14), 3) + chunk(6), "init-ack": chunk(2, init), "cookie-echo": chunk(10, bytes(40)),
        "dtls": chunk(0x41, bytes(40)),
}.items():
    write("fuzz_cookie", f"packet-{name}", header + chunks)

for cause in [*range(16), *range(100, 112)]:
    write("fuzz_cookie", f"cause-{cause}", struct.pack(">H", cause))
write("fuzz_cookie", "changed-key", bytes([0, 1, 9]))
write("fuzz_cookie", "changed-form", bytes([0, 0, 9]))
write("fuzz_cookie", "changed-mac", bytes([0, 30, 9]))

# Of two hosts: an octet of mode, then an octet for each packet (what becomes of it) and for what nobody has sent.
for mode in range(4):
    write("fuzz_host", f"quiet-{mode}", bytes([mode]) + bytes(250))
    for what in range(1, 8):
        for first in range(0, 12, 2):
            write("fuzz_host", f"mode{mode}-{what}-{first}",
                  bytes([mode]) + bytes(first) + bytes([what, 0, 24, 1, 2]) + bytes(120))
for name, chunks in {"init": chunk(1, init), "cookie-echo": chunk(10, bytes(100)), "abort": chunk(6),
                     "init-ack": chunk(2, init + parameter(7, bytes(20)))}.items():
    octets = header + chunks
    for to in range(2):
        write("fuzz_host", f"raw-{name}-{to}", b"\1" + bytes(3) + bytes([1, to, len(octets)]) + octets + bytes(60))

# What happens beside the packets: an octet for each packet of a round, then what else.
(NOTHING, RAW, AGAIN, PAUSE, ECHO, CLOSE, ABORT, ANEW, ALLOW, ELSEWHERE, NO_ROOM, GOES, COME_BACK) = range(13)
PROTECTED, LOOSE, OTHER_METHODS, UNPROTECTED, REFUSES, CROSSING, FULL, RESTART, SURVIVES = 1, 2, 4, 8, 12, 16, 32, 64, 128
TWICE = 2
for server in (0, OTHER_METHODS, UNPROTECTED, REFUSES):
    for mode in (0, PROTECTED, PROTECTED | LOOSE, PROTECTED | RESTART):
        write("fuzz_host", f"mode-{mode | server}", bytes([mode | server]) + bytes(60))
for mode in (CROSSING, CROSSING | PROTECTED, FULL, FULL | PROTECTED, SURVIVES, RESTART | OTHER_METHODS | PROTECTED | UNPROTECTED):
    write("fuzz_host", f"mode-{mode}", bytes([mode]) + bytes(60))


def raw(to, octets):
    return bytes([RAW, to, len(octets)]) + octets


def own_init(chunk_value, port=40001, tag=0):
    return struct.pack(">HHII", port, 5000, tag, 0) + chunk(1, chunk_value)


inits = {
    "good": init, "window": struct.pack(">IIHHI", 1, 100, 10, 10, 7), "no-streams": struct.pack(">IIHHI", 1, 65536, 0, 10, 7),
    "tag": struct.pack(">IIHHI", 0, 65536, 10, 10, 7), "parameters": init + b"\0\7\0\1", "managed": init + management[5],
}
for mode in (0, PROTECTED, PROTECTED | RESTART, FULL, REFUSES, SURVIVES):
    for name, value in inits.items():
        # The packets of a round come before: INIT; INIT ACK; COOKIE ECHO; COOKIE ACK.
        for port, rounds in ((40000, 0), (40000, 6), (40001, 0)):
            write("fuzz_host", f"init-{mode}-{name}-{port}-{rounds}", bytes([mode]) + bytes(2 * rounds) + b"\0" + raw(
                1, own_init(value, port)) + bytes(3) + bytes([ECHO, 0, 0]) + bytes(6) + bytes([ECHO, 0, 0]) + bytes(20))
for mode in (0, PROTECTED, PROTECTED | RESTART, CROSSING, PROTECTED | CROSSING, SURVIVES):
    for rounds in (1, 2, 8, 20):
        begin = bytes([mode]) + bytes(2 * rounds) + b"\0"
        for opened in (0, 3):
            for back in (0, 2):
                write("fuzz_host", f"echo-{mode}-{rounds}-{opened}-{back}", begin + bytes([ECHO, back, opened]) + bytes(30))
                write("fuzz_host", f"again-{mode}-{rounds}-{opened}-{back}", begin + bytes([AGAIN, back, opened]) + bytes(30))
        for name, octets in {"pause": bytes([PAUSE, 70]), "close": bytes([CLOSE]), "abort": bytes([ABORT, 0]), "abort-server": bytes(
                [ABORT, 1])}.items():
            write("fuzz_host", f"{name}-{mode}-{rounds}", begin + octets + bytes(3) + bytes([ECHO, 0, 0]) + bytes(30))
    # Two INITs, two cookies: the second comes, too.
    write("fuzz_host", f"two-cookies-{mode}", bytes([mode, TWICE, 0]) + bytes(10) + bytes([ECHO, 0, 0, 0, ECHO, 1, 0]) + bytes(30))
    write("fuzz_host", f"spent-{mode}", bytes([mode]) + bytes(10) + bytes([ABORT, 1]) + bytes(12) + bytes([ECHO, 0, 0]) + bytes(30))

# A peer that comes back: INIT, an octet for INIT ACK on its way, and the cookie under the restart keys, or in clear.
for mode in (PROTECTED | RESTART, PROTECTED | RESTART | LOOSE, PROTECTED, 0, SURVIVES):
    for rounds in (8, 12, 20):
        for opened in (0, 1, 3):
            write("fuzz_host", f"anew-{mode}-{rounds}-{opened}", bytes([mode]) + bytes(2 * rounds) + b"\0" + bytes(
                [ANEW, 1, 0, ECHO, 0, opened, 0, ALLOW, 0, ALLOW]) + bytes(30) + bytes([ANEW, 2, 0, ECHO, 0, opened]) + bytes(40))
            write("fuzz_host", f"anew-twice-{mode}-{rounds}-{opened}", bytes([mode]) + bytes(2 * rounds) + b"\0" + bytes(
                [ANEW, 1, ECHO, 0, opened, ECHO, 0, opened, ANEW, 3, ECHO, 1, opened, ECHO, 0, opened]) + bytes(40))
for mode in (0, PROTECTED, PROTECTED | RESTART, CROSSING):
    for rounds in range(5):
        begin = bytes([mode]) + bytes(2 * rounds)
        for name, octets in {"elsewhere": bytes([ELSEWHERE]), "goes": bytes([GOES]), **{
                f"no-room-{calls}": bytes([NO_ROOM, calls]) for calls in (0, 1, 2, 3, 128, 129)}}.items():
            write("fuzz_host", f"{name}-{mode}-{rounds}", begin + octets + bytes(40))
            write("fuzz_host", f"packet-{name}-{mode}-{rounds}", begin + b"\0" + octets + bytes(40))
    # Both have sent an INIT, and the client sends another one: two cookies with the server's tag, which come when its
    # client has not taken either INIT ACK (the verification tag is wrong).
    for gap in range(5):
        write("fuzz_host", f"crossing-anew-{mode}-{gap}", bytes([mode | CROSSING, 0, 0, ANEW, 1] + [4, 0, 4, 238, 1, 4, 0, 4, 238] + [ECHO, 0, 0]) + bytes(
            gap) + bytes([ECHO, 1, 0]) + bytes(40))
    write("fuzz_host", f"no-room-elsewhere-{mode}", bytes([mode, 0, NO_ROOM, 0, 0, ELSEWHERE]) + bytes(60))
for to in range(2):
    for name, chunks in {"init-ack-tag": chunk(2, bytes(4) + init[4:] + parameter(7, bytes(20))), "cookie-empty": chunk(10)}.items():
        octets = struct.pack(">HHII", 40000, 5000, 1, 0) + chunks
        write("fuzz_host", f"raw-{name}-{to}", b"\1" + bytes(3) + raw(to, octets) + bytes(60))
# Peers of one source that do not authenticate.
write("fuzz_host", "crowd", bytes([PROTECTED]) + bytes(90) + b"".join(
    raw(1, own_init(init + management[5], 40001 + peer)) + bytes([0, ECHO, 0, 0, 0]) for peer in range(7)))
# A client that comes back by itself, at once or when the server has been allowed to let it, with or without what it had.
for mode in (PROTECTED | RESTART, PROTECTED | RESTART | LOOSE, PROTECTED | RESTART | CROSSING):
    for more in (0, 1, 2, 4, 5):
        for rounds in (12, 18, 60):
            for name, then in {"": b"", "-goes": bytes([GOES]), "-closed": bytes([0, 0, CLOSE]), "-no-room": bytes(
                    [NO_ROOM, 1]), "-allowed": bytes([0, 0, 0, 0, ALLOW])}.items():
                write("fuzz_host", f"comes-back-{mode}-{more}-{rounds}{name}", bytes([mode]) + bytes(rounds) + bytes(
                    [COME_BACK, more]) + then + bytes(60))
