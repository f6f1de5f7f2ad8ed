#!/usr/bin/env bash
# How long associations take to come back when the gateway they began at is killed with traffic
# running: from the start of the new process to the first answer that a client gets through it, and
# until every association has had one. Real daemons in network namespaces, as ./run.sh (root; set
# BUILD_DIR if not build).
#
#   perf/restart-time.sh [OUT.json [RUNS [ASSOCIATIONS...]]]
#
# default perf/results/restart-time.json 3 1 100 1000; figures are the medians of the runs.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-perf/results/restart-time.json}
runs=${2:-3}
counts=("${@:3}")
[ ${#counts[@]} -gt 0 ] || counts=(1 100 1000)
build=${BUILD_DIR:-$PWD/build}

# One run in a lab of its own, which removes itself: prints START FIRST LAST, UNIX ms.
measure() (
    . scripts/lab.sh
    reason=$(lab_check) || {
        echo "$reason" >&2
        exit 1
    }
    count=$1
    # A thousand messages a second at most, so that the machine is not busy with those alone: each
    # association has one in flight, and sends the next one, the answer lost, after `patience` ms.
    pace=$((count + 5)) patience=$((count / 4 + 50))
    LAB_GATEWAY=$build/gateway/sctp-gateway LAB_ENDPOINT=$build/endpoint/sctp-endpoint
    LAB_EXCHANGE=$PWD/endpoint/data/ngap.yaml
    LAB_TRUNK="restart: true" LAB_TLS="handshake_timeout_ms: 30000" # all are set up at once
    LAB_LISTENER_A=", max_associations: 5000" LAB_LISTENER_B=$LAB_LISTENER_A
    LAB_EXTRA="limits: { send_buffer_kib: 64, receive_buffer_kib: 64 }"
    lab_begin
    lab_configs
    sed -i 's/connect_timeout_ms: 5000/connect_timeout_ms: 30000/' "$LAB_DIR"/gateway-?.yaml
    lab_restart_stores
    kept() {
        kill -USR1 "${LAB_PID_OF[gateway-$1]}"
        sleep 0.2
        [ "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["restart_store"]["kept"])' \
            "$LAB_DIR/stats-$1.json")" -ge "$count" ]
    }
    lab_server
    lab_gateway b
    lab_gateway a
    lab_spawn client c "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_A" "$LAB_PORT")" --local "$(lab_at "$LAB_CLIENT" 0)" \
        --exchange "$LAB_EXCHANGE" --no-sweep --no-table --associations "$count" --pace "$pace" \
        --duration $((7 + count / 50)) --may-lose "$patience" --timeout 60 --summary "$LAB_DIR/client.json"
    for gateway in a b; do
        lab_await 40 "restart keys are not kept" kept $gateway
    done
    victim=${LAB_PID_OF[gateway-a]}
    lab_stop gateway-a KILL || true
    rm -rf "/run/dpdk/sctp-gateway-$victim" # what a killed DPDK program leaves behind
    start=$(date +%s%3N)
    lab_spawn gateway-a a "$LAB_GATEWAY" --config "$LAB_DIR/gateway-a.yaml"
    wait "${LAB_PID_OF[client]}" || {
        tail -n 5 "$LAB_DIR/client.log" >&2
        exit 1
    }
    python3 - "$LAB_DIR/client.json" "$start" "$count" <<'PY'
import json, sys
summary, start, count = json.load(open(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
if summary["restarts"] != count:
    sys.exit(f"{summary['restarts']} of {count} associations were restarted")
after = summary["answered_after_restart"]
print(start, after["first_unix_ms"], after["last_unix_ms"])
PY
)

results=()
for count in "${counts[@]}"; do
    for ((run = 0; run < runs; run++)); do
        times=$(measure "$count")
        results+=("$count $times")
        echo "${results[-1]}" | awk '{ printf "%d associations: first answer %.2f s after the start, all %.2f s\n", $1, ($3 - $2) / 1e3, ($4 - $2) / 1e3 }'
    done
done
printf '%s\n' "${results[@]}" | python3 -c '
import collections, json, statistics, sys
runs = collections.defaultdict(list)
for line in sys.stdin:
    count, start, first, last = map(int, line.split())
    runs[count].append((first - start, last - start))
out = [{"associations": count, "runs": len(of),
        "first_answer_ms": statistics.median(f for f, _ in of), "all_answered_ms": statistics.median(l for _, l in of),
        "all_answered_ms_most": max(l for _, l in of)} for count, of in runs.items()]
json.dump({"restarts": out}, open(sys.argv[1], "w"), indent=2)
' "$out"
