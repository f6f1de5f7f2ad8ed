#!/usr/bin/env bash
# Several clients at once: two processes, forty associations in all, each with its own keys.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

command -v nft >/dev/null || skip "nft is not installed"

lab_pair
# Each client process sees the packets of the other. Until usrsctp has been told not to, it answers them
# with an ABORT whose tag is reflected (T bit): an operating system with one SCTP would not.
lab_in c nft -f - <<NFT || skip "nftables does not work here"
table inet one_sctp {
    chain out {
        type filter hook output priority 0;
        meta l4proto sctp @th,96,8 6 @th,104,8 & 1 == 1 counter drop
    }
}
NFT
lab_client --exchange "$LAB_EXCHANGE" --associations 20 --rounds 5 --largest 5000 >"$LAB_DIR/client-1.log" 2>&1 &
first=$!
lab_client --exchange "$LAB_EXCHANGE" --associations 20 --rounds 5 --largest 5000 >"$LAB_DIR/client-2.log" 2>&1 &
second=$!
wait $first || fail "the first client"
wait $second || fail "the second client"
stop_all
[ "$(json "$LAB_DIR/server.json" "d['ended_by_shutdown']")" -eq 40 ] || fail "associations shut down in order"
for gateway in a b; do
    # Forty associations, two directions: eighty different keys (fields 2 and 6), at least.
    [ "$(awk '{ print $6 }' "$LAB_DIR/keys-$gateway.log" | sort -u | wc -l)" -ge 80 ] || fail "keys of $gateway"
done
