#!/usr/bin/env python3
"""Replays a captured DTLS 1.3 connection (RFC 9147, extended key update, RFC 9261) from its key log,
and refuses it when one octet is not what it must be.

    oracle.py CAPTURE KEY_LOG [--lossy]

CAPTURE has the lines of capture.cpp, or of dtls13-peer --capture. KEY_LOG is an SSLKEYLOGFILE with
ECDHE_SECRET and ECDHE_SECRET_n: every other secret is computed from these and the transcript, and
what the log says must be the same. --lossy: datagrams may be missing, repeated and late, and the
other end may be another implementation (its clear records may name other versions). A datagram's
line may end in "lost": it was sent, and thrown away.
"""
import json
import struct
import sys

from primitives import RecordKeys, Suite, Wrong, require, verify_signature

CLIENT, SERVER = "client", "server"
OTHER = {CLIENT: SERVER, SERVER: CLIENT}
ALERT, HANDSHAKE, DATA, ACK = 21, 22, 23, 26
(CLIENT_HELLO, SERVER_HELLO, TICKET, ENCRYPTED_EXTENSIONS, CERTIFICATE, CERTIFICATE_REQUEST,
 CERTIFICATE_VERIFY, CLIENT_CERTIFICATE_REQUEST, FINISHED, KEY_UPDATE) = (
     1, 2, 4, 8, 11, 13, 15, 17, 20, 32)
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
GROUPS = {0x17: "secp256r1", 0x18: "secp384r1", 0x1d: "x25519"}


class Reader:
    """Takes a message apart; what does not fit is Wrong."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        require(self.at + length <= len(self.data), "a message that ends too early")
        self.at += length
        return self.data[self.at - length:self.at]

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def vector(self, length):
        return self.take(self.number(length))

    def left(self):
        return len(self.data) - self.at

    def end(self):
        require(self.left() == 0, "a message with octets behind its end")


def tls_message(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def parse_hello(body, from_server):
    """random, suite (server's), extensions."""
    reader = Reader(body)
    require(reader.number(2) == 0xfefd, "legacy_version")
    random = reader.take(32)
    require(len(reader.vector(1)) <= 32, "legacy_session_id")
    suite = None
    if from_server:
        suite = reader.number(2)
        require(reader.number(1) == 0, "legacy_compression_method")
    else:
        require(reader.vector(1) == b"", "legacy_cookie")
        reader.vector(2)
        require(reader.vector(1) == b"\0", "legacy_compression_methods")
    extensions, inner = {}, Reader(reader.vector(2))
    reader.end()
    while inner.left():
        kind = inner.number(2)
        require(kind not in extensions, "an extension twice")
        extensions[kind] = inner.vector(2)
    return random, suite, extensions


class Sender:
    """What one side has sent: its record keys, and its handshake messages put together."""

    def __init__(self):
        self.keys = {}        # by epoch
        self.seen = set()     # (epoch, sequence)
        self.next_clear = 0
        self.newest = 0       # epoch it may send in
        self.fragments = {}   # message_seq -> (type, length, {offset: octet})
        self.next_message = 0
        self.messages = []    # by message_seq: type, length, body


class Replay:
    def __init__(self, key_log, lossy):
        self.lossy = lossy
        self.log = [line.split() for line in key_log.splitlines()]
        require(self.log and all(len(line) == 3 for line in self.log), "the key log's form")
        self.sides = {CLIENT: Sender(), SERVER: Sender()}
        self.suite = None
        self.transcript = b""
        self.expected = [(CLIENT, CLIENT_HELLO)]
        self.computed = {}
        self.exporters = {}
        self.epoch = 3
        self.peer_certificate = {}
        self.update = None            # (initiator, share, message) of the request that counts
        self.to_finish = None         # initiator that owes a new_key_update
        self.to_move = None           # the initiator, until the responder has acknowledged it
        self.asked = {}               # open authenticator requests, by who has asked
        self.done = {"hello_retry": False, "updates": 0, "authenticators": 0, "refusals": 0,
                     "exports": 0, "data": 0, "acks": 0, "finished": 0,
                     "unopened": 0}

    # -- secrets

    def logged(self, label):
        values = {bytes.fromhex(line[2]) for line in self.log if line[0] == label}
        require(len(values) == 1, f"{label} is not in the key log once, or differs")
        return values.pop()

    def remember(self, label, secret):
        require(self.logged(label) == secret, f"{label} of the key log is not what follows")
        self.computed[label] = secret

    def shared_secret(self, label):
        self.computed[label] = self.logged(label)
        return self.computed[label]

    def hash(self):
        return self.suite.digest(self.transcript)

    def install(self, epoch, secrets):
        for side, secret in secrets.items():
            self.sides[side].keys[epoch] = RecordKeys(self.suite, secret)

    def enter_handshake(self):
        suite = self.suite
        early = suite.extract(b"", bytes(suite.hash.digest_size))
        secret = suite.extract(suite.derived(early), self.shared_secret("ECDHE_SECRET"))
        self.handshake = {CLIENT: suite.derive(secret, "c hs traffic", self.hash()),
                          SERVER: suite.derive(secret, "s hs traffic", self.hash())}
        self.remember("CLIENT_HANDSHAKE_TRAFFIC_SECRET", self.handshake[CLIENT])
        self.remember("SERVER_HANDSHAKE_TRAFFIC_SECRET", self.handshake[SERVER])
        self.main = suite.extract(suite.derived(secret), bytes(suite.hash.digest_size))
        self.install(2, self.handshake)
        for side in self.sides.values():
            side.newest = 2

    def traffic_secrets(self, transcript_hash, generation):
        out = {}
        for side, label in ((CLIENT, "c ap traffic"), (SERVER, "s ap traffic")):
            out[side] = self.suite.derive(self.main, label, transcript_hash)
            self.remember(f"{side.upper()}_TRAFFIC_SECRET_{generation}", out[side])
        return out

    def enter_application(self):
        self.install(3, self.traffic_secrets(self.hash(), 0))
        self.exporters[0] = self.suite.derive(self.main, "exp master", self.hash())
        self.remember("EXPORTER_SECRET", self.exporters[0])
        self.exporters[3] = self.suite.derive(self.main, "exporter eku", self.hash())

    def next_epoch(self, request, response):
        generation = self.done["updates"] + 1
        self.update_hash = self.suite.digest(self.update_hash + request + response)
        self.main = self.suite.extract(self.suite.derived(self.main),
                                       self.shared_secret(f"ECDHE_SECRET_{generation}"))
        self.install(3 + generation, self.traffic_secrets(self.update_hash, generation))
        secret = self.suite.derive(self.main, "exp master", self.update_hash)
        self.remember(f"EXPORTER_SECRET_{generation}", secret)
        self.exporters[3 + generation] = secret
        self.done["updates"] = generation
        self.epoch = 3 + generation

    # -- records

    def datagram(self, sender, data):
        require(data, "an empty datagram")
        while data:
            data = (self.protected if data[0] & 0xe0 == 0x20 else self.clear)(sender, data)

    def clear(self, sender, data):
        side, reader = self.sides[sender], Reader(data)
        kind, version = reader.number(1), reader.number(2)
        require(version == 0xfefd or (self.lossy and version == 0xfeff), "legacy_record_version")
        require(reader.number(2) == 0, "a clear record outside of epoch 0")
        sequence = reader.number(6)
        if not self.lossy:
            require(sequence == side.next_clear, "the number of a clear record")
        side.next_clear = sequence + 1
        content = reader.vector(2)
        self.content(sender, (0, sequence), kind, content)
        return data[reader.at:]

    def protected(self, sender, data):
        side = self.sides[sender]
        require(not data[0] & 0x10, "a connection ID")
        length = 1 + (2 if data[0] & 0x08 else 1)
        if data[0] & 0x04:
            length += 2
            size = struct.unpack_from("!H", data, length - 2)[0] if len(data) >= length else 0
        else:
            size = len(data) - length
        header, body = data[:length], data[length:length + size]
        require(len(body) == size and size > 0, "a record that does not fit its datagram")
        epochs = [epoch for epoch in sorted(side.keys, reverse=True)
                  if epoch & 3 == data[0] & 3 and (epoch <= side.newest or self.lossy)]
        if not epochs and self.lossy:  # it has overtaken what would give them
            self.done["unopened"] += 1
            return data[length + size:]
        require(epochs, "a record of an epoch without keys")
        epoch = epochs[0]
        sequence, kind, content = side.keys[epoch].open(header, body)
        if not self.lossy:
            require(sequence == side.keys[epoch].next, "the number of a record")
        side.keys[epoch].next = max(side.keys[epoch].next, sequence + 1)
        self.content(sender, (epoch, sequence), kind, content)
        return data[length + size:]

    def content(self, sender, number, kind, content):
        epoch, seen = number[0], self.sides[sender].seen
        if number in seen:
            require(self.lossy, "a record number twice")
            return
        seen.add(number)
        if kind == HANDSHAKE:
            self.handshake_record(sender, epoch, content)
        elif kind == ACK:
            self.ack(sender, content)
        elif kind == DATA:
            require(epoch >= 3, "application data before its epoch")
            self.data(sender, epoch, content)
        else:
            require(kind == ALERT and len(content) == 2, f"content type {kind}")

    def ack(self, sender, content):
        reader = Reader(content)
        numbers = Reader(reader.vector(2))
        reader.end()
        while numbers.left():
            number = (numbers.number(8), numbers.number(8))
            require(number in self.sides[OTHER[sender]].seen, f"an ACK of {number}, never sent")
        self.done["acks"] += 1
        if self.to_move == OTHER[sender]:
            self.sides[self.to_move].newest = self.epoch
            self.to_move = None

    def handshake_record(self, sender, epoch, content):
        side, reader = self.sides[sender], Reader(content)
        require(content, "an empty handshake record")
        while reader.left():
            kind, length, seq = reader.number(1), reader.number(3), reader.number(2)
            offset, size = reader.number(3), reader.number(3)
            piece = reader.take(size)
            require(offset + size <= length, "a fragment beyond its message")
            if seq < side.next_message:  # sent again: a lost request stays in its flight
                require(side.messages[seq][:2] == (kind, length) and
                        side.messages[seq][2][offset:offset + size] == piece,
                        "another message under the same number")
                continue
            known = side.fragments.setdefault(seq, (kind, length, {}))
            require(known[:2] == (kind, length), "fragments that contradict each other")
            require(self.lossy or offset == len(known[2]), "a fragment out of turn")
            known[2].update(zip(range(offset, offset + size), piece))
        while side.next_message in side.fragments:
            kind, length, octets = side.fragments[side.next_message]
            if len(octets) != length:
                break
            del side.fragments[side.next_message]
            body = bytes(octets[i] for i in range(length))
            side.messages.append((kind, length, body))
            side.next_message += 1
            self.message(sender, epoch, kind, body)

    # -- handshake

    def message(self, sender, epoch, kind, body):
        if not self.expected:
            require(epoch >= 3, "a message of the handshake after it")
            return self.post_handshake(sender, kind, body)
        require((sender, kind) in self.expected, f"message {kind} of the {sender} out of turn")
        require(epoch == (0 if kind in (CLIENT_HELLO, SERVER_HELLO) else 2), "a message's epoch")
        before = self.transcript
        self.transcript += tls_message(kind, body)
        {CLIENT_HELLO: self.client_hello, SERVER_HELLO: self.server_hello,
         ENCRYPTED_EXTENSIONS: self.encrypted_extensions,
         CERTIFICATE_REQUEST: self.certificate_request, CERTIFICATE: self.certificate,
         CERTIFICATE_VERIFY: self.certificate_verify,
         FINISHED: self.finished}[kind](sender, body, before)
        return None

    def client_hello(self, _sender, body, _before):
        random, _, extensions = parse_hello(body, False)
        require(all(bytes.fromhex(line[1]) == random for line in self.log), "client random")
        self.client_random = random
        self.offered = extensions
        if self.done["hello_retry"]:
            require(extensions.get(44) == self.retry.get(44), "the cookie does not come back")
        self.expected = [(SERVER, SERVER_HELLO)]

    def server_hello(self, _sender, body, before):
        random, suite, extensions = parse_hello(body, True)
        require(extensions.get(43) == b"\xfe\xfc", "supported_versions")
        require(self.suite is None or self.suite.number == suite, "another suite after a retry")
        self.suite = Suite(suite)
        if random == RETRY:
            require(not self.done["hello_retry"], "a second HelloRetryRequest")
            self.done["hello_retry"] = True
            self.retry = extensions
            # RFC 8446, section 4.4.1: message_hash in the place of the first ClientHello.
            self.transcript = (tls_message(254, self.suite.digest(before)) +
                               tls_message(SERVER_HELLO, body))
            self.expected = [(CLIENT, CLIENT_HELLO)]
            return
        share = Reader(extensions[51])
        self.group = share.number(2)
        share.vector(2)
        share.end()
        self.enter_handshake()
        self.expected = [(SERVER, ENCRYPTED_EXTENSIONS)]

    def encrypted_extensions(self, _sender, _body, _before):
        self.expected = [(SERVER, CERTIFICATE_REQUEST), (SERVER, CERTIFICATE)]
        self.mutual = False

    def certificate_request(self, _sender, _body, _before):
        self.mutual = True
        self.expected = [(SERVER, CERTIFICATE)]

    def certificate(self, sender, body, _before):
        context, self.peer_certificate[sender] = leaf_of(body)
        require(context == b"", "certificate_request_context in the handshake")
        require(self.peer_certificate[sender], "an empty Certificate")
        self.expected = [(sender, CERTIFICATE_VERIFY)]

    def certificate_verify(self, sender, body, before):
        scheme, signature = signature_of(body)
        verify_signature(self.peer_certificate[sender], scheme,
                         f"TLS 1.3, {sender} CertificateVerify", self.suite.digest(before),
                         signature)
        self.expected = [(sender, FINISHED)]

    def finished(self, sender, body, before):
        expected = self.suite.finished(self.handshake[sender], self.suite.digest(before))
        require(body == expected, f"Finished of the {sender}")
        self.done["finished"] += 1
        if sender == SERVER:
            self.enter_application()
            self.sides[SERVER].newest = 3
            self.expected = [(CLIENT, CERTIFICATE if self.mutual else FINISHED)]
        else:
            self.update_hash = self.hash()
            self.sides[CLIENT].newest = 3
            self.expected = []

    # -- after the handshake

    def post_handshake(self, sender, kind, body):
        if kind == TICKET and sender == SERVER:
            return
        require(kind == KEY_UPDATE, f"message {kind} after the handshake")
        reader = Reader(body)
        step = reader.number(1)
        message, share = tls_message(kind, body), b""
        if step < 2:
            require(reader.number(2) == self.group, "an update in another group")
            share = reader.vector(2)
        reader.end()
        if step == 0:
            self.request(sender, share, message)
        elif step == 1:
            require(self.update and self.update[0] == OTHER[sender], "a response to nothing")
            request, self.update = self.update[2], None
            self.next_epoch(request, message)
            self.to_finish = OTHER[sender]
        else:
            require(step == 2 and self.to_finish == sender, "new_key_update out of turn")
            self.sides[OTHER[sender]].newest = self.epoch
            self.to_finish, self.to_move = None, sender

    def request(self, sender, share, message):
        if self.to_move:  # a request under the new epoch stands for its ACK
            self.sides[self.to_move].newest, self.to_move = self.epoch, None
        require(self.to_finish is None, "a request in the middle of an update")
        if self.update:
            require(self.update[0] != sender and self.update[1] != share, "a request twice")
            if share < self.update[1]:
                return  # the lower one has lost
        self.update = (sender, share, message)

    def export(self, epoch, label, context, length):
        require(epoch in self.exporters, f"no exporter of epoch {epoch}")
        return self.suite.export(self.exporters[epoch], label, context, length)

    def data(self, sender, epoch, content):
        kind = content[0] if content else 0
        if kind == 1:
            reader = Reader(content[1:])
            expected = CERTIFICATE_REQUEST if sender == SERVER else CLIENT_CERTIFICATE_REQUEST
            require(reader.number(1) == expected, "a request of the wrong type")
            context = Reader(Reader(reader.vector(3)).vector(1))
            reader.end()
            require(context.number(8) == epoch and context.left() == 16, "a request's context")
            require(sender not in self.asked, "two requests at once")
            self.asked[sender] = content[1:]
        elif kind in (2, 3):
            request = self.asked.pop(OTHER[sender], None)
            require(request is not None, "an authenticator that nobody has asked for")
            self.authenticator(sender, epoch, request, content[1:], kind == 3)
        else:
            self.done["data"] += 1

    def authenticator(self, sender, epoch, request, octets, is_refusal):
        length = self.suite.hash.digest_size
        context = self.export(epoch, f"EXPORTER-{sender} authenticator handshake context", b"",
                              length)
        key = self.export(epoch, f"EXPORTER-{sender} authenticator finished key", b"", length)
        asked = Reader(request[4:]).vector(1)
        reader, before = Reader(octets), context + request
        if is_refusal:
            before += tls_message(CERTIFICATE, bytes([len(asked)]) + asked + bytes(3))
        else:
            require(reader.number(1) == CERTIFICATE, "an authenticator without Certificate")
            body = reader.vector(3)
            answered, leaf = leaf_of(body)
            require(answered == asked, "an authenticator of another request")
            require(leaf == self.peer_certificate[sender], "another identity")
            before += tls_message(CERTIFICATE, body)
            require(reader.number(1) == CERTIFICATE_VERIFY, "an authenticator not signed")
            body = reader.vector(3)
            scheme, signature = signature_of(body)
            verify_signature(leaf, scheme, "Exported Authenticator", self.suite.digest(before),
                             signature)
            before += tls_message(CERTIFICATE_VERIFY, body)
        require(reader.number(1) == FINISHED, "an authenticator without Finished")
        require(reader.vector(3) == self.suite.mac(key, self.suite.digest(before)),
                "an authenticator's Finished")
        reader.end()
        self.done["refusals" if is_refusal else "authenticators"] += 1

    # -- the whole

    def line(self, words):
        if words[0] in OTHER:
            require(len(words) == 2 or (self.lossy and words[2:] == ["lost"]),
                    "the form of a datagram's line")
            self.datagram(words[0], bytes.fromhex(words[1]))
        else:
            require(words[0] == "export" and len(words) == 6, "the capture's form")
            label, context, value = (bytes.fromhex(word.replace("-", "")) for word in words[3:])
            require(value == self.export(int(words[2]), label.decode(), context, len(value)),
                    "an exported value")
            self.done["exports"] += 1

    def end(self):
        require(not self.expected, "the handshake does not end")
        require(not self.update and not self.to_finish, "an update does not end")
        for label, _, _ in self.log:
            require(label in self.computed, f"{label} of the key log belongs to nothing")
        return dict(self.done, suite=f"{self.suite.number:04x}", group=GROUPS[self.group],
                    mutual=self.mutual)


def leaf_of(body):
    """certificate_request_context and the first certificate."""
    reader = Reader(body)
    context, entries = reader.vector(1), Reader(reader.vector(3))
    reader.end()
    leaf = None
    while entries.left():
        certificate = entries.vector(3)
        entries.vector(2)
        leaf = leaf or certificate
    return context, leaf


def signature_of(body):
    reader = Reader(body)
    scheme, signature = reader.number(2), reader.vector(2)
    reader.end()
    return scheme, signature


def replay(capture, key_log, lossy=False):
    """What was verified; Wrong when anything is not right."""
    try:
        state = Replay(key_log, lossy)
        for line in capture.splitlines():
            state.line(line.split())
        return state.end()
    except (ValueError, KeyError, IndexError, struct.error) as reason:
        raise Wrong(f"malformed: {reason!r}") from reason


def main():
    words = [word for word in sys.argv[1:] if word != "--lossy"]
    if len(words) != 2:
        sys.exit(__doc__)
    try:
        with open(words[0], encoding="ascii") as capture, open(words[1], encoding="ascii") as log:
            print(json.dumps(replay(capture.read(), log.read(), "--lossy" in sys.argv)))
    except (Wrong, OSError) as reason:
        sys.exit(f"oracle: {reason}")


if __name__ == "__main__":
    main()
