#!/usr/bin/env python3
"""DTLS 1.3 between dtls13-peer and NSS, in both roles, over UDP on the loopback.

Debian 12's own NSS speaks a draft of DTLS 1.3; the one inside its firefox-esr package speaks
RFC 9147. The package is fetched once into FOLDER and its libraries unpacked there; without it, or
without libnss3-dev's headers, the test is skipped and says so. What passes is replayed by the oracle too.

Usage: interop_test.py PEER SOURCE_FOLDER FOLDER
"""
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "dtls13"))
from oracle import Wrong, replay  # beside this folder

SKIPPED = 77
PACKAGE = "firefox-esr"
INCLUDES = ["-I/usr/include/nss", "-I/usr/include/nspr"]
GROUPS = ["x25519", "secp256r1", "secp384r1"]
SUITES = {"1301": "TLS_AES_128_GCM_SHA256", "1302": "TLS_AES_256_GCM_SHA384",
          "1303": "TLS_CHACHA20_POLY1305_SHA256"}
LABEL = "EXPORTER-interop"

peer, source, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
libraries = folder / "libraries"
environment = {"LD_LIBRARY_PATH": str(libraries), "PATH": "/usr/bin:/bin"}


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True,
                          text=True, **options)


def get_libraries():
    if (libraries / "libssl3.so").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run("apt-get", "download", PACKAGE, cwd=folder, timeout=240)
        package = next(folder.glob(f"{PACKAGE}_*.deb"))
        unpacked = folder / "unpacked"
        run("dpkg-deb", "-x", package, unpacked)
        libraries.mkdir(exist_ok=True)
        for name in ("libssl3", "libnss3", "libnssutil3", "libsoftokn3", "libfreeblpriv3",
                     "libmozsqlite3"):
            shutil.copy(unpacked / "usr/lib/firefox-esr" / f"{name}.so", libraries)
        shutil.rmtree(unpacked)
        package.unlink()
    except (OSError, StopIteration, subprocess.SubprocessError) as reason:
        shutil.rmtree(libraries, ignore_errors=True)
        skip(f"the libraries of {PACKAGE} cannot be had: {reason}")


def build_nss_peer():
    program = folder / "nss-peer"
    for header in ("/usr/include/nss/ssl.h", "/usr/include/nspr/nspr.h"):
        if not pathlib.Path(header).exists():
            skip(f"{header} is missing (package libnss3-dev)")
    if not shutil.which("g++"):
        skip("there is no g++")
    run("g++", "-std=c++20", "-O1", "-Wall", *INCLUDES, source / "nss_peer.cpp", "-o", program,
        f"-L{libraries}", "-lssl3", "-lnss3", "-lnssutil3", "-lnspr4")
    return program


def make_certificates():
    shutil.rmtree(folder / "ca", ignore_errors=True)
    run(source / "../../lab-ca.sh", folder / "ca", "ours", "nss")
    run("openssl", "x509", "-in", folder / "ca/nss.pem", "-outform", "DER",
        "-out", folder / "ca/nss.der")
    run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", folder / "ca/nss.key", "-outform", "DER",
        "-out", folder / "ca/nss.k8")


def connect(nss, ours_is_server, ours_options, nss_options):
    """Runs both; returns what each has printed. The server tells its port in its first line."""
    ours = [peer, "server" if ours_is_server else "client", "--certificate", folder / "ca/ours.pem",
            "--key", folder / "ca/ours.key", "--ca", folder / "ca/ca.pem", "--peer",
            "dns:nss.lab.example", "--export", LABEL, "--limit", "25", "--capture", folder / "capture",
            "--key-log", folder / "keys", *ours_options]
    (folder / "keys").unlink(missing_ok=True)
    if not ours_is_server:
        ours += ["--send", "from us"]

    def theirs(port):
        return [nss, "client" if ours_is_server else "server", "127.0.0.1", port,
                folder / "ca/nss.der", folder / "ca/nss.k8", f"export={LABEL}", *nss_options]

    def start(command):
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True,
                                env=environment)

    server = start(ours if ours_is_server else theirs("0"))
    port = server.stdout.readline().split()[1]
    client = start(theirs(port) if ours_is_server else ours + ["--port", port])
    outputs = []
    for process in (client, server):
        try:
            outputs.append(process.communicate(timeout=40)[0])
        except subprocess.TimeoutExpired:
            process.kill()
            outputs.append(process.communicate()[0] + "\nkilled: it did not end\n")
    codes = (client.returncode, server.returncode)
    return codes, (outputs[1], outputs[0]) if ours_is_server else (outputs[0], outputs[1])


def field(text, name):
    found = re.search(rf"^{name} (.*)$", text, re.MULTILINE)
    return found[1] if found else None


def judged(exporter):
    """What the oracle has against the last connection; nothing: nothing."""
    value = f"export client 0 {LABEL.encode().hex()} - {exporter}\n"
    try:
        done = replay((folder / "capture").read_text() + value, (folder / "keys").read_text(), True)
    except Wrong as reason:
        return [f"the oracle: {reason}"]
    return [] if (done["finished"], done["exports"]) == (2, 1) else ["the oracle has seen too little"]


failures = 0
count = 0


def case(nss, name, ours_is_server, ours_options=(), nss_options=(), established=None):
    global failures, count
    count += 1
    codes, (ours, theirs) = connect(nss, ours_is_server, ours_options, nss_options)
    problems = []
    if codes != (0, 0):
        problems.append(f"exit codes {codes}")
    if not field(ours, "exporter") or field(ours, "exporter") != field(theirs, "exporter"):
        problems.append("exporters differ")
    if not field(ours, "data") or not field(theirs, "data"):
        problems.append("data did not arrive on both sides")
    if not problems:
        problems = judged(field(ours, "exporter"))
    if established and established not in (field(ours, "established") or ""):
        problems.append(f"not {established}")
    print(f"{'ok' if not problems else 'FAILED'} {name} ({'server' if ours_is_server else 'client'})"
          f" {', '.join(problems)}")
    if problems:
        failures += 1
        print(f"-- ours\n{ours}\n-- NSS\n{theirs}")


get_libraries()
make_certificates()
program = build_nss_peer()
for is_server in (True, False):
    for group in GROUPS:
        for number, suite in SUITES.items():
            case(program, f"{group} {suite}", is_server, (), (f"group={group}", f"suite={number}"),
                 f"{suite} {group}")
    case(program, "one message per record, small datagrams", is_server,
         ("--one-message-per-record", "--mtu", "300"))
    # What an NSS server makes of it: docs/dtls13.md.
    case(program, "small datagrams are lost", is_server,
         ("--one-message-per-record", "--mtu", "200", "--drop", "25", "--seed", "7"))
    case(program, "our datagrams are lost", is_server, ("--drop", "20", "--seed", "5"))
    case(program, "NSS's datagrams are lost", is_server, (), ("drop=3",))
    # Of NSS as server: no group that our first key share is of.
    case(program, "HelloRetryRequest", is_server, ("--groups", "x25519", "secp384r1"),
         ("group=secp384r1",) if not is_server else ("group=secp256r1,secp384r1",),
         "secp384r1 ecdsa_secp256r1_sha256 retry")
case(program, "cookie", True, ("--hello-retry",), ("group=x25519",), "retry")
print(f"{count - failures} of {count} passed")
sys.exit(1 if failures else 0)
