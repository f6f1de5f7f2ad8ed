#!/usr/bin/env bash
# Garbage, truncated, replayed, bit-flipped, wrong-tag, wrong-epoch, bundled and unprotected packets at
# both gateways while associations are in use: dropped and counted by reason, the associations live on.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import scapy' 2>/dev/null || skip "python3-scapy is not installed"

lab_pair
client_begin --exchange "$LAB_EXCHANGE" --associations 2 --pace 10 --duration 25 --largest 20000 \
    --summary "$LAB_DIR/client.json"
client_runs
# From A's side of the link at B, and from B's side at A.
lab_in a /usr/bin/python3 "$SOURCE_ROOT/tests/e2e/attack.py" ga1 "$LAB_B_TRUNK" 40 >"$LAB_DIR/sent-b.json" || fail "attack on B"
lab_in b /usr/bin/python3 "$SOURCE_ROOT/tests/e2e/attack.py" gb1 "$LAB_A_TRUNK" 40 >"$LAB_DIR/sent-a.json" || fail "attack on A"
lab_alive client || fail "the client ended before the attacks did"
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
[ "$(json "$LAB_DIR/client.json" "d['messages']['verified']")" -gt 1000 ] || fail "too little traffic"
stop_all
for gateway in a b; do
    python3 - "$LAB_DIR/sent-$gateway.json" "$LAB_DIR/stats-$gateway.json" "$gateway" <<'PY' || fail "drops of gateway $gateway"
import json, sys
sent = json.load(open(sys.argv[1]))
drops = json.load(open(sys.argv[2]))["drops"]
bad = 0
for reason, number in sorted(sent.items()):
    counted = drops.get(reason, 0)
    print(f"gateway {sys.argv[3]}: {reason}: {number} sent, {counted} counted")
    bad += counted < number
sys.exit(bad > 0)
PY
done
