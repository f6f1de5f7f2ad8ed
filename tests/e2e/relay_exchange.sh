#!/usr/bin/env bash
# The whole picture: NGAP exchange and size sweep through both gateways, everything verified, the link
# between them protected, the counters plausible.   relay_exchange.sh ipv4|ipv6 METHOD SUITE [WORKERS [CRYPTO-DEVICE]]
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
export LAB_METHOD=$2 LAB_SUITE=$3
[ $# -lt 4 ] || LAB_EXTRA="workers: { count: $4${5:+, crypto_device: $5} }"

lab_begin "$1"
lab_configs
lab_capture "$LAB_DIR/middle.pcap"
lab_server
lab_gateway b
lab_gateway a
lab_client --exchange "$LAB_EXCHANGE" --associations "${4:-1}" --summary "$LAB_DIR/client.json" || fail "the client"
started=$SECONDS
stop_all
[ $((SECONDS - started)) -le 3 ] || fail "the gateways took $((SECONDS - started)) s to stop, although nothing was left to drain"
check_link

[ "$(json "$LAB_DIR/client.json" "d['messages']['verified']")" -ge 270 ] || fail "too few messages"
for gateway in a b; do
    [ "$(json "$LAB_DIR/stats-$gateway.json" "d['records']['sealed']")" -gt 300 ] || fail "records sealed by $gateway"
    [ "$(json "$LAB_DIR/stats-$gateway.json" "d['records']['opened']")" -gt 300 ] || fail "records opened by $gateway"
    for reason in record_forged record_replayed dtls_no_key dtls_malformed sctp_checksum seal_no_key seal_too_long no_mbuf; do
        [ "$(drops $gateway $reason)" -eq 0 ] || fail "gateway $gateway dropped packets: $reason"
    done
    [ "$(stat -c %a "$LAB_DIR/keys-$gateway.log")" = 600 ] || fail "the key log of $gateway is readable by others"
    grep -qE '^DTLS_CHUNK [0-9a-f]{8} 3 P 130[1-4] [0-9a-f]+ [0-9a-f]{24} [0-9a-f]+$' "$LAB_DIR/keys-$gateway.log" ||
        fail "the key log of $gateway"
done
