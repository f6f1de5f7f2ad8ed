"""Carries out a Dockerfile without a container engine, as far as docker/Dockerfile goes: each stage in an
overlay over a Debian root. What it does not know is an error, so that nothing is left out silently.
"""
import json
import os
import pathlib
import re
import shlex
import subprocess

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


class Layer:
    """A writable overlay over others, the uppermost first."""

    def __init__(self, folder, lower):
        self.folder, self.lower = pathlib.Path(folder), lower
        self.root = self.folder / "root"
        self.upper = self.folder / "upper"
        for part in (self.root, self.upper, self.folder / "work"):
            part.mkdir(parents=True)
        below = ":".join(str(one) for one in lower)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={below},upperdir={self.upper},workdir={self.folder / 'work'}", str(self.root))


class Image:
    def __init__(self, layer):
        self.layer = layer
        self.environment = {"PATH": PATH}
        self.folder = "/"
        self.user = "root"
        self.entrypoint, self.command, self.health, self.stop_signal = [], [], None, "SIGTERM"


def instructions(path):
    """[(keyword, rest)] with continued lines joined."""
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.M))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def options(rest):
    """({option: value}, what follows them)"""
    found = {}
    while match := re.match(r"--([\w-]+)=(\S+)\s+", rest):
        found[match[1]] = match[2]
        rest = rest[match.end():]
    return found, rest


class Builder:
    """bases: {image of a FROM: function of the images so far that gives its folder}. given: added to the
    environment of each RUN. shared: folders of this machine that stages over its own root see."""

    def __init__(self, work, context, bases, given, shared):
        self.work, self.context, self.bases = pathlib.Path(work), pathlib.Path(context), bases
        self.given, self.shared = given, shared
        self.images = {}

    def build(self, path):
        image = None
        for keyword, rest in instructions(path):
            if keyword == "FROM":
                base, name = re.fullmatch(r"(\S+) AS (\w+)", rest).groups()
                image = self.images[name] = Image(Layer(self.work / name, [self.bases[base](self.images)]))
            else:
                getattr(self, "do_" + keyword.lower())(image, rest)
        return self.images

    def do_copy(self, image, rest):
        given, rest = options(rest)
        source, target = rest.split()
        assert set(given) <= {"from"}, given
        top = self.images[given["from"]].layer.root if given else self.context
        target = image.layer.root / target.lstrip("/")
        source = top / source.lstrip("/")
        (target if source.is_dir() else target.parent).mkdir(parents=True, exist_ok=True)
        run("cp", "-a", "--no-preserve=ownership", f"{source}/." if source.is_dir() else str(source), str(target))

    def do_run(self, image, rest):
        assert image.user == "root"
        root = image.layer.root
        words = [f"{k}={v}" for k, v in {**image.environment, **self.given}.items()]
        shared = self.shared if image.layer.lower == ["/"] else []
        steps = [["mount", "-t", "proc", "proc", f"{root}/proc"],
                 *(["mount", "--bind", str(one), f"{root}{one}"] for one in shared),
                 ["exec", "chroot", str(root), "env", "-i", *words, "sh", "-c", f"cd {image.folder} && {rest}"]]
        print(f"RUN {rest}", flush=True)
        run("unshare", "--mount", "sh", "-ec", "\n".join(shlex.join(step) for step in steps))

    def do_workdir(self, image, rest):
        image.folder = rest
        (image.layer.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def do_user(self, image, rest):
        run("chroot", str(image.layer.root), "id", rest)
        image.user = rest

    def do_env(self, image, rest):
        name, value = re.fullmatch(r"(\w+)=(\S+)", rest).groups()
        image.environment[name] = value

    def do_healthcheck(self, image, rest):
        times, rest = options(rest)
        image.health = {name: int(value.removesuffix("s")) for name, value in times.items()}
        image.health["command"] = json.loads(rest.removeprefix("CMD "))

    def do_stopsignal(self, image, rest):
        image.stop_signal = rest

    def do_entrypoint(self, image, rest):
        image.entrypoint = json.loads(rest)

    def do_cmd(self, image, rest):
        image.command = json.loads(rest)


def copy_context(source, target):
    """What a client would send to the engine: all but what .dockerignore names."""
    ignored = (pathlib.Path(source) / ".dockerignore").read_text(encoding="utf-8").split()
    os.makedirs(target)
    packed = subprocess.Popen(["tar", "-C", source, "-c", *(f"--exclude=./{one}" for one in ignored), "."],
                              stdout=subprocess.PIPE)
    run("tar", "-C", target, "-x", "--no-same-owner", stdin=packed.stdout)
    assert packed.wait() == 0
