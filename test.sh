#!/usr/bin/env bash
# Installs what is missing, builds, passes the tests. Last line: N passed, N failed, N skipped.
#
#   ./test.sh            everything: unit, vectors, simulated link, interop, end to end, fuzz smoke
#   ./test.sh unit       only the named Meson suites (unit, sim, interop, e2e, vectors, perf)
#
# BUILD_DIR (default build) and SANITIZE (e.g. address,undefined) may be set. The fuzz smoke needs a
# second, small build with clang in build-fuzz; FUZZ_SECONDS (default 5) is how long each target runs,
# and with COVERAGE_LIMIT (percent) each must have reached that part of its lines.
set -euo pipefail
cd "$(dirname "$0")"

build=${BUILD_DIR:-build}
suites=("$@")

scripts/install-deps.sh
. scripts/build.sh

build_tree "$build"

report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
failed_runs=0

args=(test -C "$build" --no-rebuild --print-errorlogs --num-processes "$(nproc)")
for suite in "${suites[@]}"; do
    args+=(--suite "$suite")
done
meson "${args[@]}" || failed_runs=1
cp "$build/meson-logs/testlog.junit.xml" "$report/meson.xml"

if [ ${#suites[@]} -eq 0 ] && [ -z "${SANITIZE:-}" ]; then
    scripts/fuzz-smoke.sh "${FUZZ_SECONDS:-5}" "$report/fuzz.xml" || failed_runs=1
    [ -z "${COVERAGE_LIMIT:-}" ] || scripts/coverage.sh || failed_runs=1
fi

exec python3 scripts/count-tests.py "$failed_runs" "$report"/*.xml
