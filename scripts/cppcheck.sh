#!/usr/bin/env bash
# cppcheck over the sources that clang-tidy looks at, too; what is left out, and why: .cppcheck.
# It reads our headers, not those of libraries. What has not changed since the last time is not looked at
# again.
#   scripts/cppcheck.sh [FILE...]
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(git ls-files '*.cpp' ':!tests/fuzz' ':!tests/unit' ':!tests/interop')
fi
# Not in a build folder: those are made anew.
known=${CPPCHECK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sctp-dtls-gateway/cppcheck}
mkdir -p "$known"
cppcheck -j "$(nproc)" --quiet --error-exitcode=1 --std=c++20 --language=c++ -I. --library=posix \
    --library=googletest --enable=warning,performance,portability --suppressions-list=.cppcheck --inline-suppr \
    --cppcheck-build-dir="$known" \
    --template='{file}:{line}: {severity}: {message} [{id}]' "${files[@]}"
