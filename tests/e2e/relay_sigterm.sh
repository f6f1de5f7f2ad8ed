#!/usr/bin/env bash
# SIGTERM: a gateway drains, shuts its associations down on both legs, and leaves nothing behind.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

gateways=()
# Files of the gateways that this test started (others may run on this machine), and the links.
left_behind() {
    local pid
    for pid in "${gateways[@]}"; do
        dpdk_files | grep -F -e "-$pid" || true
    done
    ip netns exec "$(lab_ns a)" ip -o link | awk -F': ' '{ print $2 }'
}

lab_begin
lab_configs
left_behind >"$LAB_DIR/before"
for gateway in a b; do
    lab_server
    lab_gateway b
    lab_gateway a
    gateways+=("${LAB_PID_OF[gateway-a]}" "${LAB_PID_OF[gateway-b]}")
    client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 5 --duration 60 --associations 3 \
        --expect-end shutdown
    client_runs
    started=$(date +%s)
    lab_stop_gateway $gateway || fail "gateway $gateway ended with code $?"
    [ $(($(date +%s) - started)) -le 8 ] || fail "gateway $gateway took longer than its time-out"
    client_end || fail "the client saw no orderly SHUTDOWN from gateway $gateway: $(tail -n 3 "$LAB_DIR/client.log")"
    [ "$(json "$LAB_DIR/stats-$gateway.json" "d['records']['sealed'] > 0")" = True ] || fail "no statistics"
    stop_all
    [ "$(json "$LAB_DIR/server.json" "d['ended_by_shutdown']")" -eq 3 ] || fail "the server saw no orderly SHUTDOWN"
    left_behind >"$LAB_DIR/after"
    diff "$LAB_DIR/before" "$LAB_DIR/after" || fail "something was left behind"
done
