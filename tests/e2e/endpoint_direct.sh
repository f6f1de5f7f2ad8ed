#!/usr/bin/env bash
# Client and server without gateways: what the endpoints must manage by themselves, over both IP
# versions, for all endings; and that the client notices what it is there to notice.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

lab_begin_direct "$1"

echo "== exchange and sweep"
lab_server
lab_client --exchange "$LAB_EXCHANGE" --summary "$LAB_DIR/client.json" || fail "exchange and sweep"
[ "$(json "$LAB_DIR/client.json" "d['messages']['verified']")" -ge 270 ] || fail "too few messages"
echo "== twenty associations"
lab_client --exchange "$LAB_EXCHANGE" --associations 20 --largest 3000 || fail "associations at once"
echo "== captures"
for capture in isup forces1 forces2 forces3; do
    lab_client --no-sweep --pcap "$FIXTURES/$capture.pcap" --pcap-side both || fail "replay of $capture"
done
echo "== ABORT by the client"
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --abort || fail "abort"
lab_stop_server || fail "the server ended with code $?"
[ "$(json "$LAB_DIR/server.json" "d['ended_by_shutdown']")" -eq 25 ] || fail "associations shut down"
[ "$(json "$LAB_DIR/server.json" "d['ended_by_abort']")" -eq 1 ] || fail "associations aborted"

echo "== ABORT by the server"
LAB_SERVER_OPTIONS=(--abort-after 5)
lab_server
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --expect-end abort || fail "the server's ABORT"
if lab_client --exchange "$LAB_EXCHANGE" --no-sweep; then fail "an unexpected ABORT went unnoticed"; fi
lab_stop_server || fail "the server ended with code $?"

echo "== SHUTDOWN by the server, after N messages and at SIGTERM"
LAB_SERVER_OPTIONS=(--shutdown-after 5)
lab_server
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --expect-end shutdown || fail "the server's SHUTDOWN"
lab_stop_server || fail "the server ended with code $?"

echo "== wrong answers are noticed"
sed '0,/from: server/! {0,/hex: "20150/ s//hex: "20151/}' "$LAB_EXCHANGE" >"$LAB_DIR/other.yaml"
cmp -s "$LAB_EXCHANGE" "$LAB_DIR/other.yaml" && fail "the exchange was not changed"
LAB_EXCHANGE_OF_CLIENT=$LAB_EXCHANGE
LAB_SERVER_OPTIONS=()
LAB_EXCHANGE=$LAB_DIR/other.yaml lab_server
if lab_client --exchange "$LAB_EXCHANGE_OF_CLIENT" --no-sweep 2>"$LAB_DIR/noticed"; then fail "a wrong answer went unnoticed"; fi
grep -q 'answer to NGSetupRequest on stream 0 differs: octet 2' "$LAB_DIR/noticed" || fail "$(cat "$LAB_DIR/noticed")"
lab_stop_server || fail "the server ended with code $?"

echo "== a silent peer is a time-out, not a hang"
if timeout 60 ip netns exec "$(lab_ns c)" "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_SERVER" 9)" \
    --local "$(lab_at "$LAB_CLIENT" 0)" --exchange "$LAB_EXCHANGE_OF_CLIENT" --timeout 2 2>"$LAB_DIR/noticed"; then
    fail "a silent peer passed"
fi
grep -qE 'nothing moved for 2000 ms|refuses the association' "$LAB_DIR/noticed" || fail "$(cat "$LAB_DIR/noticed")"
