#!/usr/bin/env bash
# Many large messages at once: streamed through, exact, and in bounded memory.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

resident_kib() { awk '/VmRSS/ { print $2 }' "/proc/${LAB_PID_OF[gateway-$1]}/status"; }

lab_pair
lab_client --no-sweep --bulk 20 --bulk-size 300000 --window 4 || fail "the first large messages"
before_a=$(resident_kib a) before_b=$(resident_kib b)
lab_client --no-sweep --bulk 120 --bulk-size 300000 --window 7 || fail "large messages"
lab_client --no-sweep --bulk 5000 --bulk-size 900 --window 200 || fail "a crowd of small messages"
# 36 MB went through each way; nothing near it may have stayed.
[ $(($(resident_kib a) - before_a)) -lt 16384 ] || fail "gateway A grew from $before_a to $(resident_kib a) KiB"
[ $(($(resident_kib b) - before_b)) -lt 16384 ] || fail "gateway B grew from $before_b to $(resident_kib b) KiB"
stop_all
