#!/usr/bin/env bash
# A gateway is killed with SIGKILL (or leaves, on its operator's command) and started again: it brings its associations back by protected
# restart, and both plain sides go on. The client is idle meanwhile, or (traffic) goes on sending:
# what is on its way at that moment may be lost, but nothing altered.
#   relay_restart.sh GATEWAY METHOD ASSOCIATIONS [traffic [leave]]
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import scapy, cryptography, jsonschema' 2>/dev/null || skip "python3-scapy, python3-cryptography or python3-jsonschema is not installed"
VICTIM=$1 COUNT=$3 HOW=${5:-KILL}
export LAB_METHOD=$2
LAB_TRUNK="restart: true"
HOLD=$((15 + COUNT / 50))
PLAY=(--hold "$HOLD")
[ "${4:-}" != traffic ] || PLAY=(--duration $((10 + COUNT / 50)) --pace 5 --may-lose 1500)

# of GATEWAY EXPRESSION: from its statistics as they are now.
of() {
    kill -USR1 "${LAB_PID_OF[gateway-$1]}"
    sleep 0.1
    json "$LAB_DIR/stats-$1.json" "$2" 2>/dev/null || true
}
is() { [ "$(of "$1" "$2")" = "$3" ]; }

lab_begin
lab_configs
lab_restart_stores
echo "admin: { socket: admin.sock, audit_log: audit.log }" >>"$LAB_DIR/gateway-$VICTIM.yaml"
lab_capture "$LAB_DIR/middle.pcap"
lab_server
lab_gateway b
lab_gateway a
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --associations "$COUNT" "${PLAY[@]}" --timeout 30 \
    --summary "$LAB_DIR/client.json"
for gateway in a b; do
    lab_await 30 "restart keys are not kept" is $gateway "d['restart_store']['kept']" "$COUNT" ||
        fail "gateway $gateway keeps $(of $gateway "d['restart_store']")"
done

victim_pid=${LAB_PID_OF[gateway-$VICTIM]}
cp "$LAB_DIR/gateway-$VICTIM.log" "$LAB_DIR/gateway-$VICTIM-killed.log"
code=0
if [ "$HOW" = leave ]; then
    "$BUILD_ROOT/tools/ctl/sctp-gateway-ctl" --socket "$LAB_DIR/admin.sock" --json leave >"$LAB_DIR/answer.json" || fail "leave"
    follows_schema leave "$LAB_DIR/answer.json" || fail "leave: $(cat "$LAB_DIR/answer.json")"
    lab_stop "gateway-$VICTIM" 0 || code=$? # no signal: only waits
    [ "$code" -eq 0 ] || fail "gateway $VICTIM left with code $code"
    grep -q "leaving .* associations to the next process" "$LAB_DIR/gateway-$VICTIM.log" || fail "it does not say that it leaves"
else
    lab_stop "gateway-$VICTIM" "$HOW" || true
fi
rm -rf "/run/dpdk/sctp-gateway-$victim_pid" # what a killed DPDK program leaves behind
rm -f "$LAB_DIR/stats-$VICTIM.json"
began=$(date +%s%N)
lab_gateway "$VICTIM"
lab_await 30 "not restored" is "$VICTIM" "d['relay']['pairs_restored']" "$COUNT" ||
    fail "restored: $(of "$VICTIM" "d['relay']")"
echo "$COUNT associations relay again $((($(date +%s%N) - began) / 1000000)) ms after the start"
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
restarts=0
if [ "${4:-}" = traffic ]; then
    json "$LAB_DIR/client.json" "{k: d[k] for k in ('messages', 'restarts', 'longest_silence_ms')}"
    # In flight: a message and its answer of each association.
    [ "$(json "$LAB_DIR/client.json" "d['messages']['sent'] - d['messages']['verified'] <= 2 * $COUNT and d['messages']['verified'] > 50 * $COUNT")" = True ] ||
        fail "messages are missing"
else
    [ "$(json "$LAB_DIR/client.json" "d['messages']['verified'] == d['messages']['sent']")" = True ] || fail "messages are missing"
fi
[ "$VICTIM" = b ] || restarts=$COUNT # the client's associations are the victim's own
[ "$(json "$LAB_DIR/client.json" "d['restarts']")" -eq "$restarts" ] || fail "the client saw other restarts than $restarts"

other=$([ "$VICTIM" = a ] && echo b || echo a)
is "$other" "d['relay']['pairs_restarted']" "$COUNT" || fail "the other gateway: $(of "$other" "d['relay']")"
lab_await 20 "the stores are not empty" is "$VICTIM" "d['relay']['pairs']" 0 || fail "pairs are left"
stop_all
lab_stop_capture
[ "$(json "$LAB_DIR/server.json" "d['associations']['accepted']" 2>/dev/null || echo "$COUNT")" -eq "$COUNT" ] ||
    fail "the server saw more associations than the client has"
for gateway in a b; do
    [ "$(json "$LAB_DIR/stats-$gateway.json" "d['restart_store']['alarms'] + d['sctp']['restarts_refused']")" -eq 0 ] ||
        fail "gateway $gateway: alarms, or restarts refused"
done
# Opens every record, and none twice under one key.
"$SOURCE_ROOT/tests/e2e/open_capture.py" "$LAB_DIR/middle.pcap" "$LAB_DIR/keys-a.log" "$LAB_DIR/keys-b.log" \
    >"$LAB_DIR/opened.json" || fail "records stay closed: $(cat "$LAB_DIR/opened.json")"
cat "$LAB_DIR/opened.json"
[ "$(json "$LAB_DIR/opened.json" "d['repeated'] == 0 and d['restart'] >= 2 * $COUNT")" = True ] || fail "record numbers"
