#!/usr/bin/env python3
"""Writes the seeds of this folder's fuzz targets into corpus/<target>/."""
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
