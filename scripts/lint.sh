#!/usr/bin/env bash
# clang-tidy (checks: .clang-tidy) over every C++ source of a build folder's compile commands, and
# the scripts under shellcheck. --analyze adds clang's static analyzer: before a release, as it takes long.
#   scripts/lint.sh [--analyze] BUILD_DIR [FILE...]
set -euo pipefail
cd "$(dirname "$0")/.."
how=()
if [ "${1:-}" = --analyze ]; then
    how=(--analyze)
    shift
fi
build=$1
shift
if [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(git ls-files '*.cpp' ':!tests/fuzz' ':!tests/unit' ':!tests/interop')
fi
python3 scripts/clang_tidy.py "$build" "${how[@]}" "${files[@]}"
if command -v shellcheck >/dev/null; then
    git ls-files -z '*.sh' '.ci/run' | xargs -0 shellcheck -x -S warning
fi
