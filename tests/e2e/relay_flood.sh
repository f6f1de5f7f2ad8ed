#!/usr/bin/env bash
# What somebody without keys can send to a gateway, as fast as one core can, while an association is in
# use: nothing of it is lost, memory stays flat, the counters tell what happened. Round trips are printed
# as a ratio to those without a flood (perf/flood.sh keeps them); they say less on a busy machine and are
# not asserted.
#
#   relay_flood.sh ipv4|ipv6 [KIND...]   default: all. FLOOD_SECONDS (1.5) each, FLOOD_RESULT: where to write JSON
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

flood=$BUILD_ROOT/tests/e2e/sctp-flood
seconds=${FLOOD_SECONDS:-1.5}
family=${1:-ipv4}
kinds=("${@:2}")
[ ${#kinds[@]} -gt 0 ] || kinds=(init init-one-source cookie record-any-tag record-live-tag clear-live-tag stray
    bad-checksum oversize fragment who-has echo garbage)

# Which counter of gateway B must have grown by the kind; "-": none, the kernel keeps fragments.
declare -A counts=([init]=init_rate_limited [init-one-source]=source_rate_limited [cookie]=cookie_rate_limited
    [record-any-tag]=dtls_no_association [record-live-tag]=record_forged [clear-live-tag]=clear_when_protected
    [stray]=stray_rate_limited [bad-checksum]=sctp_checksum [oversize]=frame_too_long [fragment]=-
    [who-has]=neighbour_rate_limited [echo]=icmp_rate_limited [garbage]=sctp_checksum)
# All invented sources of IPv6 are of one /64, and that is one source.
[ "$family" = ipv4 ] || counts[init]=source_rate_limited counts[cookie]=source_rate_limited counts[stray]=source_rate_limited

resident() { # of gateway B, KiB
    sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/${LAB_PID_OF[gateway-b]}/status"
}
# statistics FILE: of gateway B, now.
statistics() {
    rm -f "$LAB_DIR/stats-b.json"
    kill -USR1 "${LAB_PID_OF[gateway-b]}"
    lab_await 10 "no statistics" test -s "$LAB_DIR/stats-b.json" || fail "statistics"
    cp "$LAB_DIR/stats-b.json" "$1"
}
# pings NAME SECONDS: one association that asks every few milliseconds; fails when an answer is missing.
pings() {
    lab_client --exchange "$LAB_EXCHANGE" --no-sweep --no-table --pace 2 --window 1 --duration "$2" --timeout 30 \
        --summary "$LAB_DIR/$1.json" >"$LAB_DIR/$1.log" 2>&1
}

# Small, so that the flood of a busy machine goes beyond them, too.
[ -n "${FLOOD_RESULT:-}" ] ||
    export LAB_EXTRA="budgets: { source_per_second: 100, init_per_second: 500, cookie_per_second: 500, stray_per_second: 500 }"
lab_pair "$family"
# The link takes frames that the gateways do not.
lab_in a ip link set ga1 mtu 3000
lab_in b ip link set gb1 mtu 3000
mac=$(lab_in b cat /sys/class/net/gb1/address)
attack() { lab_in a "$flood" "$1" --interface ga1 --to "$LAB_B_TRUNK" --to-mac "$mac" --seconds "$2"; }

# Everything that is made once is there before memory is looked at: an association, and a short flood of each.
pings warm 2 || fail "no traffic: $(tail -n 3 "$LAB_DIR/warm.log")"
for kind in "${kinds[@]}"; do
    case $kind in *live*) continue ;; esac
    attack "$kind" 0.1 >/dev/null || fail "flood $kind"
done
pings unloaded 4 || fail "no traffic: $(tail -n 3 "$LAB_DIR/unloaded.log")"
before=$(resident)

for kind in "${kinds[@]}"; do
    statistics "$LAB_DIR/before-$kind.json"
    # One association from before the flood until after it.
    pings "ping-$kind" "$(python3 -c "print(int($seconds + 2.5))")" &
    ping=$!
    lab_await 20 "no pings" grep -q 'messages answered' "$LAB_DIR/ping-$kind.log" || fail "no pings"
    attack "$kind" "$seconds" >"$LAB_DIR/sent-$kind.json" || fail "flood $kind"
    kill -0 "$ping" 2>/dev/null || fail "the client ended before the flood of $kind"
    wait "$ping" || fail "messages lost in a flood of $kind: $(tail -n 5 "$LAB_DIR/ping-$kind.log")"
    statistics "$LAB_DIR/after-$kind.json"
done
after=$(resident)
python3 - "$LAB_DIR" "${FLOOD_RESULT:-}" "$before" "$after" "${kinds[@]}" <<'PY' >"$LAB_DIR/table" || { cat "$LAB_DIR/table"; fail "flood"; }
import json, sys
folder, result, before, after, kinds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]
load = lambda name: json.load(open(f"{folder}/{name}.json"))
calm = load("unloaded")["round_trip_us"]
rows = []
print(f"{'flood':<18}{'packets/s':>11}{'p50 us':>9}{'p99 us':>9}{'p50 x':>7}{'p99 x':>7}  drops of gateway B")
print(f"{'none':<18}{0:>11}{calm['p50']:>9.0f}{calm['p99']:>9.0f}{1:>7.1f}{1:>7.1f}")
for kind in kinds:
    sent, trip = load(f"sent-{kind}"), load(f"ping-{kind}")["round_trip_us"]
    old, new = load(f"before-{kind}")["drops"], load(f"after-{kind}")["drops"]
    grown = {name: new[name] - old[name] for name in new if new[name] - old[name] > 100}
    rows.append({"kind": kind, "packets_per_second": sent["per_second"], "p50_us": trip["p50"], "p99_us": trip["p99"],
                 "p50_ratio": trip["p50"] / calm["p50"], "p99_ratio": trip["p99"] / calm["p99"],
                 "messages": trip["count"], "drops": grown})
    print(f"{kind:<18}{sent['per_second']:>11.0f}{trip['p50']:>9.0f}{trip['p99']:>9.0f}{trip['p50'] / calm['p50']:>7.1f}"
          f"{trip['p99'] / calm['p99']:>7.1f}  {grown}")
growth = (after - before) / before
print(f"resident memory of gateway B: {before} KiB before, {after} KiB after: {100 * growth:+.2f} %")
if result:
    json.dump({"unloaded": calm, "floods": rows, "memory_kib": [before, after]}, open(result, "w"), indent=1)
if growth >= 0.01:
    sys.exit("memory grew")
PY
cat "$LAB_DIR/table"
for kind in "${kinds[@]}"; do
    [ "${counts[$kind]}" = - ] || [ "$(python3 -c "
import json
old, new = (json.load(open(f'$LAB_DIR/{w}-$kind.json'))['drops']['${counts[$kind]}'] for w in ('before', 'after'))
print(new - old)")" -gt 100 ] || fail "a flood of $kind is not counted as ${counts[$kind]}"
done
stop_all
# Nothing of it came to the server, and nobody was let in.
[ "$(json "$LAB_DIR/server.json" "d['ended_by_shutdown']")" -eq $((2 + ${#kinds[@]})) ] || fail "associations shut down in order"
