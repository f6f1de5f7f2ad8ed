#!/usr/bin/env bash
# The gateway's figures on DPDK's telemetry socket while messages are relayed: those of stats_file.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

lab_begin
lab_configs
prefix=sdg-telemetry-$$
sed -i "s/^eal: {/eal: { telemetry: true, file_prefix: $prefix,/" "$LAB_DIR/gateway-a.yaml"
lab_server
lab_gateway b
lab_gateway a
socket=/var/run/dpdk/$prefix/dpdk_telemetry.v2

# ask COMMAND FILE: the answer's value.
ask() {
    python3 - "$socket" "$1" >"$2" <<'PYTHON'
import json, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
    s.settimeout(10)
    s.connect(sys.argv[1])
    s.recv(16384)
    s.send(sys.argv[2].encode())
    print(json.dumps(*json.loads(s.recv(16384)).values()))
PYTHON
}

# relayed: the figures of the second in which the last message was relayed have been published.
relayed() {
    ask /gateway/relay "$LAB_DIR/relay.json"
    [ "$(json "$LAB_DIR/relay.json" "d and d['messages_to_backend'] == $sent")" = True ]
}

lab_client --summary "$LAB_DIR/client.json" >"$LAB_DIR/client.log" 2>&1 || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
sent=$(json "$LAB_DIR/client.json" "d['messages']['verified']")
[ "$sent" -gt 0 ] || fail "no messages"
lab_await 5 "no messages in the figures" relayed || fail "the figures do not grow"
[ "$(stat -c %a "/var/run/dpdk/$prefix")" = 700 ] || fail "others may reach the socket"
ask /gateway/worker,0 "$LAB_DIR/worker.json"
[ "$(json "$LAB_DIR/worker.json" "d['sealed'] > 0 and d['opened'] > 0 and d['received'] > 0")" = True ] || fail "worker 0"
ask /gateway/worker,1 "$LAB_DIR/worker.json"
[ "$(json "$LAB_DIR/worker.json" "d is None")" = True ] || fail "there is no worker 1"
ask /gateway/drops "$LAB_DIR/drops.json"
ask /ethdev/stats,1 "$LAB_DIR/ports.json"
[ "$(json "$LAB_DIR/ports.json" "d['ipackets'] > 0 and d['opackets'] > 0")" = True ] || fail "DPDK's own endpoints: $(cat "$LAB_DIR/ports.json")"

stop_all
for section in drops relay; do
    [ "$(json "$LAB_DIR/$section.json" "sorted(d) == sorted(json.load(open('$LAB_DIR/stats-a.json'))['$section'])")" = True ] ||
        fail "$section: other names than in stats_file"
done
[ "$(json "$LAB_DIR/relay.json" "d['messages_to_backend'] == json.load(open('$LAB_DIR/stats-a.json'))['relay']['messages_to_backend']")" = True ] ||
    fail "other figures than in stats_file"
[ ! -e "$socket" ] || fail "the socket is left behind"
