"""The picture of the soak: two gateways with three methods, servers and clients on both sides.

                 .38412 tls13, .38413 dtls13, .38414 preshared -->
    c (10.1.0.10) --- A (10.1.0.1 | 10.2.0.1) ===== (10.2.0.2 | 10.3.0.1) B --- s (10.3.0.10)
    n (10.4.0.10) --- A (10.4.0.1)                             (10.5.0.1) B --- z (10.5.0.10)
                                              <-- .38415 tls13, .38416 dtls13

c and z are switches: each client has a namespace of its own behind one. Clients in the same one would see
each other's raw packets, and usrsctp answers what it does not know with ABORT until it is told not to.

Timers are short: with REKEY_S, ten minutes have more rekeys per association than a day with the default
of an hour has.
"""
import glob
import json
import os
import shutil
import signal
import subprocess
import time

REKEY_S = 6
DAY_OF_REKEYS = 24  # by default one an hour
LOSE_AFTER_MS = 3000
# name, switch, port, associations, options. What each sends is of the seed.
MIXED = ["--no-sweep", "--sweep-streams", "6"]
CLIENTS = [
    ("dialogue-tls13", "c", 38412, 4, ["--no-sweep", "--exchange", "NGAP", "--pace", "25"]),
    ("mixed-tls13", "c", 38412, 4, [*MIXED, "--mixed", "300", "--largest", "20000", "--window", "8", "--pace", "25"]),
    ("large-tls13", "c", 38412, 1, [*MIXED, "--mixed", "40", "--largest", "300000", "--window", "2", "--pace", "150"]),
    ("mixed-dtls13", "c", 38413, 4, [*MIXED, "--mixed", "300", "--largest", "20000", "--window", "8", "--pace", "25"]),
    ("mixed-preshared", "c", 38414, 2, [*MIXED, "--mixed", "300", "--largest", "8000", "--window", "8", "--pace", "25"]),
    # Fast enough to reach the part of the suite's limit at which method 0 takes new keys.
    ("fast-preshared", "c", 38414, 1, [*MIXED, "--mixed", "3000", "--largest", "200", "--window", "64", "--pace", "2"]),
    ("mixed-back-tls13", "z", 38415, 3, [*MIXED, "--mixed", "300", "--largest", "20000", "--window", "8", "--pace", "25"]),
    ("mixed-back-dtls13", "z", 38416, 2, [*MIXED, "--mixed", "300", "--largest", "20000", "--window", "8", "--pace", "25"]),
]
WINDOWS = {"dialogue-tls13": 1, "large-tls13": 2, "fast-preshared": 64}
NETWORK_OF = {"c": "10.1.0", "z": "10.5.0"}
CHURN = "x"  # its namespaces are cx and zx; those of the clients c0, c1 ... by their place in CLIENTS


def hosts():
    """(namespace, switch, address) of everything behind the switches."""
    out = [(f"{side}{number}", side, f"{NETWORK_OF[side]}.{20 + number}")
           for number, (_, side, *_) in enumerate(CLIENTS)]
    return out + [(side + CHURN, side, f"{NETWORK_OF[side]}.60") for side in NETWORK_OF]


def now_ms():
    """The clock of the endpoints' events."""
    return time.monotonic_ns() // 1_000_000


class SoakError(Exception):
    """The soak itself cannot go on."""


def _tls(own, peer):
    return f"""certificate: pki/gateway-{own}.pem
      private_key: pki/gateway-{own}.key
      authorities: [pki/ca.pem]
      revocation_lists: [pki/ca.crl]
      peer_names: ["dns:gateway-{peer}.lab.example"]
      key_lifetime_s: 300
      drain_s: 3
      drain_unconfirmed_s: 20"""


def _policies(own, peer):
    tls = _tls(own, peer)
    return f"""protection:
  - name: tls13
    restart: true
    tls13:
      {tls}
      rekey_age_s: {REKEY_S}
      min_rekey_interval_ms: 0
  - name: dtls13
    restart: true
    dtls13:
      {tls}
      update_age_s: {REKEY_S}
      min_update_interval_ms: 0
      reauthentication_interval_s: {2 * REKEY_S}
  - name: preshared
    restart: true
    suite: TLS_AES_128_CCM_SHA256
    rekey_fraction: 0.01
    preshared: {{ file: trunk.psk }}
"""


def _common(gateway, store):
    return f"""sctp: {{ rto_initial_ms: 300, rto_min_ms: 100, rto_max_ms: 2000, heartbeat_interval_ms: 2000,
        association_max_retransmissions: 20, init_max_retransmissions: 20 }}
restart:
  {store}
  owner: {gateway}
  key: {{ file: kek }}
  lease_ms: 3000
admin: {{ socket: admin-{gateway}.sock, audit_log: audit-{gateway}.log }}
stats_file: stats-{gateway}.json
"""


def gateway_configuration(gateway, lab, extra=""):
    """The YAML of gateway a or b; extra: more listeners."""
    if gateway == "a":
        out = f"""eal: {{ memory_mib: 256, hugepages: auto }}
ports:
  - {{ name: nodes, device: "net_af_packet0,iface=ga0", addresses: ["10.1.0.1/24"] }}
  - {{ name: trunk, device: "net_af_packet1,iface=ga1,qdisc_bypass=0", addresses: ["10.2.0.1/24"] }}
  - {{ name: north, device: "net_af_packet2,iface=ga2", addresses: ["10.4.0.1/24"] }}
{_policies("a", "b")}backends:
"""
        for port, policy in ((38412, "tls13"), (38413, "dtls13"), (38414, "preshared")):
            out += (f'  - {{ name: b-{policy}, side: protected, local: 10.2.0.1, address: 10.2.0.2, port: {port}, '
                    f'protection: {policy} }}\n')
        out += "  - { name: north, side: plain, local: 10.4.0.1, address: 10.4.0.10, port: 38412 }\nlisteners:\n"
        for port, policy in ((38412, "tls13"), (38413, "dtls13"), (38414, "preshared")):
            out += f'  - {{ name: nodes-{policy}, side: plain, address: 10.1.0.1, port: {port}, backend: b-{policy} }}\n'
        for port, policy in ((38415, "tls13"), (38416, "dtls13")):
            out += (f'  - {{ name: b-{policy}, side: protected, address: 10.2.0.1, port: {port}, backend: north, '
                    f'protection: {policy} }}\n')
        return out + extra + _common("a", "sqlite: { file: store-a/restart.db }")
    out = f"""eal: {{ memory_mib: 256, hugepages: auto }}
ports:
  - {{ name: trunk, device: "net_af_packet0,iface=gb1,qdisc_bypass=0", addresses: ["10.2.0.2/24"] }}
  - {{ name: south, device: "net_af_packet1,iface=gb0", addresses: ["10.3.0.1/24"] }}
  - {{ name: nodes, device: "net_af_packet2,iface=gb2", addresses: ["10.5.0.1/24"] }}
{_policies("b", "a")}backends:
  - {{ name: south, side: plain, local: 10.3.0.1, address: 10.3.0.10, port: 38412 }}
"""
    for port, policy in ((38415, "tls13"), (38416, "dtls13")):
        out += (f'  - {{ name: a-{policy}, side: protected, local: 10.2.0.2, address: 10.2.0.1, port: {port}, '
                f'protection: {policy} }}\n')
    out += "listeners:\n"
    for port, policy in ((38412, "tls13"), (38413, "dtls13"), (38414, "preshared")):
        out += (f'  - {{ name: a-{policy}, side: protected, address: 10.2.0.2, port: {port}, backend: south, '
                f'protection: {policy} }}\n')
    for port, policy in ((38415, "tls13"), (38416, "dtls13")):
        out += f'  - {{ name: nodes-{policy}, side: plain, address: 10.5.0.1, port: {port}, backend: a-{policy} }}\n'
    return out + extra + _common("b", f'redis: {{ server: "unix:{lab}/redis.sock" }}')


class Picture:
    """Processes by name, each in its namespace, with its log in the lab's folder."""

    def __init__(self, source, build, lab, namespace):
        self.source, self.lab, self._namespace = source, lab, namespace
        self.gateway_program = f"{build}/gateway/sctp-gateway"
        self.endpoint_program = f"{build}/endpoint/sctp-endpoint"
        self.ngap = f"{source}/endpoint/data/ngap.yaml"
        self.processes = {}
        self.lives = {"a": [], "b": []}  # (pid, start, end or None) of each gateway process, ms
        self._paused = set()

    def path(self, name):
        return os.path.join(self.lab, name)

    def inside(self, side, *command):
        """The command line that runs in a namespace; ip becomes the program, so that its pid is the program's."""
        return ["ip", "netns", "exec", self._namespace + side, *command]

    def run(self, side, *command, check=True, **more):
        return subprocess.run(self.inside(side, *command), check=check, **more)

    def start(self, name, command):
        with open(self.path(name + ".log"), "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                                    stderr=subprocess.STDOUT)
        return self.processes[name]

    def spawn(self, name, side, *command):
        return self.start(name, self.inside(side, *command))

    def alive(self, name):
        return name in self.processes and self.processes[name].poll() is None

    def tell(self, name, number):
        if self.alive(name):
            self.processes[name].send_signal(number)

    def stop(self, name, number=signal.SIGTERM, seconds=20):
        """Its exit code; None when it had to be killed although it was asked to end."""
        process = self.processes.pop(name, None)
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    @staticmethod
    def await_(seconds, what, condition):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise SoakError(f"timed out: {what}")
            time.sleep(0.05)

    # -- gateways

    def configure(self, gateway, extra=""):
        with open(self.path(f"gateway-{gateway}.yaml"), "w", encoding="ascii") as file:
            file.write(gateway_configuration(gateway, self.lab, extra))

    def start_gateway(self, gateway):
        process = self.spawn(f"gateway-{gateway}", gateway, self.gateway_program, "--config",
                             self.path(f"gateway-{gateway}.yaml"))
        self.lives[gateway].append([process.pid, now_ms(), None])
        host, address = ("c", "10.1.0.1") if gateway == "a" else ("s", "10.3.0.1")

        def answers():
            if not self.alive(f"gateway-{gateway}"):
                raise SoakError(f"gateway {gateway} has ended with code {process.returncode} at its start")
            return self.run(host, "python3", f"{self.source}/scripts/echo_probe.py", address, check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        self.await_(30, f"gateway {gateway} does not answer", answers)

    def end_gateway(self, gateway, number, seconds=30):
        pid = self.processes[f"gateway-{gateway}"].pid
        code = self.stop(f"gateway-{gateway}", number, seconds)
        self.lives[gateway][-1][2] = now_ms()
        if number == signal.SIGKILL:  # what a killed DPDK program leaves behind
            shutil.rmtree(f"/run/dpdk/sctp-gateway-{pid}", ignore_errors=True)
        return code

    def left_by_gateways(self):
        """Files of DPDK that belong to gateways of this picture."""
        names = [f"-{pid}" for lives in self.lives.values() for pid, *_ in lives]
        return [path for pattern in ("/run/dpdk/*", "/dev/hugepages/*") for path in glob.glob(pattern)
                if any(name in path for name in names)]

    def figures(self, gateway):
        """The gateway's statistics as they are now; None when it does not write them within three seconds."""
        file = self.path(f"stats-{gateway}.json")
        if not self.alive(f"gateway-{gateway}"):
            return None
        if os.path.exists(file):
            os.remove(file)
        self.tell(f"gateway-{gateway}", signal.SIGUSR1)
        for _ in range(120):
            time.sleep(0.025)
            try:
                with open(file, encoding="ascii") as text:
                    return json.load(text)
            except (OSError, ValueError):
                pass
        return None

    def log_size(self, name):
        return os.path.getsize(self.path(name + ".log"))

    # -- the rest

    def start_redis(self):
        self.spawn("redis", "b", "redis-server", "--port", "0", "--unixsocket", self.path("redis.sock"),
                   "--unixsocketperm", "700", "--dir", self.lab, "--appendonly", "yes", "--appendfsync", "always",
                   "--maxmemory-policy", "noeviction", "--save", "")
        self.await_(10, "redis does not listen", lambda: subprocess.run(
            ["redis-cli", "-s", self.path("redis.sock"), "ping"], check=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0)

    def start_server(self, side):
        address = {"s": "10.3.0.10", "n": "10.4.0.10"}[side]
        name = f"server-{side}"
        begin = self.log_size(name) if os.path.exists(self.path(name + ".log")) else 0
        self.spawn(name, side, self.endpoint_program, "server", "--listen", f"{address}:38412", "--exchange", self.ngap,
                   "--summary", self.path(name + ".json"))

        def listens():
            with open(self.path(name + ".log"), "rb") as log:
                log.seek(begin)
                return b"listening" in log.read()
        self.await_(10, f"the server in {side} does not listen", listens)

    def client_command(self, where, port, *options):
        """In one of the namespaces behind the switches."""
        address = next(address for namespace, _, address in hosts() if namespace == where)
        return self.inside(where, self.endpoint_program, "client", "--connect", f"{NETWORK_OF[where[0]]}.1:{port}",
                           "--local", f"{address}:0", *[self.ngap if word == "NGAP" else word for word in options])

    def start_clients(self, seconds, seed):
        for number, (name, side, port, associations, options) in enumerate(CLIENTS):
            self.start(name, self.client_command(
                f"{side}{number}", port, *options, "--associations", str(associations), "--seed", str(seed * 16 + number),
                "--duration", str(seconds), "--timeout", "60", "--may-lose", str(LOSE_AFTER_MS), "--persist", "--no-table",
                "--summary", self.path(name + ".json")))

    def pause(self, name):
        self._paused.add(name)
        self.tell(name, signal.SIGSTOP)

    def resume(self, name):
        self._paused.discard(name)
        self.tell(name, signal.SIGCONT)

    def end_all(self):
        for name in list(self._paused):
            self.resume(name)
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for name in list(self.processes):
            self.stop(name, signal.SIGTERM, 6)
