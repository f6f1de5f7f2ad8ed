#!/usr/bin/env bash
# Two gateways, all three key-management methods, traffic both ways, and faults from a seed: every message
# is checked, and memory, descriptors, counters and recovery times are watched.
#
#   tests/soak/run.sh [--seconds N] [--seed S] [--out DIR] [--only FAULT,...]
#
# --seconds   how long there is traffic, default 600
# --seed      of faults and messages; printed at the end, to run the same again. Default: of the clock
# --out       where summary.txt, summary.json, soak.svg and, after a failure, the logs go; default out/soak
# --only      these faults only (tests/soak/faults.py)
#
# BUILD_DIR (default build) has the programs. Exit code 0: passed, 77: this machine cannot do it.
if [ -z "${SDG_OWN_MOUNTS:-}" ] && [ "$(id -u)" -eq 0 ]; then
    # The store of gateway A is on a file system of its own, so that it can fill up.
    SDG_OWN_MOUNTS=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
SOURCE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD_ROOT=${BUILD_ROOT:-$SOURCE_ROOT/${BUILD_DIR:-build}}
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
for tool in nft gnuplot redis-server; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done
/usr/bin/python3 -c 'import scapy' 2>/dev/null || skip "python3-scapy is not installed"

OUT=$SOURCE_ROOT/out/soak
ARGUMENTS=()
while [ $# -gt 0 ]; do
    case $1 in
        --out) OUT=$2 ;;
        --seconds | --seed | --only) ARGUMENTS+=("$1" "$2") ;;
        *)
            sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
            exit 2
            ;;
    esac
    shift 2
done
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)

#   c clients --- a gateway A --- b gateway B --- s server      and the other way round:
#   n server -----'                          `--- z clients
lab_start ipv4 c a b s n z
lab_link c cl0 a ga0
lab_link a ga1 b gb1
lab_link b gb0 s sv0
lab_link a ga2 n sv1
lab_link b gb2 z cl1
for end in "a ga0" "a ga1" "a ga2" "b gb0" "b gb1" "b gb2"; do
    read -r side device <<<"$end"
    lab_bare_up "$side" "$device"
done
lab_host s sv0 "$LAB_SERVER"
lab_host n sv1 10.4.0.10
for end in "c cl0 $LAB_CLIENT" "z cl1 10.5.0.10"; do
    read -r side device address <<<"$end"
    lab_in "$side" ip link add br0 type bridge || skip "no bridges on this kernel"
    lab_in "$side" ip link set "$device" master br0
    lab_in "$side" ip link set "$device" up
    lab_host "$side" br0 "$address"
done
while read -r name side address; do
    ip netns add "$(lab_ns "$name")"
    LAB_NAMESPACES+=("$(lab_ns "$name")")
    lab_link "$side" "to$name" "$name" eth0
    lab_in "$side" ip link set "to$name" master br0
    lab_in "$side" ip link set "to$name" up
    lab_host "$name" eth0 "$address"
done < <(/usr/bin/python3 "$SOURCE_ROOT/tests/soak/soak.py" hosts)
lab_credentials
lab_preshared_key
mkdir -m 700 "$LAB_DIR/store-a"
mount -t tmpfs -o size=8m,mode=700 tmpfs "$LAB_DIR/store-a"
LAB_MOUNTS+=("$LAB_DIR/store-a")
(umask 077 && openssl rand -hex 32 >"$LAB_DIR/kek")

code=0
/usr/bin/python3 "$SOURCE_ROOT/tests/soak/soak.py" --source "$SOURCE_ROOT" --build "$BUILD_ROOT" --lab "$LAB_DIR" \
    --namespace "sdg$$" --out "$OUT" ${ARGUMENTS[@]+"${ARGUMENTS[@]}"} &
LAB_PID_OF[soak]=$! # ended by the traps, which do not wait for a command in the foreground
wait "${LAB_PID_OF[soak]}" || code=$?
unset "LAB_PID_OF[soak]"
for name in "${LAB_NAMESPACES[@]}"; do
    left=$(ip netns pids "$name" | tr '\n' ' ')
    [ -z "$left" ] || {
        echo "processes are left: $left" >&2
        # shellcheck disable=SC2086
        kill -KILL $left # they are in a namespace of ours
        code=1
    }
done
exit $code
