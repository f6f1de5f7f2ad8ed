#!/usr/bin/env python3
"""The Dockerfile and the two-gateway picture of compose.yaml, carried out without a container engine: the
images built in overlays over Debian roots, network namespaces and bridges for the networks, and each
service started with the user, capabilities, mounts, addresses and command that the two files give it.
Only the compiler's work is taken from the build folder.

Environment: SOURCE_ROOT, BUILD_ROOT.
"""
import ipaddress
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import yaml

from dockerfile import Builder, Layer, copy_context, run

SOURCE, BUILD = (pathlib.Path(os.environ[name]).resolve() for name in ("SOURCE_ROOT", "BUILD_ROOT"))
# What Docker leaves a container unless it is told otherwise.
DEFAULT_CAPABILITIES = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
                        "NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"}
KNOWN = {"build", "image", "cap_drop", "cap_add", "read_only", "tmpfs", "stop_grace_period", "sysctls", "volumes",
         "networks", "command", "depends_on"}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def await_that(what, seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


class Networks:
    """A bridge for each network, in a namespace of their own."""

    def __init__(self, networks):
        self.namespaces = []
        self.switch = self.namespace("switch")
        self.subnets = {}
        for name, network in networks.items():
            self.subnets[name] = ipaddress.ip_network(network["ipam"]["config"][0]["subnet"])
            run("ip", "-n", self.switch, "link", "add", name, "type", "bridge", "forward_delay", "0")
            run("ip", "-n", self.switch, "link", "set", name, "up")

    def namespace(self, name):
        full = f"sdgc{os.getpid()}-{name}"
        run("ip", "netns", "add", full)
        self.namespaces.append(full)
        # A host with Docker forwards, and new namespaces take that over.
        run("ip", "netns", "exec", full, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run("ip", "-n", full, "link", "set", "lo", "up")
        return full

    def plug(self, namespace, service, attachments, sysctls):
        for index, (name, given) in enumerate(attachments.items()):
            interface = given.get("interface_name", f"eth{index}")
            outside = f"{service[-8:]}{index}"
            run("ip", "link", "add", outside, "netns", self.switch, "type", "veth", "peer", "name", interface,
                "netns", namespace)
            run("ip", "-n", self.switch, "link", "set", outside, "master", name, "up")
            address = ipaddress.ip_address(given["ipv4_address"])
            assert address in self.subnets[name]
            run("ip", "-n", namespace, "address", "add", f"{address}/{self.subnets[name].prefixlen}", "dev", interface)
            run("ip", "-n", namespace, "link", "set", interface, "up")
        for name, value in sysctls.items():
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"{name}={value}")

    def remove(self):
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], check=False)


class Container:
    def __init__(self, name, service, image, networks, work, compose_folder):
        assert set(service) <= KNOWN, set(service) - KNOWN
        self.name, self.service, self.image = name, service, image
        self.layer = Layer(work / name, [image.layer.upper, *image.layer.lower])
        self.namespace = networks.namespace(name)
        networks.plug(self.namespace, name, service["networks"], service.get("sysctls", {}))
        self.log = work / f"{name}.log"
        script = "\n".join(shlex.join(step) for step in [*self.mounts(compose_folder), ["exec", *self.inside()]])
        command = image.entrypoint + service.get("command", image.command)
        with open(self.log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec",
                 f'{script} "$@"', "sh", *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.command = command

    def mounts(self, compose_folder):
        root = self.layer.root
        for folder in ("proc", "sys", "dev"):
            (root / folder).mkdir(exist_ok=True)
        yield ["mount", "-t", "proc", "proc", f"{root}/proc"]
        yield ["mount", "-t", "sysfs", "-o", "ro", "sysfs", f"{root}/sys"]
        yield ["mount", "-t", "tmpfs", "-o", "nosuid,mode=755", "tmpfs", f"{root}/dev"]
        for device in ("null", "zero", "full", "random", "urandom"):
            yield ["touch", f"{root}/dev/{device}"]
            yield ["mount", "--bind", f"/dev/{device}", f"{root}/dev/{device}"]
        yield ["mkdir", f"{root}/dev/shm"]
        yield ["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,size=64m", "tmpfs", f"{root}/dev/shm"]
        for entry in self.service.get("tmpfs", []):
            path, _, how = entry.partition(":")
            (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
            yield ["mount", "-t", "tmpfs", "-o", f"nosuid,nodev,noexec,{how}", "tmpfs", f"{root}{path}"]
        for entry in self.service.get("volumes", []):
            source, path, how = entry.split(":")
            source = compose_folder / source
            inside = root / path.lstrip("/")
            if source.is_dir():
                inside.mkdir(parents=True, exist_ok=True)
            else:
                inside.parent.mkdir(parents=True, exist_ok=True)
                inside.touch()
            yield ["mount", "--bind", str(source), str(inside)]
            yield ["mount", "-o", f"remount,bind,{how}", str(inside)]
        if self.service.get("read_only"):
            yield ["mount", "-o", "remount,ro", str(root)]

    def inside(self):
        """What is in front of a program of the container: its root, user, capabilities and environment."""
        bounding = set() if "ALL" in self.service.get("cap_drop", []) else set(DEFAULT_CAPABILITIES)
        bounding |= set(self.service.get("cap_add", []))
        user = self.image.user
        as_user = ["--reuid", user, "--regid", user, "--init-groups"] if user != "root" else ["--clear-groups"]
        return ["chroot", str(self.layer.root), "setpriv", *as_user, "--inh-caps=-all",
                "--bounding-set=" + ",".join(["-all", *(f"+{one.lower()}" for one in sorted(bounding))]),
                "env", "-i", *(f"{k}={v}" for k, v in self.image.environment.items())]

    def pid(self):
        """Of its first process; None when it has none any more."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else None

    def execute(self, *command, timeout=30):
        """As the engine does it: in all namespaces of the container."""
        return subprocess.run(["nsenter", f"--target={self.pid()}", "--mount", "--net", "--pid", *self.inside(), *command],
                              capture_output=True, text=True, check=False, timeout=timeout)

    def status(self):
        told = self.execute("/usr/bin/sctp-gateway-ctl", "--json", "status")
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    def await_healthy(self):
        health = self.image.health

        def healthy():
            assert self.process.poll() is None, f"{self.name} has ended"
            return self.execute(*health["command"], timeout=health["timeout"]).returncode == 0
        await_that(f"{self.name} is not healthy", health["start-period"] + 3 * health["interval"], healthy)

    def stop(self):
        """As `compose stop`; its exit code."""
        os.kill(self.pid(), signal.Signals[self.image.stop_signal])
        return self.process.wait(timeout=int(self.service.get("stop_grace_period", "10s").removesuffix("s")))

    def kill(self):
        if self.process.poll() is None:
            # All of the container go with its first process. That one does not go with unshare, in spite of
            # --kill-child: a change of user clears the signal at the parent's death.
            first = self.pid()
            if first is not None:
                os.kill(first, signal.SIGKILL)
            self.process.kill()
            self.process.wait()


def build_images(work):
    """By the Dockerfile. Its first stage is over this machine's Debian, which has what compiling takes; the
    others are over a root with the packages that they install, so that nothing is fetched."""
    context = work / "context"
    copy_context(SOURCE, context)
    base = work / "base"

    def slim(images):
        if not base.exists():
            made = subprocess.run(["bash", SOURCE / "tests/deploy/debian_root.sh", BUILD,
                                   images["build"].layer.root / "out/sctp-gateway.deb"], stdout=subprocess.PIPE, text=True, check=False)
            if made.returncode == 77:
                skip("no Debian root")
            base.mkdir()
            run("tar", "-C", str(base), "-xf", made.stdout.strip())
        return base
    builder = Builder(work / "images", context, {"debian:12": lambda images: "/", "debian:12-slim": slim},
                      {"OFFLINE": "1", "SDG_BUILT": str(BUILD)}, [BUILD])
    return context, builder.build(context / "docker/Dockerfile")


def check_libraries(image):
    """What the test program is linked with comes with the packages that its stage asks for: the root of this
    test has more."""
    def inside(*command):
        return run("chroot", str(image.layer.root), *command)
    wanted = set(inside("sed", "-n", r"/^    endpoint)/,/;;/s/.*install_packages //p", "/tmp/build.sh").split())
    assert wanted
    depends = inside("apt-cache", "depends", "--recurse", "--installed", "--no-recommends", "--no-suggests", "--no-conflicts",
                     "--no-breaks", "--no-replaces", "--no-enhances", *wanted)
    there = {line.split()[-1].split(":")[0] for line in depends.splitlines()}
    libraries = [line.split("=> ")[1].split()[0] for line in inside("ldd", *image.entrypoint).splitlines() if "=> /" in line]
    assert len(libraries) > 5
    for library in libraries:
        # Merged /usr: dpkg knows a file by one of its two names.
        found = subprocess.run(["chroot", image.layer.root, "dpkg", "-S", library, library.removeprefix("/usr"), f"/usr{library}"],
                               capture_output=True, text=True, check=False).stdout
        assert found.split(":")[0] in there, f"{library} is not of {wanted} and what they depend on: {found}"


def main():
    if os.geteuid() != 0:
        skip("namespaces and mounts need root")
    for tool in ("dpkg-buildpackage", "mmdebstrap", "unshare", "nsenter", "setpriv", "tcpdump", "tshark"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    if "IN_NAMESPACE" not in os.environ:
        if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            skip("namespaces cannot be made here")
        os.environ["IN_NAMESPACE"] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # taking too long: nothing may stay behind
    work = pathlib.Path(tempfile.mkdtemp(prefix="sdg-containers."))
    containers, networks, capture = {}, None, None
    try:
        # An overlay over all of this machine cannot be kept in a folder of the same file system.
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(work))
        begun = time.monotonic()

        def took(what):
            print(f"{what}: {time.monotonic() - begun:.0f} s", flush=True)
        context, images = build_images(work)
        took("images")
        check_libraries(images["endpoint"])

        # The keys, by the command that the file tells its reader.
        folder = context / "docker"
        text = (folder / "compose.yaml").read_text(encoding="utf-8")
        keys, = (line.removeprefix("#").strip() for line in text.splitlines() if "lab-ca.sh" in line)
        run("sh", "-ec", keys, cwd=folder)
        compose = yaml.safe_load(text)
        networks = Networks(compose["networks"])
        trunk = work / "trunk.pcap"
        capture = subprocess.Popen(["ip", "netns", "exec", networks.switch, "tcpdump", "-i", "trunk", "-U", "-w", str(trunk),
                                    "sctp or icmp"], stderr=subprocess.DEVNULL)
        await_that("no capture", 10, lambda: trunk.exists() and trunk.stat().st_size >= 24)

        def start(name):
            if name in containers:
                return
            service = compose["services"][name]
            for other, how in service.get("depends_on", {}).items():
                start(other)
                assert how["condition"] in ("service_healthy", "service_started")
                if how["condition"] == "service_healthy":
                    containers[other].await_healthy()
            containers[name] = Container(name, service, images[image_of[name]], networks, work, folder)
        # The stage that a service's image is built from; a service without `build` takes another's.
        built = {s["image"]: s["build"]["target"] for s in compose["services"].values() if "build" in s}
        image_of = {name: built[s["image"]] for name, s in compose["services"].items()}
        for name in compose["services"]:
            start(name)
        for name in ("gateway-a", "gateway-b"):
            proc = pathlib.Path(f"/proc/{containers[name].pid()}/status").read_text(encoding="ascii")
            assert "CapEff:\t0000000000000000" in proc, f"{name} has capabilities left"
            assert "warning" not in containers[name].log.read_text(encoding="utf-8"), f"{name} has a complaint"
        took("started")

        client = containers["client"]
        code = client.process.wait(timeout=120)
        assert code == 0, f"the client ended with {code}"
        assert "passed" in client.log.read_text(encoding="utf-8")
        took("exchange")
        status = {name: containers[name].status() for name in ("gateway-a", "gateway-b")}
        for way in ("messages_to_backend", "messages_from_backend"):
            relayed = {s[way] for s in status.values()}
            assert len(relayed) == 1 and relayed.pop() > 200, status
        for name, container in containers.items():
            assert name == "client" or container.stop() == 0, f"{name} did not end well"
        capture.terminate()
        capture.wait()
        run(sys.executable, str(SOURCE / "scripts/check_capture.py"), str(trunk), "internet")
        # Only the gateways are at their addresses: no kernel says that it would rather forward, or refuses.
        told = run("tshark", "-r", str(trunk), "-Y", "icmp")
        assert told == "", told
        took("ended")
        print("ok")
    except BaseException:
        for container in containers.values():
            if container.log.exists():
                print(f"-- {container.name}: {' '.join(container.command)}\n{container.log.read_text(encoding='utf-8')[-2000:]}")
        raise
    finally:
        if capture is not None and capture.poll() is None:
            capture.kill()
            capture.wait()
        for container in containers.values():
            container.kill()
        if networks is not None:
            networks.remove()
        mounted = [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
        for path in reversed([one for one in mounted if one.startswith(str(work))]):
            run("umount", "--lazy", path)
        work.rmdir()


main()
