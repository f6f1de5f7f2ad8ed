#!/usr/bin/env bash
# A standby takes the associations of a gateway over by protected restart, through a shared Redis: when
# the gateway is killed, when it only stands still and finds itself fenced afterwards, and when it leaves.
#   relay_takeover.sh KILL|STOP|QUIT
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
command -v redis-server >/dev/null || skip "redis-server is not installed"
HOW=$1 COUNT=10
LEASE=2000
[ "$HOW" != QUIT ] || LEASE=600000 # who leaves gives it back
LAB_TRUNK="restart: true"

lab_begin
lab_configs
(umask 077 && openssl rand -hex 32 >"$LAB_DIR/kek")
lab_spawn redis a redis-server --port 0 --unixsocket "$LAB_DIR/redis.sock" --unixsocketperm 700 \
    --dir "$LAB_DIR" --appendonly yes --appendfsync always --maxmemory-policy noeviction --save ""
lab_await 10 "redis does not listen" test -S "$LAB_DIR/redis.sock" || fail "redis"
for owner in one two; do
    sed "s/stats-a/stats-$owner/; s/keys-a/keys-$owner/" "$LAB_DIR/gateway-a.yaml" >"$LAB_DIR/gateway-$owner.yaml"
    cat >>"$LAB_DIR/gateway-$owner.yaml" <<YAML
restart:
  redis: { server: "unix:$LAB_DIR/redis.sock" }
  key: { file: kek }
  owner: $owner
  lease_ms: $LEASE
  standby: $([ $owner = one ] && echo false || echo true)
YAML
done
of() {
    kill -USR1 "${LAB_PID_OF[$1]}"
    sleep 0.1
    json "$LAB_DIR/stats-$1.json" "$2" 2>/dev/null || true
}
is() { [ "$(of "$1" "$2")" = "$3" ]; }

lab_server
lab_gateway b
lab_spawn one a "$LAB_GATEWAY" --config "$LAB_DIR/gateway-one.yaml"
lab_await 20 "the gateway is not ready" grep -q 'ready:' "$LAB_DIR/one.log" || fail "gateway one"
lab_spawn two a "$LAB_GATEWAY" --config "$LAB_DIR/gateway-two.yaml"
lab_await 20 "no standby" grep -q 'standby: ' "$LAB_DIR/two.log" || fail "gateway two"
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --associations "$COUNT" --hold 20 --timeout 30 \
    --summary "$LAB_DIR/client.json" >"$LAB_DIR/client.log" 2>&1 &
client=$!
lab_await 30 "restart keys are not kept" is one "d['restart_store']['kept']" "$COUNT" || fail "gateway one keeps too little"
grep -q 'ready:' "$LAB_DIR/two.log" && fail "the standby did not wait"

one=${LAB_PID_OF[one]}
kill -"$HOW" "$one"
lab_await 15 "no take-over" grep -q 'ready:' "$LAB_DIR/two.log" || fail "gateway two"
lab_await 20 "not restored" is two "d['relay']['pairs_restored']" "$COUNT" || fail "restored: $(of two "d['relay']")"
if [ "$HOW" = STOP ]; then
    kill -CONT "$one"
    code=0
    wait "$one" || code=$?
    [ "$code" -eq 3 ] || fail "the fenced gateway ended with code $code"
    unset "LAB_PID_OF[one]"
    grep -q 'another gateway owns the associations' "$LAB_DIR/one.log" || fail "it does not say why it ended"
else
    code=0
    lab_stop one "$HOW" || code=$?
    [ "$HOW" != QUIT ] || [ "$code" -eq 0 ] || fail "the gateway left with code $code"
    rm -rf "/run/dpdk/sctp-gateway-$one"
fi
wait $client || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
[ "$(json "$LAB_DIR/client.json" "d['messages']['verified'] == d['messages']['sent']")" = True ] || fail "messages are missing"
lab_stop_server || fail "the server ended with code $?"
lab_stop two || fail "gateway two ended with code $?"
lab_stop_gateway b || fail "gateway B ended with code $?"
[ "$(json "$LAB_DIR/stats-b.json" "d['relay']['pairs_restarted']")" -eq "$COUNT" ] || fail "gateway B saw other restarts"
lab_stop redis || true
