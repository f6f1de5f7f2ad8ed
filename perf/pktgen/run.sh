#!/usr/bin/env bash
# Traffic through the data plane alone, where there is no NIC: a forwarder and a generator on memif (two
# processes, shared memory), on af_packet over veth (two network namespaces; root) or on net_ring (one
# process, any user). Sealing, opening and round trip, by packet size and with IMIX.
#
#   perf/pktgen/run.sh memif|veth|ring [OUT_DIR] [option...]      default OUT_DIR perf/results/pktgen
#     --quick            two sizes, half a second each: to see that it works
#     --seconds N        per run (3)                --associations N    (64)
#     --workers N        of the forwarder (1)       --suite NAME        (TLS_AES_128_GCM_SHA256)
#     --open             as many packets as the ports take, losses counted; otherwise at most --window
#     --window N         packets on their way (512), so that what is measured is the rate without loss
#
# BUILD_DIR: if not build. Exit code 77: this machine cannot do it; the reason is printed.
set -euo pipefail
out_base=$PWD
cd "$(dirname "$0")/../.."
build=${BUILD_DIR:-$PWD/build}
. scripts/lab.sh

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' perf/pktgen/run.sh >&2
    exit 1
}
quick='' seconds=3 associations=64 workers=1 suite=TLS_AES_128_GCM_SHA256 window=512 out='' kind=''
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=1 ;;
        --open) window=0 ;;
        --seconds | --associations | --workers | --suite | --window)
            [ $# -ge 2 ] || usage
            printf -v "${1#--}" %s "$2"
            shift
            ;;
        memif | veth | ring) kind=$1 ;;
        -*) usage ;;
        *) out=$1 ;;
    esac
    shift
done
[ -n "$kind" ] || usage
case $out in
    "") out=$PWD/perf/results/pktgen ;;
    /*) ;;
    *) out=$out_base/$out ;;
esac
sizes=(64 128 256 512 1024 1400 imix)
if [ -n "$quick" ]; then
    sizes=(256 imix) seconds=0.5
fi
forwarder=$build/perf/pktgen/traffic-forwarder
generator=$build/perf/pktgen/traffic-generator
for program in "$forwarder" "$generator"; do
    [ -x "$program" ] || {
        echo "$program is missing: ninja -C $build ${program#"$build"/}" >&2
        exit 1
    }
done

if [ "$kind" = veth ]; then
    reason=$(lab_check) || {
        echo "skipped: $reason"
        exit 77
    }
    lab_start ipv4 g f
    lab_link g plain f fplain
    lab_link g sealed f fsealed
    for interface in "g plain" "g sealed" "f fplain" "f fsealed"; do
        # shellcheck disable=SC2086
        lab_bare_up $interface
    done
else
    lab_start ipv4
fi
mkdir -p "$out"

# spawn NAME NS-SUFFIX COMMAND...: as lab_spawn, in a namespace only where there are any.
spawn() {
    if [ "$kind" = veth ]; then
        lab_spawn "$@"
        return
    fi
    local name=$1
    shift 2
    "$@" >"$LAB_DIR/$name.log" 2>&1 &
    LAB_PID_OF[$name]=$!
}
ended() { ! lab_alive "$1"; }

# devices forwarder|generator: the options that name both legs' devices.
devices() {
    local side=$1 role=server prefix=f leg
    [ "$side" = forwarder ] || role=client prefix=
    for leg in plain sealed; do
        [ "$leg" = plain ] && echo --plain || echo --protected
        case $kind in
            memif) echo "net_memif_$leg,role=$role,id=0,socket=$LAB_DIR/$leg.sock,socket-abstract=no" ;;
            veth) echo "net_af_packet_$leg,iface=$prefix$leg,qdisc_bypass=1" ;;
        esac
    done
}

# run DIRECTION SIZE: one run; its results go to the folder.
run() {
    local direction=$1 size=$2 code=0 name=$kind-$1-$2
    local common=(--associations "$associations" --suite "$suite")
    local what=(--direction "$direction" --seconds "$seconds" --window "$window" --json "$out/$name.json")
    if [ "$size" = imix ]; then what+=(--mix imix); else what+=(--size "$size"); fi
    rm -f "$out/$name.json" "$out/$name-forwarder.json"
    if [ "$kind" = ring ]; then
        spawn generator g "$generator" --with-forwarder --workers "$workers" "${common[@]}" "${what[@]}"
    else
        local near far queues=1
        mapfile -t far < <(devices forwarder)
        mapfile -t near < <(devices generator)
        # A memif has the queues that both ends have.
        [ "$kind" != memif ] || queues=$workers
        spawn forwarder f "$forwarder" "${far[@]}" "${common[@]}" --workers "$workers" \
            --json "$out/$name-forwarder.json"
        spawn generator g "$generator" "${near[@]}" "${common[@]}" "${what[@]}" --queues "$queues"
    fi
    lab_await $((${seconds%.*} + 40)) "the generator ($name)" ended generator || code=1
    lab_stop generator || code=$?
    [ "$kind" = ring ] || lab_stop forwarder || code=$?
    if [ "$code" -ne 0 ]; then
        echo "FAILED: $name" >&2
        tail -n 5 "$LAB_DIR"/*.log >&2
        exit 1
    fi
    tail -n 1 "$LAB_DIR/generator.log"
}

echo "$kind: $associations associations, $suite, $workers worker(s), window $window"
for direction in seal open round-trip; do
    for size in "${sizes[@]}"; do
        run "$direction" "$size"
    done
done

# One file for all runs of a kind, for plots and comparisons.
python3 - "$out" "$kind" "$workers" "${sizes[@]}" <<'PY'
import json, os, sys
out, kind, workers, *sizes = sys.argv[1:]
runs = []
for direction in ("seal", "open", "round-trip"):
    for size in sizes:
        name = f"{out}/{kind}-{direction}-{size}"
        run = json.load(open(name + ".json"))
        forwarder = run.pop("forwarder", None) or json.load(open(name + "-forwarder.json"))
        runs.append({key: run[key] for key in ("direction", "mix", "sent", "received", "lost", "ratio",
                                               "packets_per_s", "gbit_per_s")}
                    | {"forwarder_cycles_per_packet": round(forwarder["cycles"]["per_packet"], 1),
                       "forwarder_packets_per_s_busy": round(forwarder["packets_per_s_busy"]),
                       "drops": forwarder["drops"]})
first = json.load(open(f"{out}/{kind}-seal-{sizes[0]}.json"))
json.dump({"ports": kind, "workers": int(workers), "window": first["window"], "suite": first["suite"],
           "associations": first["associations"], "runs": runs}, open(f"{out}/{kind}.json", "w"), indent=2)
PY
echo "results: $out/$kind.json"
