#!/usr/bin/env bash
# Rekeys under load by command of either side, with certificates renewed in between: nothing is lost,
# nothing in clear, and the key logs open every record.   relay_rekey.sh [SUITE [METHOD]]
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import scapy, cryptography' 2>/dev/null || skip "python3-scapy or python3-cryptography is not installed"
export LAB_SUITE=${1:-TLS_AES_128_GCM_SHA256}
export LAB_METHOD=${2:-tls13}
LAB_TLS="min_rekey_interval_ms: 0"
DONE=TLS # what the log says of an epoch
if [ "$LAB_METHOD" = dtls13 ]; then
    # The new certificates are shown when the peers have to authenticate anew.
    LAB_TLS=$'min_update_interval_ms: 0\n      reauthentication_interval_s: 1'
    DONE="DTLS 1.3"
fi
REKEYS=20

lab_begin
lab_configs
lab_capture "$LAB_DIR/middle.pcap"
lab_server
lab_gateway b
lab_gateway a
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 60 --expect-end shutdown \
    --summary "$LAB_DIR/client.json"
client_runs
for ((epoch = 4; epoch < 4 + REKEYS; ++epoch)); do
    gateway=$([ $((epoch % 2)) -eq 0 ] && echo a || echo b)
    if [ $((epoch % 5)) -eq 0 ]; then
        lab_credentials # the same authority, new keys
        kill -HUP "${LAB_PID_OF[gateway-a]}" "${LAB_PID_OF[gateway-b]}"
    fi
    kill -USR2 "${LAB_PID_OF[gateway-$gateway]}"
    for side in a b; do
        lab_await 10 "no epoch $epoch" grep -q "epoch $epoch: $DONE" "$LAB_DIR/gateway-$side.log" || fail "epoch $epoch of gateway $side"
    done
done
lab_stop_gateway a || fail "gateway A ended with code $?" # ends the client, too
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
stop_all
check_link
[ "$(json "$LAB_DIR/client.json" "d['messages']['verified']")" -gt 100 ] || fail "too little traffic"
grep -qE "failed|refused" "$LAB_DIR/gateway-a.log" "$LAB_DIR/gateway-b.log" && fail "a rekey failed"
for gateway in a b; do
    [ "$LAB_METHOD" != dtls13 ] || grep -q 'has authenticated anew' "$LAB_DIR/gateway-$gateway.log" || fail "nobody has authenticated to gateway $gateway anew"
    [ "$(grep -c 'certificate of dns:gateway-' "$LAB_DIR/gateway-$gateway.log")" -ge 5 ] || fail "gateway $gateway did not read its certificate again"
    for reason in record_forged dtls_no_key seal_no_key; do
        [ "$(drops $gateway $reason)" -eq 0 ] || fail "gateway $gateway dropped packets: $reason"
    done
done
"$SOURCE_ROOT/tests/e2e/open_capture.py" "$LAB_DIR/middle.pcap" "$LAB_DIR/keys-a.log" "$LAB_DIR/keys-b.log" \
    >"$LAB_DIR/opened.json" || fail "records stay closed: $(cat "$LAB_DIR/opened.json")"
cat "$LAB_DIR/opened.json"
[ "$(json "$LAB_DIR/opened.json" "d['epochs'] == list(range(3, 4 + $REKEYS))")" = True ] || fail "epochs on the link"
