#!/usr/bin/env python3
"""dtls13-shim under a small stand-in for BoringSSL's test runner: two shims, client and server, connect
back to it, and it carries frames between them, makes time pass, and looks at exit codes.

Usage: shim_test.py SHIM FOLDER
"""
import pathlib
import shutil
import socket
import struct
import subprocess
import sys

shim, folder = sys.argv[1], pathlib.Path(sys.argv[2])
LIMIT = 20  # seconds, for anything
MILLISECOND = 1_000_000
FIRST_TIMEOUT = 400 * MILLISECOND
UNIMPLEMENTED = 89
failures = 0
count = 0


class End:
    """A connection to one shim."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(LIMIT)

    def read(self, length):
        out = b""
        while len(out) < length:
            more = self.connection.recv(length - len(out))
            if not more:
                raise EOFError
            out += more
        return out

    def frame(self):
        """The next datagram; None: the answer to a time-out, or the end."""
        try:
            opcode = self.read(1)
        except EOFError:
            return None
        if opcode == b"t":
            return None
        assert opcode == b"P", opcode
        return self.read(struct.unpack(">I", self.read(4))[0])

    def datagrams(self):
        """All that the shim sends because of what it has got: until it answers a time-out of nothing."""
        self.connection.sendall(b"T" + bytes(8))
        return list(iter(self.frame, None))

    def send(self, datagram):
        self.connection.sendall(b"P" + struct.pack(">I", len(datagram)) + datagram)

    def advance(self, nanoseconds):
        self.connection.sendall(b"T" + struct.pack(">Q", nanoseconds))
        return list(iter(self.frame, None))

    def expect_timeout(self, nanoseconds):
        self.connection.sendall(b"E" + struct.pack(">Q", nanoseconds))


class Runner:
    """Starts both shims and knows them by their ids."""

    def __init__(self, client=(), server=(), ipv6=False):
        family = socket.AF_INET6 if ipv6 else socket.AF_INET
        listener = socket.create_server(("::1" if ipv6 else "127.0.0.1", 0), family=family)
        listener.settimeout(LIMIT)
        common = ["-port", str(listener.getsockname()[1]), "-dtls"] + (["-ipv6"] if ipv6 else [])
        own = ["-cert-file", str(folder / "server.pem"), "-key-file", str(folder / "server.key")]
        self.processes = {
            name: subprocess.Popen([shim, *common, "-shim-id", str(number), *options],
                                   stderr=subprocess.PIPE, text=True)
            for name, number, options in (("client", 2 ** 63 + 5, client),
                                          ("server", 7, ["-server", *own, *server]))}
        ends = {}
        for _ in range(2):
            end = End(listener.accept()[0])
            ends[struct.unpack("<Q", end.read(8))[0]] = end
        listener.close()
        self.client, self.server = ends[2 ** 63 + 5], ends[7]
        self.seen = []

    def carry(self, rounds=1000):
        """Datagrams both ways until both shims are still."""
        for _ in range(rounds):
            moved = False
            for one, other in ((self.client, self.server), (self.server, self.client)):
                for datagram in one.datagrams():
                    moved = True
                    self.seen.append(datagram)
                    other.send(datagram)
            if not moved:
                return

    def end(self):
        """Lets the shims go: exit codes and what they had to say."""
        out = {}
        for name, end in (("client", self.client), ("server", self.server)):
            try:
                end.connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has gone already
        for name, process in self.processes.items():
            try:
                said = process.communicate(timeout=LIMIT)[1]
            except subprocess.TimeoutExpired:
                process.kill()
                said = process.communicate()[1] + "killed: it did not end"
            out[name] = (process.returncode, said)
        for end in (self.client, self.server):
            end.connection.close()
        return out


def case(test):
    global failures, count
    count += 1
    name = test.__name__.replace("_", " ")
    try:
        test()
        print(f"ok {name}")
    except (AssertionError, OSError, EOFError) as reason:
        failures += 1
        print(f"FAILED {name}: {reason!r}")


def codes(ended):
    return ended["client"][0], ended["server"][0]


def expect(found, wanted, ended=None):
    assert found == wanted, f"{found}, and {wanted} was expected {ended or ''}"


def a_handshake_and_a_close():
    runner = Runner(client=["-shim-writes-first", "-shim-shuts-down", "-expect-no-hrr"],
                    server=["-check-close-notify", "-expect-curve-id", "29"])
    runner.carry()
    ended = runner.end()
    expect(codes(ended), (0, 0), ended)


def what_arrives_goes_back_turned_over():
    # Both are shims, so the words go back and forth; the first round shows enough.
    runner = Runner(client=["-shim-writes-first", "-export-keying-material", "40", "-export-label",
                            "label", "-export-context", "context", "-use-export-context"])
    runner.carry(rounds=6)
    # Of the header, a type, the tag.
    overhead = 5 + 1 + 16
    sizes = [len(datagram) - overhead for datagram in runner.seen]
    assert sizes.count(40) >= 2 and sizes.count(5) >= 2, sizes
    ended = runner.end()
    expect(codes(ended), (0, 0), ended)


def over_ipv6():
    runner = Runner(client=["-shim-shuts-down"], ipv6=True)
    runner.carry()
    ended = runner.end()
    expect(codes(ended), (0, 0), ended)


def with_a_client_certificate_and_another_group():
    runner = Runner(client=["-curves", "29", "-curves", "24", "-expect-hrr", "-shim-shuts-down",
                            "-cert-file", str(folder / "client.pem"),
                            "-key-file", str(folder / "client.key")],
                    server=["-curves", "24", "-expect-curve-id", "24",
                            "-require-any-client-certificate",
                            "-expect-peer-signature-algorithm", str(0x0403)])
    runner.carry()
    ended = runner.end()
    expect(codes(ended), (0, 0), ended)


def what_is_lost_comes_again_when_time_passes():
    runner = Runner()
    runner.client.expect_timeout(FIRST_TIMEOUT)
    first = runner.client.datagrams()
    expect(len(first), 1)
    runner.client.advance(FIRST_TIMEOUT - 1)
    runner.client.expect_timeout(1)
    # The answer to a time-out comes before what is sent because of it.
    expect(runner.client.advance(1), [])
    runner.client.expect_timeout(2 * FIRST_TIMEOUT)
    again = runner.client.datagrams()
    expect([len(datagram) for datagram in again], [len(first[0])])
    assert again[0][13:] == first[0][13:], "the same ClientHello"
    runner.server.send(again[0])
    runner.server.expect_timeout(FIRST_TIMEOUT)
    for datagram in runner.server.datagrams():
        runner.client.send(datagram)
    flight = runner.client.datagrams()
    expect(runner.client.advance(FIRST_TIMEOUT), [])
    assert runner.client.datagrams(), "the Finished comes again"
    for datagram in flight:
        runner.server.send(datagram)
    for datagram in runner.server.datagrams():
        runner.client.send(datagram)
    runner.client.expect_timeout(2 ** 64 - 1)
    expect(runner.client.datagrams(), [])
    ended = runner.end()
    expect(codes(ended), (0, 0), ended)


def another_timeout_than_expected_is_a_failure():
    runner = Runner()
    runner.client.expect_timeout(FIRST_TIMEOUT + 1)
    ended = runner.end()
    expect(ended["client"][0], 1, ended)
    assert "time-out" in ended["client"][1], ended


def a_refused_certificate_is_a_failure_on_both_sides():
    runner = Runner(client=["-verify-fail"])
    runner.carry()
    ended = runner.end()
    expect(codes(ended), (1, 1), ended)
    assert "handshake_failure" in ended["server"][1], ended


def what_was_expected_of_the_handshake_is_compared():
    for options in (["-expect-hrr"], ["-expect-curve-id", "23"],
                    ["-expect-peer-signature-algorithm", "2055"]):
        runner = Runner(client=options)
        runner.carry()
        expect(runner.end()["client"][0], 1)


def a_runner_that_leaves_in_the_handshake_is_a_failure():
    ended = Runner().end()
    expect(codes(ended), (1, 1), ended)


def what_is_not_implemented_says_so():
    for options in (["-dtls", "-psk", "61"], ["-dtls", "-resume-count", "1"], ["-server"], ["junk"],
                    ["-dtls", "-curves", "25"], ["-dtls", "-port"], ["-dtls", "-port", "x"],
                    ["-dtls", "-max-version", "65277"]):
        done = subprocess.run([shim, *options], capture_output=True, text=True, timeout=LIMIT)
        expect(done.returncode, UNIMPLEMENTED, options)
    done = subprocess.run([shim, "-is-handshaker-supported"], capture_output=True, text=True,
                          timeout=LIMIT)
    expect((done.returncode, done.stdout), (0, "No\n"))


def a_new_mtu_is_not_implemented():
    runner = Runner()
    runner.client.connection.sendall(b"M" + struct.pack(">I", 500))
    expect(runner.end()["client"][0], UNIMPLEMENTED)


shutil.rmtree(folder, ignore_errors=True)
subprocess.run([pathlib.Path(__file__).resolve().parent / "../../lab-ca.sh", folder, "client", "server"],
               check=True, capture_output=True)
for one in (a_handshake_and_a_close, what_arrives_goes_back_turned_over, over_ipv6, with_a_client_certificate_and_another_group,
            what_is_lost_comes_again_when_time_passes, another_timeout_than_expected_is_a_failure,
            a_refused_certificate_is_a_failure_on_both_sides,
            what_was_expected_of_the_handshake_is_compared,
            a_runner_that_leaves_in_the_handshake_is_a_failure, what_is_not_implemented_says_so,
            a_new_mtu_is_not_implemented):
    case(one)
print(f"{count - failures} of {count} passed")
sys.exit(1 if failures else 0)
