#!/usr/bin/env bash
# Where the keys of a running gateway are: after rekeys, all memory of both gateways is read and searched for what the
# key logs say. Retired keys are nowhere; current keys and private keys only in memory that core dumps leave out, and
# not in a core file taken from outside.   relay_secrets.sh [METHOD [SUITE]]
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
export LAB_METHOD=${1:-tls13}
export LAB_SUITE=${2:-TLS_AES_128_GCM_SHA256}
REKEYS=6
DONE=TLS
if [ "$LAB_METHOD" = dtls13 ]; then
    LAB_TLS=$'min_update_interval_ms: 0\n      drain_s: 1\n      drain_unconfirmed_s: 1'
    DONE="DTLS 1.3"
else
    LAB_TLS=$'min_rekey_interval_ms: 0\n      drain_s: 1\n      drain_unconfirmed_s: 1'
fi
CTL=$BUILD_ROOT/tools/ctl/sctp-gateway-ctl

lab_begin
lab_configs
for side in a b; do
    echo "admin: { socket: admin-$side.sock, audit_log: audit-$side.log }" >>"$LAB_DIR/gateway-$side.yaml"
done
lab_server
lab_gateway b
lab_gateway a
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 60 --expect-end shutdown \
    --summary "$LAB_DIR/client.json"
client_runs
last=$((3 + REKEYS))
for ((epoch = 4; epoch <= last; ++epoch)); do
    gateway=$([ $((epoch % 2)) -eq 0 ] && echo a || echo b)
    kill -USR2 "${LAB_PID_OF[gateway-$gateway]}"
    for side in a b; do
        lab_await 10 "no epoch $epoch" grep -q "epoch $epoch: $DONE" "$LAB_DIR/gateway-$side.log" || fail "epoch $epoch of gateway $side"
    done
done

# only_last SIDE: the only association has keys of the last epoch alone.
only_last() {
    local id
    "$CTL" --socket "$LAB_DIR/admin-$1.sock" --json associations list >"$LAB_DIR/list.json"
    id=$(json "$LAB_DIR/list.json" "d['associations'][0]['association']")
    "$CTL" --socket "$LAB_DIR/admin-$1.sock" --json associations show "$id" >"$LAB_DIR/show.json"
    [ "$(json "$LAB_DIR/show.json" "sorted({e['epoch'] for l in d['legs'].values() if l.get('protection') for e in l['protection'].get('epochs', [])}) == [$last]")" = True ]
}
# The scalar of a private key, as hexadecimal digits.
scalar() {
    openssl pkey -in "$1" -text -noout | sed -n '/^priv:/,/^pub:/p' | grep '^ ' | tr -d ' :\n'
}
for side in a b; do
    lab_await 30 "old keys of gateway $side stay" only_last "$side" || fail "keys of gateway $side: $(cat "$LAB_DIR/show.json")"
done
for side in a b; do
    core=()
    pid=${LAB_PID_OF[gateway-$side]}
    if command -v gcore >/dev/null; then
        gcore -o "$LAB_DIR/core-$side" "$pid" >"$LAB_DIR/gcore-$side.log" 2>&1 || fail "gcore: $(tail -n 3 "$LAB_DIR/gcore-$side.log")"
        core=(--core "$LAB_DIR/core-$side.$pid")
    fi
    "$SOURCE_ROOT/tests/e2e/memory_scan.py" --current "$last" --pid "$pid" "${core[@]}" \
        --secret "private key=$(scalar "$LAB_DIR/pki/gateway-$side.key")" \
        "$LAB_DIR/keys-a.log" "$LAB_DIR/keys-b.log" >"$LAB_DIR/scan-$side.json" || fail "gateway $side: $(cat "$LAB_DIR/scan-$side.json")"
    rm -f "$LAB_DIR/core-$side.$pid"
    # The search finds what is there, or it proves nothing.
    [ "$(json "$LAB_DIR/scan-$side.json" "set(d['current_found']) >= {'key of epoch $last', 'sn_key of epoch $last', 'private key'} and d['retired_needles'] >= $((REKEYS * 4))")" = True ] ||
        fail "the scan of gateway $side saw nothing: $(cat "$LAB_DIR/scan-$side.json")"
done
lab_stop_gateway a || fail "gateway A ended with code $?"
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
stop_all
json "$LAB_DIR/scan-a.json" "'%d needles, %d of them retired, %d octets of memory' % (d['needles'], d['retired_needles'], d['octets_read'])"
