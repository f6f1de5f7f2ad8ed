#!/usr/bin/env bash
# Fails when a C++ file is not as clang-format (style: .clang-format) would write it.
# scripts/check-format.sh --fix rewrites them.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(--dry-run -Werror)
[ "${1:-}" = --fix ] && mode=(-i)
git ls-files -z '*.h' '*.cpp' | xargs -0 clang-format "${mode[@]}"
