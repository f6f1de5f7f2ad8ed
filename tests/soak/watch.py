"""Looks at the gateways while they run, and keeps short-lived associations coming and going."""
import itertools
import json
import os
import socket
import subprocess
import threading

from picture import CHURN, now_ms

PAIRS_EVERY = 4  # seconds


class Sampler(threading.Thread):
    """Memory, descriptors, threads and relayed messages of both gateways, once a second."""

    def __init__(self, picture):
        super().__init__(daemon=True)
        self._picture, self._over = picture, threading.Event()
        self.samples = {"a": [], "b": []}  # dicts

    def _sample(self, gateway):
        lives = self._picture.lives[gateway]
        if not lives or lives[-1][2] is not None:
            return
        pid = lives[-1][0]
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                status = dict(line.split(":", 1) for line in file if ":" in line)
            sample = {"at_ms": now_ms(), "pid": pid, "rss_kib": int(status["VmRSS"].split()[0]),
                      "threads": int(status["Threads"]), "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
        except (OSError, KeyError):
            return  # just gone
        sample.update(self._status(gateway))
        self.samples[gateway].append(sample)

    def _ask(self, gateway, command, **arguments):
        """The result of the admin socket; None when the gateway does not answer now, as in a pause."""
        request = {"version": 1, "id": 1, "command": command, "arguments": arguments}
        try:
            with socket.socket(socket.AF_UNIX) as admin:
                admin.settimeout(0.3)
                admin.connect(self._picture.path(f"admin-{gateway}.sock"))
                admin.sendall(json.dumps(request).encode() + b"\n")
                answer = b""
                while not answer.endswith(b"\n"):
                    more = admin.recv(65536)
                    if not more:
                        return None
                    answer += more
            return json.loads(answer)["result"]
        except (OSError, ValueError, KeyError):
            return None

    def _status(self, gateway):
        result = self._ask(gateway, "status")
        return {} if result is None else {
            "associations": result["associations"],
            "messages": result["messages_to_backend"] + result["messages_from_backend"]}

    def _note_pairs(self, gateway, notes):
        """What each association looks like now, for who looks for the cause of a failure."""
        for one in (self._ask(gateway, "associations", limit=100) or {}).get("associations", []):
            shown = self._ask(gateway, "association", association=one["association"])
            notes.write(json.dumps({"at_ms": now_ms(), "gateway": gateway, **(shown or {})}) + "\n")

    def run(self):
        with open(self._picture.path("pairs.jsonl"), "w", encoding="ascii") as notes:
            for turn in itertools.count():
                if self._over.wait(1):
                    return
                for gateway in "ab":
                    self._sample(gateway)
                    if turn % PAIRS_EVERY == 0:
                        self._note_pairs(gateway, notes)

    def stop(self):
        self._over.set()
        self.join()


class Churn(threading.Thread):
    """One client after the other that sets up associations, checks some messages and shuts them down."""

    PORTS = (("c", 38412), ("z", 38415), ("c", 38413), ("z", 38416), ("c", 38414))

    def __init__(self, picture, random):
        super().__init__(daemon=True)
        self._picture, self._random, self._over = picture, random, threading.Event()
        self.runs = []  # dicts
        self._client = None

    def run(self):
        turn = 0
        while not self._over.is_set():
            side, port = self.PORTS[turn % len(self.PORTS)]
            turn += 1
            options = ["--exchange", "NGAP", "--associations", str(self._random.randint(1, 4)), "--timeout", "40"]
            options += ["--no-sweep"] if turn % 4 else ["--largest", "20000", "--sweep-streams", "1"]
            summary = self._picture.path("churn.json")
            began = now_ms()
            self._client = subprocess.Popen(
                [*self._picture.client_command(side + CHURN, port, *options), "--no-table", "--summary", summary],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            said = self._client.communicate()[1].strip()
            one = {"from_ms": began, "to_ms": now_ms(), "port": port, "code": self._client.returncode, "said": said}
            try:
                with open(summary, encoding="ascii") as file:
                    one["messages"] = json.load(file)["messages"]["verified"]
                os.remove(summary)
            except (OSError, ValueError):
                one["messages"] = 0
            self.runs.append(one)
            self._over.wait(0.3)

    def stop(self, at_once=False):
        """Lets the client that runs come to its end; at_once: not even that."""
        self._over.set()
        if at_once and self._client and self._client.poll() is None:
            self._client.terminate()
        self.join()
