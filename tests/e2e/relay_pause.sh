#!/usr/bin/env bash
# The whole process stands still for five seconds in the midst of traffic, first gateway A, then gateway
# B (SIGSTOP, SIGCONT: a virtual machine that is moved, a host that swaps): every message arrives and no
# association ends.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
COUNT=4 PAUSE=5

lab_pair
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --associations $COUNT --pace 5 --duration 20 --timeout 30 \
    --summary "$LAB_DIR/client.json"
client_runs
for gateway in a b; do
    pid=${LAB_PID_OF[gateway-$gateway]}
    lab_alive client || fail "there is no traffic any more"
    kill -STOP "$pid"
    sleep $PAUSE # the fault itself: how long it stands still
    [ "$(awk '/^State:/ { print $2 }' "/proc/$pid/status")" = T ] || fail "gateway $gateway was not stopped"
    kill -CONT "$pid"
    # It relays again, long before the client would give an answer up.
    lab_await 10 "gateway $gateway does not go on" lab_gateway_ready $gateway || fail "gateway $gateway"
done
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
json "$LAB_DIR/client.json" "{k: d[k] for k in ('messages', 'restarts', 'longest_silence_ms')}"
[ "$(json "$LAB_DIR/client.json" "d['messages']['verified'] == d['messages']['sent'] > 50 * $COUNT and d['restarts'] == 0")" = True ] ||
    fail "messages are missing"
[ "$(json "$LAB_DIR/client.json" "d['longest_silence_ms'] >= $PAUSE * 900")" = True ] || fail "nothing has stood still"
stop_all
[ "$(json "$LAB_DIR/server.json" "d['associations']['accepted']" 2>/dev/null || echo $COUNT)" -eq $COUNT ] || fail "associations have ended"
