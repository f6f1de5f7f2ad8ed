#!/usr/bin/env bash
# The Debian packages: built from the tree (with the programs of the build folder, not compiled
# again), checked by lintian, installed into a Debian root of their own, where the service starts
# the way its unit says. The root without the packages is kept in the build folder. Containers:
# container_picture.py.
set -euo pipefail
skip() {
    echo "skipped: $*"
    exit 77
}
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
[ "$(id -u)" -eq 0 ] || skip "a root file system needs root"
for tool in dpkg-buildpackage dh lintian mmdebstrap unshare setpriv; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done
# Mounts are of this test alone, and gone with it.
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare --mount true 2>/dev/null || skip "namespaces cannot be made here"
    IN_NAMESPACE=yes exec unshare --mount --propagation private bash "$0" "$@"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/sdg-package.XXXXXX")
gateway='' listener='' network=sdgpackage$$
finish() {
    local code=$?
    for pid in $gateway $listener; do kill -KILL "$pid" 2>/dev/null || true; done
    ip netns del "$network" 2>/dev/null || true
    for folder in proc sys; do umount --lazy "$work/root/$folder" 2>/dev/null || true; done
    rm -rf --one-file-system "$work"
    exit "$code"
}
trap finish EXIT

step=$SECONDS
took() {
    echo "$1: $((SECONDS - step)) s"
    step=$SECONDS
}

mkdir -p "$work/tree"
(cd "$SOURCE_ROOT" && tar -c --exclude='./build*' --exclude=./.git --exclude=./out --exclude=./tests \
    --exclude=./perf .) | tar -x -C "$work/tree"
(cd "$work/tree" && SDG_BUILT=$BUILD_ROOT DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc -b) \
    >"$work/build.log" 2>&1 || {
    tail -n 30 "$work/build.log" >&2
    fail "dpkg-buildpackage"
}
# What debian/rules would have compiled: it is configured for real. The same files are installed, and
# the flags are Debian's, with Meson's levels of optimization and none behind these.
python3 - "$work/tree" <<'PYTHON' || fail "what debian/rules configures"
import json, os, re, subprocess, sys
tree = sys.argv[1]
configured, = (os.path.join(tree, f) for f in os.listdir(tree) if f.startswith('obj-'))
wanted = set(json.loads(subprocess.check_output(['meson', 'introspect', '--installed', configured])).values())
top = os.path.join(tree, 'debian/tmp')
installed = {os.path.join(folder, f)[len(top):] for folder, _, files in os.walk(top) for f in files}
assert len(wanted) > 10 and wanted == installed, wanted ^ installed
levels = {}
for entry in json.load(open(os.path.join(configured, 'compile_commands.json'))):
    flags = entry['command'].split()
    source = os.path.relpath(os.path.join(configured, entry['file']), tree)
    levels.setdefault([f for f in flags if f.startswith('-O')][-1], set()).add(os.path.dirname(source))
    for flag in ('-D_FORTIFY_SOURCE=2', '-fstack-protector-strong', '-Werror=format-security', '-fcf-protection=full', '-std=c++20', '-g'):
        assert flag in flags, (flag, entry)
    assert any(re.match(r'-f(PIE|PIC)', f, re.I) for f in flags), entry
assert set(levels) == {'-O2', '-O3'} and levels['-O3'] == {'dataplane/record'}, levels
assert not any(f.startswith(('tests', 'perf')) for f in levels['-O2']), levels
PYTHON
deb=$(echo "$work"/sctp-gateway_*.deb)
plugin=$(echo "$work"/sctp-gateway-wireshark_*.deb)
took "packages"
lintian --fail-on error,warning --tag-display-limit 0 "$deb" "$plugin" || fail "lintian"
took "lintian"

# --- the plugin ---
dpkg-deb -x "$plugin" "$work/plugin"
for link in usr/lib/x86_64-linux-gnu/wireshark/plugins/sctp_dtls_{chunk,keying}.lua usr/bin/sctp-dtls-decrypt-capture; do
    [ -f "$work/plugin/usr/share/sctp-gateway/wireshark/$(basename "$(readlink "$work/plugin/$link")")" ] || fail "$link leads nowhere"
done
"$work/plugin/usr/share/sctp-gateway/wireshark/decrypt-capture" --help >/dev/null || fail "decrypt-capture"

# --- a root with what the package depends on ---
root_tar=$(bash "$SOURCE_ROOT/tests/deploy/debian_root.sh" "$BUILD_ROOT" "$deb") || skip "no Debian root"
took "root"
mkdir "$work/root"
tar -C "$work/root" -xf "$root_tar"
took "root unpacked"

root=$work/root
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys" # DPDK looks for CPUs there
cp "$deb" "$root/tmp/"
chroot "$root" env DEBIAN_FRONTEND=noninteractive dpkg -i "/tmp/$(basename "$deb")" >"$work/install.log" 2>&1 || {
    cat "$work/install.log" >&2
    fail "dpkg -i"
}
took "installed"

chroot "$root" id sctp-gateway >/dev/null || fail "no user sctp-gateway"
unit=$root/lib/systemd/system/sctp-gateway.service
[ -s "$unit" ] || fail "no unit"
for file in usr/share/man/man8/sctp-gateway.8.gz usr/share/man/man1/sctp-gateway-ctl.1.gz \
    usr/share/bash-completion/completions/sctp-gateway-ctl usr/share/zsh/vendor-completions/_sctp-gateway-ctl \
    usr/share/fish/vendor_completions.d/sctp-gateway-ctl.fish usr/share/sctp-gateway/prometheus/sctp-gateway.rules.yaml \
    usr/share/sctp-gateway/grafana/sctp-gateway.json etc/sctp-gateway/gateway.yaml; do
    [ -s "$root/$file" ] || fail "no $file"
done

# --- the service, as its unit starts it ---
# In a network of its own: the metrics port is the default one.
ip netns add "$network"
ip -n "$network" link set lo up
of_unit() { sed -n "s/^$1=//p" "$unit" | head -n 1; }
user=$(of_unit User)
for folder in run:RuntimeDirectory var/lib:StateDirectory var/log:LogsDirectory; do
    install -d -m 0750 -o "$(chroot "$root" id -u "$user")" -g "$(chroot "$root" id -g "$user")" "$root/${folder%%:*}/$(of_unit "${folder#*:}")"
done
capabilities=$(of_unit AmbientCapabilities | sed 's/CAP_/+/g; s/ /,/g' | tr '[:upper:]' '[:lower:]')
# shellcheck disable=SC2016 # the chroot's shell expands it
as_service=(ip netns exec "$network" chroot "$root" sh -c 'exec setpriv --reuid="$0" --regid="$0" --init-groups --inh-caps="$1" \
    --ambient-caps="$1" --bounding-set="-all,$1" --no-new-privs sh -c "exec $2"' "$user" "$capabilities")
"${as_service[@]}" "$(of_unit ExecStartPre)" || fail "ExecStartPre"
python3 - "$root/run/notify.sock" >"$work/notify.log" 2>&1 <<'PYTHON' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
while True:
    print(s.recv(4096).decode().replace('\n', '|'), flush=True)
PYTHON
listener=$!
await() {
    local tries=200 what=$1
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || {
            tail -n 5 "$work/service.log" >&2
            fail "timed out: $what"
        }
        sleep 0.05
    done
}
await "the supervisor's socket" test -S "$root/run/notify.sock"
NOTIFY_SOCKET=/run/notify.sock RUNTIME_DIRECTORY=/run/$(of_unit RuntimeDirectory) \
    "${as_service[@]}" "$(of_unit ExecStart)" >"$work/service.log" 2>&1 &
gateway=$!
await READY grep -q '^READY=1' "$work/notify.log"
grep -q '^CapEff:	0000000000000000$' "/proc/$gateway/status" || fail "capabilities are left: $(grep Cap "/proc/$gateway/status")"
chroot "$root" sctp-gateway-ctl status || fail "sctp-gateway-ctl status"
await "health" ip netns exec "$network" curl -sf http://127.0.0.1:9641/healthz
kill -TERM "$gateway"
code=0
wait "$gateway" || code=$?
gateway=''
[ "$code" -eq 0 ] || fail "the service ended with $code: $(tail -n 3 "$work/service.log")"
await STOPPING grep -q '^STOPPING=1' "$work/notify.log"
[ -z "$(find "$root/run/sctp-gateway" -mindepth 1)" ] || fail "left behind: $(find "$root/run/sctp-gateway")"
took "service"

chroot "$root" dpkg --purge sctp-gateway >/dev/null 2>&1 || fail "purge"
for file in etc/sctp-gateway/gateway.yaml usr/bin/sctp-gateway; do
    [ ! -e "$root/$file" ] || fail "purge leaves $file"
done
took "purged"
