#!/usr/bin/env bash
# One packet in twenty lost in each direction between the gateways: slower, but complete and exact.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
command -v nft >/dev/null || skip "nft is not installed"
export LAB_EXTRA="sctp: { rto_initial_ms: 300, rto_min_ms: 100, rto_max_ms: 2000 }"

lab_begin
lab_configs
for end in "a ga1" "b gb1"; do
    read -r side device <<<"$end"
    lab_in "$side" nft -f - <<NFT || skip "no nftables netdev egress hook on this kernel"
table netdev loss {
    chain out {
        type filter hook egress device $device priority 0;
        numgen random mod 100 < 5 counter drop
    }
}
NFT
done
lab_server
lab_gateway b
lab_gateway a
lab_client --exchange "$LAB_EXCHANGE" --largest 100000 --timeout 60 --summary "$LAB_DIR/client.json" || fail "the client"
stop_all
for side in a b; do
    lost=$(lab_in $side nft list table netdev loss | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
    echo "lost behind gateway $side: $lost packets"
    [ "$lost" -gt 20 ] || fail "nothing was lost, so nothing was shown"
done
