#!/usr/bin/env bash
# clang-tidy (checks: .clang-tidy) over every C++ source of a build folder's compile commands, and
# the scripts under shellcheck.
#   scripts/lint.sh BUILD_DIR [FILE...]
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
if [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(git ls-files '*.cpp' ':!tests/fuzz' ':!tests/unit' ':!tests/interop')
fi
# GCC-only switches of the compile commands mean nothing to clang-tidy.
printf '%s\0' "${files[@]}" |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet -p "$build" --warnings-as-errors='*' \
        --extra-arg=-Wno-unknown-warning-option 2>&1 |
    { grep -vE '^[0-9]+ warnings? generated|^Suppressed|^Use -header-filter' || true; }
if command -v shellcheck >/dev/null; then
    git ls-files -z '*.sh' '.ci/run' | xargs -0 shellcheck -x -S warning
fi
