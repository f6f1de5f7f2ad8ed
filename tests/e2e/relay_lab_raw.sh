#!/usr/bin/env bash
# Raw keys from files, as other stacks under development take them: one association, CCM, protected from
# its COOKIE ACK on.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
LAB_METHOD=preshared

hex() { od -An -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }
keys() { echo "{ key: \"$(hex 16)\", iv: \"$(hex 12)\", sn_key: \"$(hex 16)\" }"; }

lab_begin
lab_configs
(
    umask 077
    there=$(keys) back=$(keys)
    printf 'suite: TLS_AES_128_CCM_SHA256\nsend:\n  primary: %s\nreceive:\n  primary: %s\n' "$there" "$back" >"$LAB_DIR/raw-a.yaml"
    printf 'suite: TLS_AES_128_CCM_SHA256\nsend:\n  primary: %s\nreceive:\n  primary: %s\n' "$back" "$there" >"$LAB_DIR/raw-b.yaml"
)
for gateway in a b; do
    sed -i "s/preshared: { file: trunk.psk }/lab_raw: { file: raw-$gateway.yaml }/" "$LAB_DIR/gateway-$gateway.yaml"
done
lab_capture "$LAB_DIR/middle.pcap"
lab_server
lab_gateway b
lab_gateway a
lab_client --exchange "$LAB_EXCHANGE" --largest 20000 || fail "the client"
stop_all
check_link
grep -q ' 3 P 1304 ' "$LAB_DIR/keys-a.log" || fail "another suite than CCM"
grep -q 'LAB: raw keys' "$LAB_DIR/gateway-a.log" || fail "no warning"
