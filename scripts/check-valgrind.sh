#!/usr/bin/env bash
# Unit tests under valgrind's memcheck, by hand: values that were never written, which the address sanitizer
# does not see, in the data plane, the record layer and the control plane.
#   scripts/check-valgrind.sh [PROGRAM[:TESTS]...]     as in tests/unit, with a filter of tests: record/record-test
# Logs: build/valgrind. What it is wrong about: tests/valgrind.supp.
#
# Left out, and why:
#   process                               system call filters and capabilities, which valgrind needs itself
#   restart_store, restart_parts          start and kill child processes and a Redis server
#   gateway_supervision                   takes the time of real loops
#   keys/epoch_swap, port/eal             threads that spin, of which valgrind runs one at a time; EAL's start
#   record/crypto-device                  OpenSSL's and DPDK's own code
#   config, a flood of 200,000 INITs      minutes each
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh
programs=("$@")
if [ $# -eq 0 ]; then
    programs=(
        foundation/foundation_test packet/packet_test record/record-test keys/keys_test port/port_test
        worker/worker_test capture/capture_test
        sctp/sctp_association_test sctp/sctp_cookie_test:-InitFlood.* sctp/sctp_negotiation_test sctp/sctp_pieces_test
        keymgmt/keymgmt_derivation_test keymgmt/keymgmt_handshake_queue_test keymgmt/keymgmt_key_file_test
        keymgmt/keymgmt_restart_keys_test keymgmt/keymgmt_session_test keymgmt/keymgmt_protection_test
        keymgmt/tls13_test keymgmt/dtls13/dtls13_test keymgmt/dtls13/dtls13_session_test
        relay/relay_test admin/admin_test metrics/metrics_test
        gateway/gateway_plan_test gateway/gateway_log_test endpoint/endpoint_test ctl/ctl_test
    )
fi
build=${BUILD_DIR:-build}
paths=("${programs[@]/#/tests/unit/}")
BUILD_TARGETS="${paths[*]%%:*}" build_tree "$build"
logs=$PWD/$build/valgrind
mkdir -p "$logs"
failed=()
for entry in "${programs[@]}"; do
    IFS=: read -r program tests <<<"$entry"
    name=${program##*/}
    code=0
    # gtest's output is for when a test fails under valgrind alone.
    valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --gen-suppressions=all --suppressions=tests/valgrind.supp \
        --log-file="$logs/$name.log" "$build/tests/unit/$program" --gtest_brief=1 --gtest_filter="${tests:-*}" >"$logs/$name.out" 2>&1 || code=$?
    echo "$program: $([ $code -eq 0 ] && echo clean || echo "code $code, $logs/$name.log")"
    [ $code -eq 0 ] || failed+=("$program")
done
[ ${#failed[@]} -eq 0 ] || {
    echo "not clean: ${failed[*]}" >&2
    exit 1
}
