#!/usr/bin/env bash
# How relayed messages fare while handshakes go on: one association sends a message every few
# milliseconds and measures its round trips, first on an idle pair of gateways, then while it is rekeyed
# all the time, while many associations are set up at once, and while all of them are rekeyed at once.
# Real daemons in network namespaces, as ./run.sh (root; set BUILD_DIR if not build).
#
#   perf/handshake-storm.sh [ASSOCIATIONS [OUT.json]]      default 1000 perf/results/handshake-storm.json
set -euo pipefail
cd "$(dirname "$0")/.."
associations=${1:-1000}
out=${2:-perf/results/handshake-storm.json}
build=${BUILD_DIR:-$PWD/build}
. scripts/lab.sh
reason=$(lab_check) || {
    echo "$reason" >&2
    exit 1
}
LAB_GATEWAY=$build/gateway/sctp-gateway LAB_ENDPOINT=$build/endpoint/sctp-endpoint
LAB_EXCHANGE=$PWD/endpoint/data/ngap.yaml
LAB_TLS="min_rekey_interval_ms: 0"
LAB_LISTENER_A=", max_associations: 5000" LAB_LISTENER_B=$LAB_LISTENER_A
LAB_EXTRA="limits: { send_buffer_kib: 64, receive_buffer_kib: 64 }"
lab_pair

# pings NAME SECONDS: one association that asks every few milliseconds.
pings() {
    lab_client --exchange "$LAB_EXCHANGE" --no-sweep --no-table --pace 3 --window 1 --duration "$2" \
        --summary "$LAB_DIR/$1.json" >"$LAB_DIR/$1.log" 2>&1
}
pinging() {
    pings "$@" &
    ping=$!
    lab_await 20 "no pings" grep -q 'messages answered' "$LAB_DIR/$1.log"
}
epochs() { grep -cE 'epoch [0-9]+: TLS|protected by TLS' "$LAB_DIR/gateway-$1.log" || true; }
grown() { [ "$(epochs a)" -ge "$1" ]; }

echo "== idle"
pings idle 6
echo "== rekeyed all the time"
pinging rekeyed 8
before=$(epochs a)
while kill -0 "$ping" 2>/dev/null; do
    kill -USR2 "${LAB_PID_OF[gateway-a]}"
    sleep 0.1
done
wait "$ping"
rekeys=$(($(epochs a) - before))

echo "== $associations associations at once"
pinging setup 25
before=$(epochs a)
start=$(date +%s.%N)
# From an address of its own: two user-space stacks on one would choose the same ports now and then.
lab_in c ip address add 10.1.0.11/24 dev cl0
lab_in c "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_A" "$LAB_PORT")" --local 10.1.0.11:0 \
    --exchange "$LAB_EXCHANGE" --no-sweep --no-table --associations "$associations" --hold 40 --timeout 60 \
    --summary "$LAB_DIR/crowd.json" >"$LAB_DIR/crowd.log" 2>&1 &
crowd=$!
lab_await 60 "the crowd is not up" grown $((before + associations))
setup_s=$(echo "$(date +%s.%N) $start" | awk '{ print $1 - $2 }')
wait "$ping"
echo "== all of them rekeyed at once"
pinging storm 12
before=$(epochs a)
start=$(date +%s.%N)
kill -USR2 "${LAB_PID_OF[gateway-a]}"
lab_await 60 "not all were rekeyed" grown $((before + associations))
rekey_s=$(echo "$(date +%s.%N) $start" | awk '{ print $1 - $2 }')
wait "$ping"
wait "$crowd" || {
    tail -n 5 "$LAB_DIR/crowd.log" >&2
    exit 1
}
lab_stop_server
lab_stop_gateway a
lab_stop_gateway b

python3 - "$LAB_DIR" "$out" "$associations" "$setup_s" "$rekey_s" "$rekeys" <<'PY'
import json, sys
folder, out, associations, setup, rekey, rekeys = sys.argv[1:]
result = {"associations": int(associations), "setup_s": round(float(setup), 2),
          "rekey_all_s": round(float(rekey), 2), "rekeys_of_one": int(rekeys), "round_trip_us": {}}
print(f"{'':<26} {'messages':>9} {'p50 us':>8} {'p90 us':>8} {'p99 us':>8} {'max us':>8}")
for name, title in (("idle", "idle"), ("rekeyed", f"one rekeyed {rekeys} times"),
                    ("setup", f"{associations} set up"), ("storm", f"{associations} rekeyed")):
    summary = json.load(open(f"{folder}/{name}.json"))
    trip = {key: round(value) for key, value in summary["round_trip_us"].items()}
    result["round_trip_us"][name] = trip
    print(f"{title:<26} {summary['messages']['verified']:>9} {trip['p50']:>8} {trip['p90']:>8} "
          f"{trip['p99']:>8} {trip['max']:>8}")
    if not summary["passed"]:
        sys.exit(f"{name}: not every message was answered")
print(f"{associations} set up and relayed in {float(setup):.1f} s, all rekeyed in {float(rekey):.1f} s")
json.dump(result, open(out, "w"), indent=2)
PY
