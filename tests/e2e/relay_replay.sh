#!/usr/bin/env bash
# User messages of real captures (M3UA/ISUP, ForCES) through both gateways.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

lab_pair
for capture in isup forces1 forces2 forces3; do
    for side in initiator responder; do
        lab_client --no-sweep --pcap "$FIXTURES/$capture.pcap" --pcap-side $side || fail "replay of $capture, $side"
    done
done
stop_all
[ "$(json "$LAB_DIR/server.json" "d['ended_by_shutdown']")" -eq 8 ] || fail "associations shut down in order"
