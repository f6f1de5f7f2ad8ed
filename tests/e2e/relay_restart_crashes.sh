#!/usr/bin/env bash
# A gateway is killed, and killed again at one moment after the other of the restarts it then begins: keys
# may be lost and associations with them, but the capture shows no record number twice, and what is
# left works. Then strangers: every record under restart keys that was captured is replayed, INITs
# arrive at a live association and their cookies in clear. All of that is dropped and counted.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import scapy, cryptography' 2>/dev/null || skip "python3-scapy or python3-cryptography is not installed"
COUNT=100 INITS=400
LAB_TRUNK="restart: true"

of() {
    kill -USR1 "${LAB_PID_OF[gateway-$1]}"
    sleep 0.1
    json "$LAB_DIR/stats-$1.json" "$2" 2>/dev/null || true
}
is() { [ "$(of "$1" "$2")" = "$3" ]; }
kill_a() {
    local pid=${LAB_PID_OF[gateway-a]}
    lab_stop gateway-a KILL || true
    rm -rf "/run/dpdk/sctp-gateway-$pid" # what a killed DPDK program leaves behind
}
play() {
    lab_client --exchange "$LAB_EXCHANGE" --no-sweep --timeout 20 --summary "$LAB_DIR/$1.json" "${@:2}" >"$LAB_DIR/$1.log" 2>&1
}

lab_begin
lab_configs
lab_restart_stores "per_second: 60" "at_once: 4"
lab_capture "$LAB_DIR/middle.pcap"
lab_server
lab_gateway b
lab_gateway a
lab_spawn crowd c "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_A" "$LAB_PORT")" --local "$(lab_at "$LAB_CLIENT" 0)" \
    --exchange "$LAB_EXCHANGE" --no-sweep --associations $COUNT --hold 120
for gateway in a b; do
    lab_await 30 "restart keys are not kept" is $gateway "d['restart_store']['kept']" $COUNT || fail "gateway $gateway keeps too little"
done

deaths=0
for late in 0.00 0.01 0.02 0.03 0.05 0.08 0.12 0.20; do
    kill_a
    lab_spawn gateway-a a "$LAB_GATEWAY" --config "$LAB_DIR/gateway-a.yaml"
    lab_await 20 "not ready" grep -q 'ready:' "$LAB_DIR/gateway-a.log" || fail "gateway A"
    sleep "$late"
    deaths=$((deaths + 1))
done
kill_a
lab_gateway a || fail "gateway A does not start any more"
lab_await 30 "restarts go on" is a "d['restart_store']['waiting'] == 0 and d['relay']['pairs'] <= d['relay']['pairs_restored']" True || fail "restarts: $(of a "d['relay']")"
restored=$(of a "d['relay']['pairs_restored']")
restarted=$(of b "d['relay']['pairs_restarted']")
echo "$deaths deaths: gateway B accepted $restarted restarts, $restored of $COUNT associations are left"
[ "$restarted" -gt "$restored" ] && [ "$restored" -gt 0 ] || fail "it was not killed in the midst of restarts"
# Those that are left and new ones work.
play fresh --associations 2 --pace 10 --duration 20 &
fresh=$!
lab_await 20 "no traffic" grep -q 'messages answered' "$LAB_DIR/fresh.log" || fail "new associations do not work"

before=$(of b "sum(d['drops'].get(k, 0) for k in ('record_replayed', 'record_forged', 'dtls_no_key', 'dtls_no_association'))")
# Those that their clients have ended meanwhile, too.
pairs="d['relay']['pairs'] + d['relay']['closed_gracefully']"
alive=$(of b "$pairs")
inits=$(of b "d['sctp']['init_received']")
echoes=$(of b "d['sctp']['cookie_refused'] + d['sctp']['cookie_invalid'] + d['drops'].get('clear_when_protected', 0)")
cp "$LAB_DIR/middle.pcap" "$LAB_DIR/before.pcap"
lab_in a /usr/bin/python3 "$SOURCE_ROOT/tests/e2e/restart_attack.py" ga1 "$LAB_DIR/before.pcap" "$LAB_B_TRUNK" $INITS \
    >"$LAB_DIR/sent.json" || fail "the attack"
cat "$LAB_DIR/sent.json"
sent() { json "$LAB_DIR/sent.json" "d['$1']"; }
counted() {
    [ "$(of b "sum(d['drops'].get(k, 0) for k in ('record_replayed', 'record_forged', 'dtls_no_key', 'dtls_no_association'))")" -ge $((before + $(sent replayed))) ] &&
        [ "$(of b "d['sctp']['init_received']")" -ge $((inits + INITS)) ] &&
        [ "$(of b "d['sctp']['cookie_refused'] + d['sctp']['cookie_invalid'] + d['drops'].get('clear_when_protected', 0)")" -ge $((echoes + $(sent echoes))) ]
}
lab_await 10 "attacks are not counted" counted || fail "drops: $(of b "d['drops'], d['sctp']")"
[ "$(sent replayed)" -ge "$restarted" ] && [ "$(sent echoes)" -ge $((INITS * 9 / 10)) ] || fail "too few attacks"
is b "d['relay']['pairs_restarted']" "$restarted" || fail "a stranger restarted something"
is b "$pairs" "$alive" || fail "pairs: $alive before, $(of b "$pairs") now"
wait $fresh || fail "new associations: $(tail -n 5 "$LAB_DIR/fresh.log")"
[ "$(json "$LAB_DIR/fresh.json" "d['messages']['verified'] == d['messages']['sent'] and d['restarts'] == 0")" = True ] ||
    fail "messages are missing"
lab_stop crowd || true
lab_stop_gateway a || fail "gateway A ended with code $?"
lab_stop_gateway b || fail "gateway B ended with code $?"
lab_stop_server || true
lab_stop_capture
"$SOURCE_ROOT/tests/e2e/open_capture.py" "$LAB_DIR/before.pcap" "$LAB_DIR/keys-a.log" "$LAB_DIR/keys-b.log" \
    >"$LAB_DIR/opened.json" || fail "records stay closed: $(cat "$LAB_DIR/opened.json")"
cat "$LAB_DIR/opened.json"
[ "$(json "$LAB_DIR/opened.json" "d['repeated'] == 0 and d['restart'] >= 2 * $restarted")" = True ] || fail "record numbers"
