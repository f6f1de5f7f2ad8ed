#!/usr/bin/env bash
# Certificates that must not be accepted: the client is told by an ABORT, both logs say who and why; and
# after the files have been put right and read again by SIGHUP, the same gateways work.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

lab_begin
lab_configs
lab_server
lab_gateway b
lab_gateway a
pki=$LAB_DIR/pki

# refused WHAT GATEWAY-THAT-REFUSES PATTERN
refused() {
    for gateway in a b; do
        : >"$LAB_DIR/gateway-$gateway.log"
        kill -HUP "${LAB_PID_OF[gateway-$gateway]}"
        lab_await 10 "nothing read" grep -q 'protection policy trunk' "$LAB_DIR/gateway-$gateway.log" || fail "$1: SIGHUP"
    done
    if lab_client --exchange "$LAB_EXCHANGE" --no-sweep --timeout 30 2>"$LAB_DIR/noticed"; then fail "$1: the client got answers"; fi
    grep -q 'aborted the association' "$LAB_DIR/noticed" || fail "$1: $(cat "$LAB_DIR/noticed")"
    grep -E "is refused: $3" "$LAB_DIR/gateway-$2.log" || fail "$1: not in the log of gateway $2"
    other=$([ "$2" = a ] && echo b || echo a)
    grep -q 'the peer refused the handshake with alert' "$LAB_DIR/gateway-$other.log" || fail "$1: gateway $other was not told why"
}

revoke() {
    (cd "$pki" && openssl ca -config ca.cnf -revoke "$1.pem" -keyfile ca.key -cert ca.pem 2>/dev/null &&
        openssl ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out ca.crl 2>/dev/null)
}

lab_client --exchange "$LAB_EXCHANGE" --no-sweep || fail "the first association"

revoke gateway-b
refused "revoked" a 'certificate revoked'
lab_credentials # a new certificate for B, the old one stays on the list

"$SOURCE_ROOT/tests/lab-ca.sh" "$pki" stranger
cp "$pki/stranger.pem" "$pki/gateway-b.pem"
cp "$pki/stranger.key" "$pki/gateway-b.key"
refused "another name" a 'none of the names expected: dns:gateway-b.lab.example'

"$SOURCE_ROOT/tests/lab-ca.sh" "$LAB_DIR/other-pki" gateway-a
cp "$LAB_DIR/other-pki/gateway-a.pem" "$LAB_DIR/other-pki/gateway-a.key" "$pki"
lab_credentials # puts B right again ...
cp "$LAB_DIR/other-pki/gateway-a.pem" "$LAB_DIR/other-pki/gateway-a.key" "$pki" # ... and A wrong
refused "unknown authority" b 'unable to get local issuer certificate|certificate signature failure'

lab_credentials
for gateway in a b; do
    : >"$LAB_DIR/gateway-$gateway.log"
    kill -HUP "${LAB_PID_OF[gateway-$gateway]}"
    lab_await 10 "nothing read" grep -q 'protection policy trunk' "$LAB_DIR/gateway-$gateway.log" || fail "SIGHUP"
done
lab_client --exchange "$LAB_EXCHANGE" --no-sweep || fail "the association after all was put right"
stop_all
for log in "$LAB_DIR"/gateway-*.log; do
    if grep -qE 'PRIVATE|BEGIN' "$log"; then fail "key material in $log"; fi
done
