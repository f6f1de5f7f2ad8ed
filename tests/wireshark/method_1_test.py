#!/usr/bin/python3
"""A whole DTLS 1.3 connection of the gateway's engine, as method 1 would carry it, in Wireshark.

The datagrams of two dtls13-peers pass through here and become SCTP user messages with PPID 4242.

Usage: method_1_test.py PLUGIN-FOLDER PEER LAB-CA
"""
import pathlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

try:
    import packets
    from cases import negotiated
    from packets import data, ipv4, sctp
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)

SKIPPED = 77
PPID, LIMIT = 4242, 40
CLIENT_HELLO, SERVER_HELLO = "1", "2"


def datagrams(peer, pki):
    """[(client to server?, datagram)] of a handshake with a retry, two key updates and an echo."""
    def start(side, *options):
        return subprocess.Popen([peer, side, "--certificate", pki / f"{side}.pem", "--key", pki / f"{side}.key",
                                 "--ca", pki / "ca.pem", "--peer", "any", "--limit", "25", *options],
                                stdout=subprocess.PIPE, text=True)
    server = start("server", "--hello-retry")
    server_port = int(server.stdout.readline().split()[1])
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    near.bind(("127.0.0.1", 0))
    far.connect(("127.0.0.1", server_port))
    client = start("client", "--port", str(near.getsockname()[1]), "--updates", "2", "--send", "hello")
    seen, client_address, end = [], None, time.monotonic() + LIMIT
    while time.monotonic() < end:
        ready = select.select([near, far], [], [], 0.2)[0]
        if not ready and client.poll() is not None and server.poll() is not None:
            break
        for one in ready:
            try:
                if one is near:
                    datagram, client_address = near.recvfrom(65535)
                    far.send(datagram)
                else:
                    datagram = far.recv(65535)
                    near.sendto(datagram, client_address)
                seen.append((one is near, datagram))
            except ConnectionRefusedError:
                pass  # its peer has ended
    codes = []
    for process in (client, server):
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        codes.append(process.wait())
    return seen, codes


def main():
    if not shutil.which("tshark"):
        print("skipped: tshark is not installed")
        return SKIPPED
    plugin, peer, lab_ca = sys.argv[1:4]
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([lab_ca, folder, "client", "server"], check=True, capture_output=True)
        seen, codes = datagrams(peer, folder)
        if codes != [0, 0] or len(seen) < 10:
            print(f"the peers ended with {codes} after {len(seen)} datagrams")
            return 1
        frames = [ipv4(sctp(chunks, *((40000, 9) if forward else (9, 40000)), tag), forward)
                  for forward, tag, chunks in negotiated(1)]
        for number, (forward, datagram) in enumerate(seen):
            ends, tag = ((40000, 9), 7) if forward else ((9, 40000), 5)
            frames.append(ipv4(sctp(data(PPID, datagram, number + 1, number), *ends, tag), forward))
        (folder / "method1.pcap").write_bytes(packets.pcap(frames, 228))
        rows = packets.fields(plugin, folder / "method1.pcap", [
            "sctp_dtls_km.method", "sctp_dtls_km.handshake.type", "dtls.handshake.type",
            "sctp_dtls_km.record.epoch_bits", "_ws.expert.message"])[2:]
    for number, row in enumerate(rows):
        if row["sctp_dtls_km.method"] != ["1"] or row["_ws.expert.message"]:
            failures.append(f"message {number}: {row}")
    ours, theirs = ([kind for row in rows for kind in row[name]]
                    for name in ("sctp_dtls_km.handshake.type", "dtls.handshake.type"))
    # Two of each, for the retry; more when a datagram was sent again.
    if ours.count(CLIENT_HELLO) < 2 or ours.count(SERVER_HELLO) < 2 or ours != theirs:
        failures.append(f"handshake messages in clear: {ours} here, {theirs} by Wireshark's dissector")
    # 2: handshake, 3: application data, 0 and 1: after the two updates.
    if {bits for row in rows for bits in row["sctp_dtls_km.record.epoch_bits"]} != {"0", "1", "2", "3"}:
        failures.append("not all epochs were seen")
    print("\n".join(failures[:20]))
    print(f"{len(rows)} messages, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
