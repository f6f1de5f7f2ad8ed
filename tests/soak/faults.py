"""What is done to the picture, and what the gateways promise meanwhile.

Each fault is a function (picture, random) that does it and returns when it is over; its text is returned.
"""
import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable

from picture import SoakError, now_ms

# What is promised.
NOTHING_LOST = "nothing lost"  # no message lost, repeated or altered, no association ended
IN_FLIGHT = "in flight lost"  # protected restart: what was on its way may be lost or come twice (docs/restart.md)
ENDS = "associations end"  # and new ones take their place; nothing altered

DEVICES = {"ga0": "a", "ga1": "a", "ga2": "a", "gb0": "b", "gb1": "b", "gb2": "b",
           "cl0": "c", "sv0": "s", "sv1": "n", "cl1": "z"}
TRUNK = ("ga1", "gb1")


@dataclass
class Fault:
    name: str
    promise: str
    weight: int
    act: Callable


@contextlib.contextmanager
def _lossy(picture, device, percent):
    """Drops at random what leaves the device."""
    side, which = DEVICES[device], "" if percent == 100 else f"numgen random mod 100 < {percent} "
    picture.run(side, "nft", "-f", "-", input=f"""table netdev soak {{
    chain out {{
        type filter hook egress device {device} priority 0;
        {which}counter drop
    }}
}}
""", text=True)
    try:
        yield
    finally:
        picture.run(side, "nft", "delete", "table", "netdev", "soak")


def _loss(picture, device, percent, seconds):
    with _lossy(picture, device, percent):
        time.sleep(seconds)


def loss(picture, random):
    device = random.choice([*TRUNK, *TRUNK, *DEVICES])
    percent, seconds = random.choice([2, 5, 10, 20, 50]), random.uniform(1, 4)
    _loss(picture, device, percent, seconds)
    return f"{percent} % of what leaves {device}, {seconds:.1f} s"


def one_way(picture, random):
    device, seconds = random.choice([*TRUNK, "ga0", "gb0"]), random.uniform(0.5, 3)
    _loss(picture, device, 100, seconds)
    return f"all that leaves {device}, {seconds:.1f} s"


def link_down(picture, random):
    device, seconds = random.choice([*TRUNK, "ga0", "gb0", "cl0", "sv0"]), random.uniform(0.2, 3)
    side = DEVICES[device]
    picture.run(side, "ip", "link", "set", device, "down")
    time.sleep(seconds)
    picture.run(side, "ip", "link", "set", device, "up")
    return f"{device} down for {seconds:.1f} s"


def flapping(picture, random):
    device = random.choice(TRUNK)
    times = random.randint(3, 8)
    for _ in range(times):
        for state in ("down", "up"):
            picture.run(DEVICES[device], "ip", "link", "set", device, state)
            time.sleep(random.uniform(0.02, 0.3))
    return f"{device} down and up {times} times"


def pause(picture, random):
    name, seconds = random.choice(["gateway-a", "gateway-b", "server-s", "server-n"]), random.uniform(0.2, 3)
    picture.pause(name)
    time.sleep(seconds)
    picture.resume(name)
    return f"{name} stands still for {seconds:.1f} s"


def rekey(picture, random):
    times = random.randint(1, 4)
    for _ in range(times):
        for gateway in random.choice(["ab", "ba", "a", "b"]):
            picture.tell(f"gateway-{gateway}", signal.SIGUSR2)
        time.sleep(random.uniform(0.1, 0.6))
    return f"{times} times by command"


def rekey_under_loss(picture, random):
    gateway = random.choice("ab")
    picture.tell(f"gateway-{gateway}", signal.SIGUSR2)
    device, percent, seconds = random.choice(TRUNK), random.choice([10, 20, 40]), random.uniform(1, 3)
    _loss(picture, device, percent, seconds)
    return f"by gateway {gateway}, {percent} % of what leaves {device} lost for {seconds:.1f} s"


def rekey_and_pause(picture, random):
    gateway, victim, seconds = random.choice("ab"), random.choice("ab"), random.uniform(0.3, 2)
    picture.tell(f"gateway-{gateway}", signal.SIGUSR2)
    time.sleep(random.uniform(0, 0.05))
    picture.pause(f"gateway-{victim}")
    time.sleep(seconds)
    picture.resume(f"gateway-{victim}")
    return f"by gateway {gateway}, then gateway {victim} stands still for {seconds:.1f} s"


def reload(picture, random):
    """New certificates of the same authority; the configuration gets or loses a listener."""
    subprocess.run([f"{picture.source}/tests/lab-ca.sh", picture.path("pki"), "gateway-a", "gateway-b"], check=True)
    more = random.random() < 0.5
    for gateway, address, backend in (("a", "10.1.0.1", "b-tls13"), ("b", "10.5.0.1", "a-tls13")):
        picture.configure(gateway, f"  - {{ name: more, side: plain, address: {address}, port: 39000, backend: "
                                   f"{backend} }}\n" if more else "")
        picture.tell(f"gateway-{gateway}", signal.SIGHUP)
    return "new certificates" + (", one listener more" if more else "")


def store_full(picture, random):
    ballast, seconds = picture.path("store-a/ballast"), random.uniform(2, 8)
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4096"], check=False, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    os.remove(ballast)
    return f"the store of gateway a has no room for {seconds:.1f} s"


def store_gone(picture, random):
    seconds = random.uniform(1, 6)
    picture.stop("redis", signal.SIGKILL)
    time.sleep(seconds)
    picture.start_redis()
    return f"the store of gateway b is gone for {seconds:.1f} s"


def store_slow(picture, random):
    seconds = random.uniform(0.5, 4)
    picture.pause("redis")
    time.sleep(seconds)
    picture.resume("redis")
    return f"the store of gateway b stands still for {seconds:.1f} s"


def hostile(picture, random):
    target, side, device, address = random.choice([("b", "a", "ga1", "10.2.0.2"), ("a", "b", "gb1", "10.2.0.1")])
    turns = random.randint(10, 40)
    done = picture.run(side, "/usr/bin/python3", f"{picture.source}/tests/e2e/attack.py", device, address, str(turns),
                       check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SoakError(f"attack.py: {done.stderr}")
    sent = sum(json.loads(done.stdout).values())
    return f"{sent} forged, replayed and broken packets at gateway {target}"



def kill(picture, random, gateway, before=None):
    figures = picture.figures(gateway)
    if figures is None:
        raise SoakError(f"gateway {gateway} tells no figures")
    if before:
        before()
    picture.end_gateway(gateway, signal.SIGKILL)
    time.sleep(random.choice([0, 0, 0.3, 1.5]))
    began = now_ms()
    picture.start_gateway(gateway)
    for _ in range(600):
        now = picture.figures(gateway)
        if now and now["restart_store"]["waiting"] == 0:
            break
        time.sleep(0.05)
    else:
        raise SoakError(f"gateway {gateway} does not come to an end with its restarts")
    took = now_ms() - began
    relay = now["relay"]
    return (f"gateway {gateway} killed with {figures['relay']['pairs']} pairs; {relay['pairs_restored']} restored, "
            f"{relay['restores_failed']} not, {took} ms from its start")


def kill_and_rekey(picture, random, gateway):
    return kill(picture, random, gateway, lambda: (
        picture.tell(f"gateway-{random.choice('ab')}", signal.SIGUSR2), time.sleep(random.uniform(0, 0.05))))


def kill_under_loss(picture, random, gateway):
    device, percent = random.choice(TRUNK), random.choice([5, 10, 20])
    with _lossy(picture, device, percent):
        text = kill(picture, random, gateway)
    return f"{text}; {percent} % of what leaves {device} lost"


def stop_gateway(picture, random, gateway):
    code = picture.end_gateway(gateway, signal.SIGTERM)
    if code != 0:
        raise SoakError(f"gateway {gateway} ended with code {code}")
    time.sleep(random.uniform(0, 1))
    picture.start_gateway(gateway)
    return f"gateway {gateway} stopped in order and started"


def backend(picture, random):
    side, seconds = random.choice("sn"), random.uniform(0.1, 3)
    picture.stop(f"server-{side}", signal.SIGKILL)
    time.sleep(seconds)
    picture.start_server(side)
    return f"the server in {side} killed, started after {seconds:.1f} s"


def faults(victim):
    """All of them; victim: the gateway that may be killed now."""
    def of(act):
        return lambda picture, random: act(picture, random, victim)
    return [
        Fault("loss", NOTHING_LOST, 3, loss),
        Fault("one-way", NOTHING_LOST, 2, one_way),
        Fault("link-down", NOTHING_LOST, 3, link_down),
        Fault("flapping", NOTHING_LOST, 1, flapping),
        Fault("pause", NOTHING_LOST, 3, pause),
        Fault("rekey", NOTHING_LOST, 2, rekey),
        Fault("rekey-under-loss", NOTHING_LOST, 3, rekey_under_loss),
        Fault("rekey-and-pause", NOTHING_LOST, 2, rekey_and_pause),
        Fault("reload", NOTHING_LOST, 3, reload),
        Fault("store-full", NOTHING_LOST, 1, store_full),
        Fault("store-gone", NOTHING_LOST, 1, store_gone),
        Fault("store-slow", NOTHING_LOST, 1, store_slow),
        Fault("hostile", NOTHING_LOST, 3, hostile),
        Fault("kill", IN_FLIGHT, 3, of(kill)),
        Fault("kill-and-rekey", IN_FLIGHT, 2, of(kill_and_rekey)),
        Fault("kill-under-loss", IN_FLIGHT, 1, of(kill_under_loss)),
        Fault("stop-gateway", ENDS, 1, of(stop_gateway)),
        Fault("backend", ENDS, 2, backend),
    ]
