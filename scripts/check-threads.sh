#!/usr/bin/env bash
# Wherever threads meet, under the thread sanitizer: key contexts that come and go under workers, the rings
# between workers and control thread, neighbours, the threads of captures, of the restart store and of HTTP.
#   scripts/check-threads.sh [E2E-TEST...]      and whole gateways in these end-to-end tests, by hand:
#                                               relay_exchange_2_workers operator_capture relay_restart_traffic ...
# What the sanitizer cannot see of DPDK is told to it in dataplane/port/thread_sanitizer.h. What it reports
# without being right about it: tests/tsan.supp.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh
# test program:tests of it (all without)
units=(
    keys/epoch_swap_test
    worker/worker_test:'*Running*'
    port/port_test:'NeighbourTable*'
    capture/capture_test
    restart/restart_parts_test
    # But one that is about time: eight times 8 MiB through the sanitizer.
    metrics/metrics_test:'-*an_answer_that_is_not_taken*'
)
build="build-tsan"
programs=()
[ $# -eq 0 ] || programs=(gateway/sctp-gateway endpoint/sctp-endpoint tools/ctl/sctp-gateway-ctl)
paths=("${units[@]/#/tests/unit/}" "${programs[@]}")
SANITIZE=thread BUILD_TARGETS="${paths[*]%%:*}" build_tree $build -Dperf=false -Doptimization=1

export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=1"
for unit in "${units[@]}"; do
    IFS=: read -r program tests <<<"$unit"
    echo "-- $program"
    "$build/tests/unit/$program" --gtest_brief=1 --gtest_filter="${tests:-*}"
done
# A gateway with a report ends with a code that its test does not take.
[ $# -eq 0 ] || meson test -C $build --no-rebuild --print-errorlogs --num-processes 1 -t 4 "$@"
