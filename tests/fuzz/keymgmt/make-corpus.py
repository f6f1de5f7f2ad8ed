#!/usr/bin/env python3
"""Writes the seeds of fuzz_dtls13_connection and of the session fuzzers into corpus/: steps are an octet (what, to whom), a
length in two octets, content."""
import pathlib

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_dtls13_connection"
folder.mkdir(parents=True, exist_ok=True)

(DELIVER, FLIP, INSIDE, RAW, SEALED, TIME, UPDATE, ALL, SEND, LOSE, CLOSE, FORGET, PAUSE, FAILURE,
 ANEW) = (i << 1 for i in range(15))
RELIABLE, HELLO_RETRY, SMALL, OTHER_GROUP, SLOW_UPDATES, COOKIE_KEY, ONE_SIDED, NO_UPDATES = (1 << i for i in range(8))
SERVER = 1


def step(what, content=b""):
    return bytes([what]) + len(content).to_bytes(2, "big") + content


for options in range(32):
    handshake = step(ALL) * 3
    (folder / f"handshake-{options}").write_bytes(bytes([options]) + handshake)
    updates = step(UPDATE) + step(ALL) + step(UPDATE | SERVER) + step(ALL) + step(UPDATE) + step(UPDATE | SERVER)
    (folder / f"updates-{options}").write_bytes(bytes([options]) + handshake + updates + step(ALL) * 2)
for at in range(0, 60, 4):
    one = bytes([0, at, 1])
    (folder / f"flip-{at}").write_bytes(b"\0" + step(FLIP, one) + step(ALL) + step(TIME) * 3 + step(ALL))
    (folder / f"inside-{at}").write_bytes(
        b"\0" + step(DELIVER) + step(INSIDE | SERVER, b"\0" + one) + step(ALL) * 2 + step(TIME) + step(ALL))
for content_type in range(8):
    (folder / f"sealed-{content_type}").write_bytes(
        b"\0" + step(ALL) * 3 + step(SEALED, bytes([1, content_type]) + bytes(12)))



def message(kind, body, sequence, epoch=3, length=None):
    """A handshake message in a record, from who has the keys."""
    length = len(body) if length is None else length
    return step(SEALED, bytes([epoch - 2, 2, kind]) + length.to_bytes(3, "big") + sequence.to_bytes(2, "big") + bytes(3)
                + len(body).to_bytes(3, "big") + body)


def from_server(one):
    return bytes([one[0] | SERVER]) + one[1:]


def clear(kind, content, sequence=9):
    return bytes([kind]) + bytes.fromhex("fefd0000") + sequence.to_bytes(6, "big") + len(content).to_bytes(2, "big") + content


up = step(ALL) * 3
scripts = {
    # What a server sends in its first flight, record by record, and a client in its second.
    **{f"server-{record}-{at}": b"\0" + step(DELIVER) + step(INSIDE | SERVER, bytes([record, 0, at, 1])) + step(ALL) * 2
       for record in range(6) for at in (0, 3, 5, 9, 12, 13, 15, 20, 40)},
    **{f"client-{record}-{at}": b"\0" + step(DELIVER) + step(DELIVER | SERVER) + step(INSIDE, bytes([record, 0, at, 1]))
       + step(ALL) * 2 for record in range(3) for at in (0, 3, 5, 9, 12, 13, 15, 20)},
    **{f"server-hello-{at}": b"\0" + step(DELIVER) + step(FLIP | SERVER, bytes([0, at, 1])) + step(ALL) + step(TIME)
       for at in (0, 1, 3, 13, 16, 18, 25, 27, 59, 60, 61, 62, 63, 65, 67, 69, 71, 73, 75)},
    **{f"retry-{options}-{at}": bytes([options | HELLO_RETRY]) + step(DELIVER) + step(FLIP | SERVER, bytes([0, at, 1])) + step(ALL) * 2
       for options in (0, OTHER_GROUP) for at in (25, 59, 60, 61, 63, 65, 69, 72, 75)},
    **{f"second-hello-{at}": bytes([HELLO_RETRY]) + step(DELIVER) + step(DELIVER | SERVER) + step(FLIP, bytes([0, at, 1])) + step(ALL)
       for at in (25, 27, 60, 62, 64, 66, 100, 120)},
    **{f"one-sided-{options}": bytes([options | ONE_SIDED]) + up for options in (0, RELIABLE)},
    **{f"no-updates-{side}": bytes([NO_UPDATES]) + up + step(UPDATE | side) + step(ALL) + message(
        33, b"\0\0\x1d\0\1x", 4) for side in (0, SERVER)},
    # A server that forgets, and one that has never been asked.
    **{f"forgets-{options}": bytes([options | HELLO_RETRY | COOKIE_KEY]) + step(DELIVER) + step(FORGET) + up + step(UPDATE)
       + step(ALL) for options in (0, RELIABLE, OTHER_GROUP, SMALL)},
    "forgets-late": bytes([HELLO_RETRY | COOKIE_KEY]) + step(DELIVER) + step(DELIVER | SERVER) + step(PAUSE, b"\xff") * 3
    + step(FORGET) + step(ALL) * 2,
    "cookie-changed": bytes([HELLO_RETRY | COOKIE_KEY]) + step(DELIVER) + step(FORGET) + step(DELIVER | SERVER) + step(
        FLIP, bytes([0, 150, 1])) + step(ALL),
    # Time.
    **{f"lost-{side}": b"\0" + step(DELIVER) * (side != 0) + (step(LOSE | side) + step(PAUSE, b"\xff")) * 12 + step(ALL)
       for side in (0, SERVER)},
    **{f"lost-once-{options}-{count}": bytes([options]) + (step(DELIVER) + step(DELIVER | SERVER)) * count + step(LOSE) + step(
        LOSE | SERVER) + step(TIME) * 3 + step(ALL) * 2 for options in (0, SMALL) for count in range(5)},
    "silent": bytes([RELIABLE]) + step(DELIVER) + step(PAUSE, b"\xff") * 5,
    "small-parts": bytes([SMALL]) + step(DELIVER) + (step(DELIVER | SERVER) + step(LOSE | SERVER) + step(TIME)) * 6 + up,
    "acks": bytes([SMALL]) + step(DELIVER) + step(DELIVER | SERVER) + step(LOSE | SERVER) + step(DELIVER | SERVER) + step(
        PAUSE, b"\3") * 4 + step(DELIVER) + step(ALL) * 2,
    # Updates of keys: lost, at the same time, too soon, without end.
    **{f"update-lost-{side}": b"\0" + up + step(UPDATE | side) + step(LOSE | side) + step(TIME) * 3 + step(ALL) for side in (0, SERVER)},
    **{f"update-unanswered-{side}": b"\0" + up + step(UPDATE | side) + (step(LOSE | side) + step(PAUSE, b"\x32")) * 8
       for side in (0, SERVER)},
    **{f"update-answer-lost-{side}": b"\0" + up + step(UPDATE | side) + step(DELIVER | side) + step(LOSE | (side ^ 1)) + step(
        TIME) * 4 + step(ALL) for side in (0, SERVER)},
    **{f"updates-cross-{cross}": b"\0" + up + step(UPDATE) + step(UPDATE | SERVER) + (step(DELIVER | cross) + step(
        DELIVER | (cross ^ 1))) * 6 + step(TIME) * 2 + step(ALL) * 2 for cross in (0, SERVER)},
    **{f"updates-soon-{side}": bytes([SLOW_UPDATES]) + up + (step(UPDATE | side) + step(ALL)) * 3 + step(TIME) * 4 + step(ALL)
       for side in (0, SERVER)},
    "updates-many": b"\0" + up + (step(UPDATE) + step(ALL) + step(UPDATE | SERVER) + step(ALL)) * 8,
    # The library fails: at every call of a handshake, and of updates.
    **{f"fails-{calls}": b"\0" + step(ANEW, bytes([calls])) + up for calls in range(140)},
    **{f"retry-fails-{calls}": bytes([HELLO_RETRY | OTHER_GROUP]) + step(ANEW, bytes([calls])) + up for calls in range(0, 70, 3)},
    **{f"update-fails-{calls}": b"\0" + up + step(FAILURE, bytes([calls])) + step(UPDATE) + step(ALL) + step(UPDATE | SERVER) + step(ALL)
       for calls in range(60)},
    **{f"data-fails-{side}-{calls}": b"\0" + up + step(FAILURE, bytes([calls])) + step(SEND | side, b"x") + step(ALL)
       for side in (0, SERVER) for calls in range(4)},
    # Data, and the end.
    "data": b"\0" + up + step(SEND, b"x" * 100) + step(SEND | SERVER, b"y") + step(SEND) + step(ALL) + step(CLOSE) + step(ALL)
    + step(SEND, b"late") + step(UPDATE),
    "data-early": b"\0" + step(SEND, b"x") + step(UPDATE) + step(DELIVER) + step(SEALED | SERVER, b"\0\3x") + step(ALL),
    "data-long": bytes([SMALL]) + up + step(SEND, bytes(400)) + step(ALL),
    "closed": b"\0" + step(CLOSE | SERVER) + up, "close-in-clear": b"\0" + step(RAW | SERVER, clear(21, b"\1\0")) + up,
}
update = bytes.fromhex("001d0020") + bytes(range(32))
for side in (0, SERVER):
    sent = from_server if side else bytes
    scripts.update({f"{name}-{side}": b"\0" + up + content for name, content in {
        "ticket": sent(message(4, bytes(20), 6)) + sent(message(4, bytes(20), 4)) + sent(message(4, bytes(20), 5)),
        "post-handshake": b"".join(sent(message(kind, b"", sequence)) for sequence in (4, 5, 6) for kind in (24,)),
        **{f"post-{kind}": sent(message(kind, b"", 4)) + sent(message(kind, b"", 5)) + sent(message(kind, b"", 6))
           for kind in (0, 5, 8, 11, 13, 15, 17, 20, 33)},
        **{f"update-{number}": sent(message(33, body, 4)) + sent(message(33, body, 5)) + sent(message(33, body, 6)) + step(ALL)
           for number, body in enumerate((b"\0" + update, b"\1" + update, b"\2", b"\7", b"\0" + b"\0\x17" + update[2:], b"\0"))},
        **{f"update-then-{number}": step(UPDATE | side ^ 1) + sent(message(33, body, 4)) + sent(message(33, body, 5)) + sent(
            message(33, body, 6)) + step(ALL) for number, body in enumerate((b"\0" + update, b"\0" + b"\0\x1d\0\x20" + b"\xff" * 32,
                                                                            b"\1" + update, b"\1\0\x17\0\1x", b"\2"))},
        "acks": b"".join(step(SEALED | side, b"\1\6" + len(numbers).to_bytes(2, "big") + numbers) for numbers in (
            b"", bytes(16), bytes(7) + b"\3" + bytes(8), bytes(15))),
        "alerts": step(SEALED | side, b"\1\1\1") + step(SEALED | side, b"\1\1\1\x5a") + step(SEALED | side, b"\1\1\2\x28"),
        "close": step(SEALED | side, b"\1\1\1\0") + step(SEND, b"x"), "types": step(SEALED | side, b"\1\0x"),
        "empty": step(SEALED | side, b"\1\2"), "no-type": step(SEALED | side, b"\1\7"), "cut": step(SEALED | side, b"\1\2\x0b\0"),
        "clear": b"".join(step(RAW | side, clear(kind, b"\2\x28", 9 + kind)) for kind in (20, 21, 22, 26)),
        "data-flood": step(SEALED | side, b"\1\3" + bytes(3000)) * 3,
    }.items()})
    for options in (0, RELIABLE):
        for name, octets in {
                "garbage": b"\xff" * 20, "no-keys": bytes.fromhex("2f00000020") + bytes(32), "forged": bytes.fromhex(
                    "2f00400020") + bytes(32), "alert": clear(21, b"\2\x28"), "ack": clear(26, b"\0\0"), "ccs": clear(20, b"\1"),
                "alert-long": clear(21, b"\2\x28\0"), "handshake": clear(22, b""), "fragment-cut": clear(22, b"\1\0\0"),
                "unexpected": clear(22, b"\x14\0\0\0\0\0\0\0\0\0\0\0"),
        }.items():
            scripts[f"raw-{name}-{options}-{side}-early"] = bytes([options]) + step(RAW | side, octets) + up
            scripts[f"raw-{name}-{options}-{side}-middle"] = bytes([options]) + step(DELIVER) + step(
                DELIVER | SERVER) + step(RAW | side, octets) + up
            scripts[f"raw-{name}-{options}-{side}"] = bytes([options]) + up + step(RAW | side, octets) + up
for name, octets in scripts.items():
    (folder / name).write_bytes(octets)

# Of the session fuzzers: what happens to whom, a length in two octets, content.
TO_CLIENT, NEXT, CHANGED, REKEY, NO_TURNS, TICK, LATE = 1, 2, 4, 8, 16, 32, 32 | 192
CONTROL = REKEY
(ASK_REKEY, REAUTHENTICATE, RESTART_KEYS_KEPT, PARAMETERS, ESTABLISHED, SENDER_DRY, FIRST_OPENED, CALENDAR) = range(8)
RESTARTED, NOT_ESTABLISHED, STRANGER, SAME_ROLES = 1, 2, 4, 8
OF_RESTART, NO_SEND, NOT_SELECTED, NO_RECEIVE, OF_SEALED, MANY_OCTETS = (1 << i for i in range(6))


def control(what, *more, to=0):
    return step(CONTROL | to, bytes([what, *more]))


def tick(hundreds=0, *epochs, to=0):
    """Time, and what was counted: (epoch, what, opened, used up)."""
    return step(TICK | to, bytes([hundreds]) + b"".join(bytes(one) for one in epochs))
for method in "dtls13", "tls13":
    folder = pathlib.Path(__file__).parent / "corpus" / f"fuzz_{method}_session"
    folder.mkdir(parents=True, exist_ok=True)
    exchange = (step(NEXT) + step(NEXT | TO_CLIENT)) * 4
    for restarted in range(2):
        begin = bytes([restarted])
        (folder / f"rekeys-{restarted}").write_bytes(
            begin + exchange + (step(REKEY) + exchange) * 2 + step(REKEY) + step(REKEY | TO_CLIENT) + exchange)
        (folder / f"time-{restarted}").write_bytes(
            begin + exchange + (step(TICK | LATE) + step(TICK | LATE | TO_CLIENT) + exchange) * 3)
        for at in range(4):
            (folder / f"changed-{restarted}-{at}").write_bytes(
                begin + (step(NEXT) + step(NEXT | TO_CLIENT)) * at + step(CHANGED, bytes([0, 40, 1])) + exchange
                + step(LATE | TO_CLIENT) * 3 + exchange)

    # Without what shows that the peer has the keys.
    unopened = (step(NEXT | CHANGED) + step(NEXT | CHANGED | TO_CLIENT)) * 4
    sides = 0, TO_CLIENT
    scripts = {
        "not-established": bytes([NOT_ESTABLISHED]) + control(PARAMETERS) + step(0, b"x") + control(ESTABLISHED) + step(0, b"x"),
        "not-established-sides": bytes([NOT_ESTABLISHED]) + control(ESTABLISHED) + control(ESTABLISHED, to=TO_CLIENT) + exchange,
        "not-established-asked": bytes([NOT_ESTABLISHED]) + control(ASK_REKEY) + control(REAUTHENTICATE) + tick(1),
        "asked-early": b"\0" + control(ASK_REKEY) + control(REAUTHENTICATE) + control(REAUTHENTICATE, to=TO_CLIENT) + exchange,
        "same-roles": bytes([SAME_ROLES]) + exchange, "same-roles-restarted": bytes([SAME_ROLES | RESTARTED]) + exchange,
        "stranger": bytes([STRANGER]) + exchange * 2, "stranger-restarted": bytes([STRANGER | RESTARTED]) + exchange * 2,
        "empty": b"\0" + step(0), "empty-client": b"\0" + step(TO_CLIENT),
        "flood": b"\0" + exchange + step(NO_TURNS, b"\x83x") * 200, "flood-long": b"\0" + step(NO_TURNS, b"\3" + bytes(1000)) * 4,
        "unopened": b"\0" + unopened + tick(0, (3, 0, 0, 0)) + tick(0, (3, 0, 1, 0)) + exchange,
        "counted": b"\0" + unopened + tick(0, (3, 0, 1, 0)) + tick(0, (3, 0, 1, 0), to=TO_CLIENT) + exchange,
        "late-nothing": b"\0" + tick(1) + tick(1, to=TO_CLIENT),
        "restart-keys": b"\0" + exchange + control(RESTART_KEYS_KEPT, 3, 1) + control(RESTART_KEYS_KEPT, 3, 0, to=TO_CLIENT)
        + control(ASK_REKEY) + exchange + control(RESTART_KEYS_KEPT, 4, 1) + exchange,
        "protection-early": b"\0" + step(NEXT) + step(TO_CLIENT, b"\x83\2") + step(TO_CLIENT, b"\x83\1"),
        "protection-late": b"\0" + exchange + step(0, b"\x83\2") + step(TO_CLIENT, b"\x83\1"),
        "protection-never": b"\0" + step(NEXT) + step(NEXT | TO_CLIENT) + tick(1) + tick(1, to=TO_CLIENT),
        "protection-unprotected": b"\0" + unopened,
        **{f"late-forged-{to}-{count}": b"\0" + unopened[:6 * count] + tick(1, (3, 0, 0, 9), to=to) for to in sides for count in range(4)},
        **{f"late-{to}-{count}": b"\0" + unopened[:3 * count] + tick(1, (3, 0, 0, 0), to=to) for to in sides for count in range(8)},
        **{f"message-{number}": b"\0" + exchange + step(number % 2, octets) for number, octets in enumerate(
            (b"\5x", b"\5x", b"\x83\x16\3\3\0\1x", b"\x83\x16\3\3\0\1x", b"\x04\x16\3\3\0\1\1", b"\x04\x16\3\3\0\1\1"))},
        **{f"strays-{to}-{count}": b"\0" + exchange[:6 * count] + step(to, b"\x03\x17\3\3\0\1x") * 40 + step(
            to, b"\x17\3\3\0\1x") * 20 for to in sides for count in (0, 1, 4)},
        **{f"dribble-{to}": b"\0" + step(NEXT) * (to != 0) + step(to, b"\x16\xfe\xfd\0\0\0\0\0\0\0\1\0\1x") * 80 for to in sides},
        **{f"hellos-{count}": b"\0" + exchange[:6 * count] + step(0, b"\x03\x16\3\3\0\4\1\0\0\0") * 3 for count in (0, 1, 2, 4)},
    }
    for to in sides:
        for restarted in (0, RESTARTED):
            begin = bytes([restarted]) + (b"" if restarted else exchange)
            scripts.update({f"{name}-{to}-{restarted}": begin + octets for name, octets in {
                "used-up": tick(0, (3, OF_SEALED, 1, 255), to=to), "forged": tick(0, (3, 0, 1, 255), to=to),
                "half-used": tick(0, (3, OF_SEALED, 1, 200), to=to) + exchange * 2, "half-forged": tick(0, (3, 0, 1, 200), to=to) + exchange,
                "octets": tick(0, (3, MANY_OCTETS, 255, 0), to=to) + exchange, "age": tick(37, to=to) + exchange * 2,
                "old": tick(145, to=to), "no-answer": tick(37, to=to) + (tick(1, to=to)) * 5,
                "expired": control(CALENDAR, 255) * 3 + tick(0, to=to) + exchange, "asked": control(REAUTHENTICATE, to=to) + exchange * 2,
                "asked-twice": control(REAUTHENTICATE, to=to) * 2 + control(ASK_REKEY, to=to) * 2 + exchange * 2,
                "drain": (control(ASK_REKEY, to=to) + exchange * 2) * 2 + tick(0, (5, 0, 1, 0), to=to) + tick(2, to=to) + tick(4, to=to),
                "unanswered": control(ASK_REKEY, to=to) + step(NEXT | to) + tick(1, to=to) + tick(1, to=to) + exchange,
                "long-time": (tick(9, to=to) + tick(9, to=to ^ 1) + exchange) * 5, "crossed": control(ASK_REKEY) + control(
                    ASK_REKEY, to=TO_CLIENT) + step(NEXT | to) + step(NEXT | to ^ 1) + exchange * 2,
            }.items()})
    for name, octets in scripts.items():
        (folder / name).write_bytes(octets)
    # The certificates of the test last 30 days.
    for quarters in (1, 60, 115, 117, 118, 119, 120, 121, 255):
        (folder / f"expiry-{quarters}").write_bytes(b"\0" + exchange + control(CALENDAR, quarters) + tick(0) + tick(
            0, to=TO_CLIENT) + exchange * 2)

# Of the exported authenticators: a kind, then changes or octets.
folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_authenticator"
folder.mkdir(parents=True, exist_ok=True)


def tls_message(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


CERTIFICATE, REQUEST, VERIFY, CLIENT_REQUEST, FINISHED = 11, 13, 15, 17, 20
context = bytes([0, 0, 0, 0, 0, 0, 0, 3]) + bytes(16)
schemes = bytes.fromhex("000d000a0008040308070805080a")
for number, extensions in enumerate([schemes, b"", bytes.fromhex("000d000400020001"), schemes + schemes,
                                     bytes.fromhex("002f0000") + schemes]):
    body = bytes([len(context)]) + context + len(extensions).to_bytes(2, "big") + extensions
    for kind in (REQUEST, CLIENT_REQUEST):
        request = tls_message(kind, body)
        (folder / f"request-{kind}-{number}").write_bytes(b"\0" + request)
        (folder / f"make-{kind}-{number}").write_bytes(b"\4" + request)
        asked = b"\1" + request
        (folder / f"asked-{kind}-{number}").write_bytes(
            b"\5" + b"".join(bytes([asking]) + len(asked).to_bytes(2, "big") + asked for asking in (0, 0)))
authenticator = tls_message(CERTIFICATE, bytes([10, 0, 0, 0, 0, 0, 0, 0, 3, 9, 9, 0, 0, 0])) + tls_message(
    VERIFY, bytes.fromhex("04030002aabb"))
(folder / "raw").write_bytes(b"\1" + authenticator + tls_message(FINISHED, bytes(32)))
(folder / "finished-anew").write_bytes(b"\4" + authenticator)
for kind in (2, 3):
    (folder / f"unchanged-{kind}").write_bytes(bytes([kind]))
    for at in list(range(0, 40, 3)) + list(range(400, 700, 23)):
        (folder / f"changed-{kind}-{at}").write_bytes(bytes([kind]) + at.to_bytes(2, "big") + b"\1")
for kind in (1, 2, 3, 9):
    for asking in (0, 1):
        told = bytes([kind]) + authenticator + tls_message(FINISHED, bytes(32))
        (folder / f"told-{kind}-{asking}").write_bytes(b"\5" + bytes([asking]) + len(told).to_bytes(2, "big") + told)
for what in range(64):
    (folder / f"both-{what}").write_bytes(bytes([6, what]))
for calls in range(48):
    (folder / f"both-fail-{calls}").write_bytes(bytes([6, 3, calls]))
(folder / "told-finished").write_bytes(b"\5\1\0\x25\3" + tls_message(FINISHED, bytes(32)))

# Of method 192: messages whole and broken.
folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_tls13_message"
folder.mkdir(parents=True, exist_ok=True)
record = bytes.fromhex("160303000401000000")
for name, octets in {
        "hello": b"\4" + record, "two": b"\4" + record + bytes.fromhex("17030300020102"), "established": b"\x84\1",
        "control": b"\x84\2", "control-data": b"\x84\1\0", "empty": b"", "cut": b"\4" + record[:7], "header": b"\4\x16\3",
        "version": bytes.fromhex("0416020300020102"), "none": bytes.fromhex("041603030000"),
        "long": bytes.fromhex("04160303ffff00"),
}.items():
    (folder / name).write_bytes(octets)

# Of the parsers: an octet that chooses, then what is parsed (RFC 9147, RFC 8446).
folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_dtls13_parsers"
folder.mkdir(parents=True, exist_ok=True)
RECORDS, FRAGMENTS, HELLOS, MESSAGES, COOKIES, SEALED_RECORDS = range(6)
EPOCHS = 6  # of fragments: they come in more than one


def vector(width, octets):
    return len(octets).to_bytes(width, "big") + octets


def extension(kind, octets):
    return kind.to_bytes(2, "big") + vector(2, octets)


def fragment(kind, body, sequence=0, offset=0, length=None):
    length = len(body) - offset if length is None else length
    return bytes([kind]) + len(body).to_bytes(3, "big") + sequence.to_bytes(2, "big") + offset.to_bytes(
        3, "big") + length.to_bytes(3, "big") + body[offset:offset + length]


share = bytes.fromhex("001d") + vector(2, bytes(range(32)))
client_extensions = [
    extension(43, bytes.fromhex("02fefc")), extension(10, bytes.fromhex("0004001d0017")), extension(51, vector(2, share)),
    extension(13, bytes.fromhex("000408040403")),
]
optional = [extension(44, vector(2, bytes(20))), extension(0, b""), extension(50, bytes.fromhex("00020403"))]


def client_hello(extensions):
    return bytes.fromhex("fefd") + bytes(32) + b"\0\0" + vector(2, bytes.fromhex("13011302")) + b"\1\0" + vector(
        2, b"".join(extensions))


def server_hello(extensions, random=bytes(32)):
    return bytes.fromhex("fefd") + random + b"\0" + bytes.fromhex("1301") + b"\0" + vector(2, b"".join(extensions))


retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
version = extension(43, bytes.fromhex("fefc"))
hellos = {
    "client": client_hello(client_extensions), "client-more": client_hello(client_extensions + optional),
    "client-nothing": client_hello([]), "client-cut": client_hello(client_extensions)[:70],
    "client-twice": client_hello(client_extensions * 2),
    "server": server_hello([version, extension(51, share)]),
    "retry": server_hello([version, extension(51, b"\0\x17"), extension(44, vector(2, bytes(40)))], retry),
    "retry-plain": server_hello([version, extension(44, vector(2, bytes(40)))], retry),
    "server-group-0": server_hello([version, extension(51, b"\0\0" + share[2:])]),
    "retry-group-0": server_hello([version, extension(51, b"\0\0"), extension(44, vector(2, bytes(40)))], retry),
    "server-old": server_hello([extension(43, b"\3\3"), extension(51, share)]), "server-nothing": server_hello([]),
}
for number in range(len(client_extensions)):
    hellos[f"client-without-{number}"] = client_hello(client_extensions[:number] + client_extensions[number + 1:])
# One fault each.
for number, (at, wrong) in enumerate([
    (0, b"\2\xfe\xfd"), (0, b"\3\xfe\xfc\0"), (0, b""), (0, b"\0"), (1, b"\0\0"), (1, b"\0\3\0\x1d\0"), (1, b"\0\2\0\x17"),
    (2, vector(2, share * 2)), (2, vector(2, share)[:-1]), (2, vector(2, b"\0\x1d\0\0")), (2, vector(2, b"\0\x1d")),
    (3, b"\0\0"), (3, b"\0\2\4"),
]):
    kind = (43, 10, 51, 13)[at]
    hellos[f"client-fault-{number}"] = client_hello(
        client_extensions[:at] + [extension(kind, wrong)] + client_extensions[at + 1:])
for number, wrong in enumerate([
    extension(44, b""), extension(44, b"\0\0"), extension(44, b"\0\2x"), extension(62, b""), extension(62, b"\0"),
    extension(62, b"\1\0"), extension(62, b"\2\1"), extension(62, b"\3\0\0\1"), extension(62, b"\2\1\0"),
    extension(41, b"psk") + extension(0, b""), b"\0", b"\0\0\0\9abc",
]):
    hellos[f"client-extension-{number}"] = client_hello(client_extensions + [wrong])
hello = client_hello(client_extensions)
hellos.update({
    "client-behind": hello + b"\0", "client-version": b"\3\3" + hello[2:], "client-old": hello[:42],
    "client-session": hello[:34] + vector(1, bytes(33)) + hello[35:], "client-legacy-cookie": hello[:35] + b"\1x" + hello[36:],
    "client-compression": hello[:42].replace(b"\1\0", b"\2\0\1") + hello[42:], "client-no-suite": hello[:36] + b"\0\0" + hello[42:],
})
answer = server_hello([version, extension(51, share)])
hellos.update({
    "server-behind": answer + b"\0", "server-version": b"\3\3" + answer[2:], "server-short": answer[:20], "server-end": answer[:38],
    "server-session": answer[:34] + b"\1x" + answer[35:], "server-suite": answer[:35] + b"\x99\x99" + answer[37:],
    "server-compression": answer[:37] + b"\1" + answer[38:], "server-cookie": server_hello(
        [version, extension(51, share), extension(44, vector(2, b"x"))]), "server-unknown": server_hello([version, extension(99, b"")]),
    "server-no-version": server_hello([extension(51, share)]), "server-no-share": server_hello([version]),
    "server-share-cut": server_hello([version, extension(51, share[:5])]), "server-share-long": server_hello(
        [version, extension(51, share + b"x")]), "server-twice": server_hello([version, version]),
    "server-extensions-cut": answer[:-3], "retry-share-long": server_hello([version, extension(51, b"\0\x17x")], retry),
    "retry-cookie-cut": server_hello([version, extension(44, b"\0\5x")], retry), "retry-groups": server_hello(
        [version, extension(10, b"")], retry),
})
for name, body in hellos.items():
    (folder / f"hello-{name}").write_bytes(bytes([HELLOS]) + body)
    # To a connection that waits for one; a second time, too.
    is_client = name.startswith("client")
    side = 0 if is_client else SERVER
    told = step(RAW | side, clear(22, fragment(1 if is_client else 2, body))) + step(
        RAW | side, clear(22, fragment(1 if is_client else 2, body, 1), 10))
    (folder.parent / "fuzz_dtls13_connection" / f"told-{name}").write_bytes(b"\0" + told + step(ALL))
entry = vector(3, bytes.fromhex("30820100")) + b"\0\0"
for name, body in {
        "extensions-none": vector(2, b""), "extensions-groups": vector(2, client_extensions[1]),
        "certificate-none": b"\0" + vector(3, b""), "certificate": b"\0" + vector(3, entry), "certificate-two": b"\1x" + vector(
            3, entry * 2), "request": b"\0" + vector(2, client_extensions[3]), "request-context": b"\4abcd" + vector(
                2, client_extensions[3]), "request-empty": b"\0\0\0", "verify": bytes.fromhex("0403") + vector(2, bytes(70)),
        "update-request": b"\0" + share, "update-response": b"\1" + share, "update-new-key": b"\2", "update-bad": b"\7",
        "update-status": b"\1\0" + share, "update-long": b"\0" + share + b"x", "update-cut": b"\0" + share[:9], "update-none": b"",
        "extensions-behind": vector(2, b"") + b"x", "extensions-cut": b"\0\5x", "extensions-share": vector(2, client_extensions[2]),
        "extensions-unknown": vector(2, extension(99, b"")), "extensions-twice": vector(2, client_extensions[1] * 2),
        "certificate-cut": b"\0\0\0\9", "certificate-empty": b"\0" + vector(3, b"\0\0\0\0\0"), "certificate-extension": b"\0" + vector(
            3, vector(3, b"\x30\0") + vector(2, extension(5, b""))), "certificate-extensions-cut": b"\0" + vector(
                3, vector(3, b"\x30\0") + b"\0\7"), "request-groups": b"\0" + vector(2, client_extensions[1]),
        "request-unknown": b"\0" + vector(2, extension(99, b"") + client_extensions[3]), "request-behind": b"\0\0\0x",
        "request-cut": b"\0\0\5", "request-schemes": b"\0" + vector(2, extension(13, b"\0\1\4")), "verify-cut": b"\4\3\0\9x",
        "verify-behind": bytes.fromhex("04030000") + b"x",
        **{f"flags-{number}": vector(2, extension(62, flags)) for number, flags in enumerate((
            b"\2\0\x10", b"\2\1\x10", b"\2\0\1", b"\1\1", b"\1\0", b"\0", b"\2\1"))},
        **{f"chain-{length}": b"\0" + vector(3, (vector(3, (folder.parent / "fuzz_peer_certificate" / "none").read_bytes())
                                                  + b"\0\0") * length) for length in (1, 2, 11)},
}.items():
    (folder / f"message-{name}").write_bytes(bytes([MESSAGES]) + body)
body = bytes(range(100))
for name, octets in {
        "whole": fragment(1, body), "parts": fragment(1, body, 0, 0, 50) + fragment(1, body, 0, 50),
        "backwards": fragment(1, body, 0, 50) + fragment(1, body, 0, 0, 50), "overlap": fragment(
            1, body, 0, 0, 60) + fragment(1, body, 0, 40), "two": fragment(1, body) + fragment(2, body, 1), "later": fragment(
                2, body, 1) + fragment(1, body), "far": fragment(1, body, 100), "differs": fragment(1, body, 0, 0, 50) + fragment(
                    2, body, 0, 50), "empty": fragment(14, b""), "big": fragment(11, bytes(3000)), "cut": fragment(1, body)[:40],
        "contradicts": fragment(1, body, 0, 0, 50) + fragment(1, bytes(100), 0, 40), "old": fragment(1, body) + fragment(1, body),
}.items():
    (folder / f"fragment-{name}").write_bytes(bytes([FRAGMENTS]) + octets)


def claimed(length, sequence, offset=0, content=b"x"):
    return b"\x0b" + length.to_bytes(3, "big") + sequence.to_bytes(2, "big") + offset.to_bytes(3, "big") + vector(3, content)


most = 32 * 1024
for name, octets in {
        "full": claimed(most, 1) + claimed(most, 2) + claimed(most, 3) + claimed(most, 0) + claimed(most, 1), "long": claimed(
            most + 1, 0), "ahead": claimed(9, 9) + claimed(9, 7), "holes": b"".join(claimed(most, 0, 2 * n) for n in range(260)),
        "nothing": claimed(9, 0, 0, b"") + claimed(9, 0), "outside": claimed(9, 0, 10), "too-much": claimed(9, 0, 5, bytes(5)),
}.items():
    (folder / f"fragment-{name}").write_bytes(bytes([FRAGMENTS]) + octets)
(folder / "fragment-epochs").write_bytes(bytes([FRAGMENTS + EPOCHS]) + b"".join(claimed(9, 0, n) for n in range(9)))
for name, octets in {
        "plain": bytes.fromhex("16fefd0000000000000000") + vector(2, fragment(1, body)), "alert": bytes.fromhex(
            "15fefd00000000000000010002022a"), "unified": bytes.fromhex("2f00010020") + bytes(32), "short": bytes.fromhex(
                "2b0001") + bytes(40), "tiny": bytes.fromhex("2301") + bytes(30), "cid": bytes.fromhex("3f00010020") + bytes(40),
        "other-type": bytes.fromhex("19fefd00000000000000000000"), "version": bytes.fromhex("1603030000000000000000") + vector(2, b"x"),
        "clear-epoch": bytes.fromhex("16fefd0001000000000000") + vector(2, b"x"), "length": bytes.fromhex("2f000100"),
        "cut": bytes.fromhex("2f00010020") + bytes(10), "ack": bytes.fromhex("1afefd00000000000000020012") + vector(
            2, bytes(16)), "other": bytes.fromhex("17fefd00000000000000000000"), "two": bytes.fromhex(
                "16fefd00000000000000000001002f00010014") + bytes(20),
}.items():
    (folder / f"record-{name}").write_bytes(bytes([RECORDS]) + octets)
for name, octets in {"ack": vector(2, bytes(48)), "ack-odd": vector(2, bytes(15)), "cookie": bytes(90), "short": bytes(10),
                     "ack-many": vector(2, bytes(16 * 70)), "changed": bytes([3, 1]), "changed-mac": bytes([60, 1]),
                     "unchanged": b"x"}.items():
    (folder / f"cookie-{name}").write_bytes(bytes([COOKIES]) + octets)
ARRIVES, TWICE, CHANGED, KEYS_GO = range(0, 16, 4)
for name, records in {
        "arrive": [(fate, epoch, b"\x17content") for epoch in range(4) for fate in (ARRIVES, TWICE, CHANGED)],
        "types": [(ARRIVES, 1, bytes([kind]) + body) for kind in (0, 21, 22, 26, 99) for body in (b"", b"\0\0\0", b"x\0")],
        "acks": [(ARRIVES, 1, b"\x1a" + vector(2, bytes(n))) for n in (0, 16, 15)],
        "keys-go": [(fate, epoch, b"\x17x") for epoch in range(3) for fate in (ARRIVES, KEYS_GO, ARRIVES, TWICE)],
}.items():
    (folder / f"sealed-{name}").write_bytes(
        bytes([SEALED_RECORDS]) + b"".join(step(fate | epoch, content) for fate, epoch, content in records))

# Certificates with names of every kind, when python3-cryptography is there; kept in the corpus.
try:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError:
    raise SystemExit("no python3-cryptography: the certificates stay as they are")
folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_peer_certificate"
folder.mkdir(parents=True, exist_ok=True)
key = ec.derive_private_key(7, ec.SECP256R1())
day = datetime.datetime(2026, 1, 1)


def name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


for file, names in {
        "dns": [x509.DNSName("a.example"), x509.DNSName("*.b.example")],
        "uri": [x509.UniformResourceIdentifier(u) for u in (
            "sip:a.example", "sip://user@a.example:5061/x", "urn:nf:1", "nothing", "http://a.example")],
        "ip": [x509.IPAddress(ipaddress.ip_address(a)) for a in ("10.0.0.1", "fd00::1")],
        "other": [x509.RFC822Name("a@b.example"), x509.DirectoryName(name("x")), x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))],
        "uri-user": [x509.UniformResourceIdentifier(u) for u in ("SIP://user@A.example:5061/x", "https://b.EXAMPLE/y", "urn:nf:2")],
        "uri-plain": [x509.UniformResourceIdentifier(u) for u in ("sips:a.example", ":a.example", "sip:nowhere", "https:b.example")],
        "many": [x509.DNSName(f"n{i}.example") for i in range(40)], "none": [],
        "long": [x509.DNSName("a" * 60 + ".example." + "b" * 60), x509.UniformResourceIdentifier("urn:" + "c" * 400)],
}.items():
    if (folder / file).exists():
        continue  # a signature is another each time
    builder = x509.CertificateBuilder().subject_name(name("gateway, \u00e4+=")).issuer_name(name("ca")).serial_number(
        5).not_valid_before(day).not_valid_after(day + datetime.timedelta(days=9000)).public_key(key.public_key())
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    made = builder.sign(key, hashes.SHA256())
    (folder / file).write_bytes(made.public_bytes(serialization.Encoding.DER))
for number, text in enumerate(["dns:a.example", "dns:*.example", "dns:", "uri:urn:x", "uri:x", "ip:10.0.0.1", "ip:x", "x",
                               "dns:a..b", "uri:sip://a.example", "any", "ip:fd00::1", "dns:" + "a" * 1100]):
    (folder / f"text-{number}").write_bytes(text.encode())
