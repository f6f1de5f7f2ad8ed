#!/usr/bin/env bash
# The unit tests, the vectors and the simulated link under the address and undefined sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh
SANITIZE=address,undefined build_tree build-asan -Dperf=false -Doptimization=1
meson test -C build-asan --no-rebuild --print-errorlogs --suite unit --suite sim --suite vectors -t 4
