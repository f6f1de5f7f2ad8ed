#!/usr/bin/env bash
# The restart store of a running gateway fills up, or its server is gone: associations go on
# and lose nothing, new keys are used although they cannot be kept, the alarm counts, the log says why.
# When the store is back, keys are kept again. A gateway does not start on a damaged or read-only one.
#   relay_store_faults.sh sqlite|redis
if [ -z "${SDG_OWN_MOUNTS:-}" ] && [ "$(id -u)" -eq 0 ]; then
    SDG_OWN_MOUNTS=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
KIND=$1 COUNT=3
LAB_TRUNK="restart: true"
LAB_TLS="min_rekey_interval_ms: 0"

of() {
    kill -USR1 "${LAB_PID_OF[gateway-a]}"
    sleep 0.1
    json "$LAB_DIR/stats-a.json" "$1" 2>/dev/null || true
}
holds() { [ "$(of "$1")" = True ]; }
rekey() {
    EPOCH=$((EPOCH + 1))
    kill -USR2 "${LAB_PID_OF[gateway-a]}"
    lab_await 10 "no epoch $EPOCH" all_have_epoch || fail "epoch $EPOCH with the store $1"
}
all_have_epoch() { [ "$(grep -c "epoch $EPOCH: TLS" "$LAB_DIR/gateway-a.log")" -eq $COUNT ]; }

redis() {
    lab_spawn redis a redis-server --port 0 --unixsocket "$LAB_DIR/redis.sock" --unixsocketperm 700 \
        --dir "$LAB_DIR" --appendonly yes --appendfsync always --maxmemory-policy noeviction --save ""
    lab_await 10 "redis does not listen" redis-cli -s "$LAB_DIR/redis.sock" ping || fail "redis"
}

break_store() {
    case $1 in
        full) dd if=/dev/zero of="$LAB_DIR/store-a/ballast" bs=4096 2>/dev/null || true ;;
        gone) lab_stop redis KILL || true ;;
    esac
}
mend_store() {
    case $1 in
        full) rm "$LAB_DIR/store-a/ballast" ;;
        gone) redis ;;
    esac
}

lab_begin
lab_configs
mkdir -m 700 "$LAB_DIR/store-a"
if [ "$KIND" = sqlite ]; then
    mount -t tmpfs -o size=1m,mode=700 tmpfs "$LAB_DIR/store-a"
    LAB_MOUNTS+=("$LAB_DIR/store-a")
    PLACE="sqlite: { file: store-a/restart.db }"
else
    command -v redis-server >/dev/null || skip "redis-server is not installed"
    redis
    PLACE="redis: { server: \"unix:$LAB_DIR/redis.sock\" }"
fi
(umask 077 && openssl rand -hex 32 >"$LAB_DIR/kek")
cat >>"$LAB_DIR/gateway-a.yaml" <<YAML
restart:
  $PLACE
  key: { file: kek }
  owner: a
  lease_ms: 2000
YAML
lab_server
lab_gateway b
lab_gateway a
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --associations $COUNT --pace 2 --duration 120 --expect-end shutdown \
    --summary "$LAB_DIR/client.json"
lab_await 20 "restart keys are not kept" holds "d['restart_store']['kept'] == $COUNT" || fail "$(of "d['restart_store']")"
EPOCH=3
rekey "as it should be"
lab_await 20 "new keys are not kept" holds "d['restart_store']['kept'] == 2 * $COUNT" || fail "$(of "d['restart_store']")"

# fault WHAT: until it has been noticed, as a write-ahead log may have room for some more.
fault() {
    local alarms kept
    alarms=$(of "d['restart_store']['alarms']")
    kept=$(of "d['restart_store']['not_kept']")
    break_store "$1"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rekey "$1"
        ! holds "d['restart_store']['alarms'] > $alarms and d['restart_store']['not_kept'] > $kept" || return 0
    done
    fail "no alarm with the store $1"
}
mended() {
    local kept
    kept=$(of "d['restart_store']['kept']")
    mend_store "$1"
    lab_await 20 "keys are not put again" holds "d['restart_store']['unkept'] == 0 and d['restart_store']['kept'] > $kept" ||
        fail "what the store did not take while it was $1 is not put again: $(of "d['restart_store']")"
    kept=$(of "d['restart_store']['kept']")
    rekey "mended"
    lab_await 20 "new keys are not kept" holds "d['restart_store']['kept'] >= $kept + $COUNT" ||
        fail "nothing is kept after the store was $1: $(of "d['restart_store']")"
}
does_not_start() {
    local code=0
    lab_in a "$LAB_GATEWAY" --config "$LAB_DIR/gateway-a.yaml" >"$LAB_DIR/refused.log" 2>&1 || code=$?
    [ "$code" -eq 1 ] || fail "with a store that is $1 it ended with code $code"
    grep "restart" "$LAB_DIR/refused.log" || fail "it does not name the store: $(cat "$LAB_DIR/refused.log")"
}

if [ "$KIND" = sqlite ]; then
    fault full
    mended full
else
    fault gone
    mended gone
fi
grep -q 'associations go on, but cannot be restarted as they are now' "$LAB_DIR/gateway-a.log" || fail "the log does not say so"
of "d['restart_store']"
grep 'associations go on' "$LAB_DIR/gateway-a.log"
lab_alive gateway-a || fail "the gateway has ended"
lab_alive client || fail "the client has ended: $(tail -n 5 "$LAB_DIR/client.log")"

lab_stop_gateway a || fail "gateway A ended with code $?" # ends the client, too
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
[ "$(json "$LAB_DIR/client.json" "d['messages']['verified'] > 100 * $COUNT and d['restarts'] == 0")" = True ] || fail "too little traffic"
if [ "$KIND" = sqlite ]; then
    dd if=/dev/urandom of="$LAB_DIR/store-a/restart.db" bs=1024 count=64 conv=notrunc 2>/dev/null
    does_not_start damaged
    rm "$LAB_DIR"/store-a/*
    mount -o remount,ro "$LAB_DIR/store-a"
    does_not_start read-only
else
    lab_stop redis KILL || true
    does_not_start gone
fi
lab_stop_server || fail "the server ended with code $?"
lab_stop_gateway b || fail "gateway B ended with code $?"
