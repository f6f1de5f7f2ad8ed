#!/usr/bin/env bash
# The unit tests, the vectors and the simulated link under the address and undefined sanitizers.
#   scripts/check-sanitizers.sh --e2e [TEST...]    by hand: the end-to-end tests with sanitized programs, one by
#                                                  one; without names those of relaying, restart and reload
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh
build="build-asan"
export SANITIZE=address,undefined
if [ "${1:-}" != --e2e ]; then
    build_tree $build -Dperf=false -Doptimization=1
    exec meson test -C $build --no-rebuild --print-errorlogs --suite unit --suite sim --suite vectors -t 4
fi
shift
BUILD_TARGETS="gateway/sctp-gateway endpoint/sctp-endpoint tools/ctl/sctp-gateway-ctl tests/e2e/sctp-flood" \
    build_tree $build -Dperf=false -Doptimization=1
if [ $# -eq 0 ]; then
    mapfile -t tests < <(meson test -C $build --no-rebuild --list --suite e2e | sed 's/.* //' | grep -E '^(relay_|reload)')
    # A core image of a sanitized process holds what the sanitizer keeps of freed memory.
    mapfile -t tests < <(printf '%s\n' "${tests[@]}" | grep -v '^relay_secrets')
    set -- "${tests[@]}"
fi
# The programs let no process look into them, not even the sanitizer's own search for leaks at the end; the
# tests above have that.
# Little of what is freed is kept: tests look at how memory grows.
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
meson test -C $build --no-rebuild --print-errorlogs --num-processes 1 -t 4 "$@"
