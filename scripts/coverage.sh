#!/usr/bin/env bash
# How much of the code it is responsible for each fuzz target has reached in the last run of
# scripts/fuzz-smoke.sh: prints a table, and fails when a target is below 90 % of the lines
# (COVERAGE_LIMIT). What belongs to whom: tests/fuzz/coverage.txt.
#
#   scripts/coverage.sh [--doc] [TARGET...]      --doc: puts the table into docs/fuzzing.md, too
#   scripts/coverage.sh --missed TARGET          the lines that it has not reached
set -euo pipefail
cd "$(dirname "$0")/.."
limit=${COVERAGE_LIMIT:-90}
doc=0
missed=0
while [[ ${1:-} == --* ]]; do
    case $1 in
        --doc) doc=1 ;;
        --missed) missed=1 ;;
        *)
            echo "usage: scripts/coverage.sh [--doc | --missed] [TARGET...]" >&2
            exit 1
            ;;
    esac
    shift
done
dir=${FUZZ_BUILD_DIR:-build-fuzz}
. scripts/fuzz-targets.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for program in $(fuzz_programs "$dir" "$@"); do
    name=$(basename "$program")
    files=$(sed -n "s/^$name: //p" tests/fuzz/coverage.txt)
    [ -n "$files" ] || {
        echo "$name is missing in tests/fuzz/coverage.txt" >&2
        exit 1
    }
    llvm-profdata merge -sparse "$dir/fuzz-logs/$name.profraw" -o "$work/$name.profdata"
    # shellcheck disable=SC2086 # a list of words
    if [ "$missed" = 1 ]; then
        # All files, and ours of them: llvm-cov does not find those by name that the compiler was
        # given as ../FILE.
        llvm-cov show -instr-profile="$work/$name.profdata" "$program" |
            awk -v files="$files" -v root="$PWD/" '
                BEGIN { split(files, list, " "); for (i in list) wanted[root list[i] ":"] = 1 }
                /^\// { ours = $0 in wanted; if (ours) print "== " $0 }
                ours && /^ *[0-9]+\| *0\|/'
    else
        llvm-cov export -summary-only -instr-profile="$work/$name.profdata" "$program" |
            python3 scripts/coverage_row.py "$name" $files | tee -a "$work/table"
    fi
done
[ "$missed" = 0 ] || exit 0
[ "$doc" = 0 ] || python3 scripts/coverage_row.py --doc docs/fuzzing.md <"$work/table"
awk -F'|' -v limit="$limit" '
    { sub(/ *%.*/, "", $4); if ($4 + 0 < limit) { print $2 "is below " limit " %"; bad = 1 } }
    END { exit bad }' "$work/table" >&2
