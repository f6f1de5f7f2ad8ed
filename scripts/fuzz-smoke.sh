#!/usr/bin/env bash
# Runs every libFuzzer target for some seconds under the address and undefined sanitizers, with a
# fixed seed, and writes a JUnit report. For long runs: scripts/fuzz-smoke.sh 3600 report.xml
#
#   scripts/fuzz-smoke.sh SECONDS REPORT.xml
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
report=$2
dir=${FUZZ_BUILD_DIR:-build-fuzz}

. scripts/build.sh
export SANITIZE=address,undefined CC=clang CXX=clang++
BUILD_TARGETS=build.ninja build_tree "$dir" -Dfuzzers=true -Dperf=false
BUILD_TARGETS=$(ninja -C "$dir" -t targets all | sed -n 's/^\(tests\/fuzz\/[a-z]*\/fuzz_[a-z0-9_]*\): .*/\1/p' | tr '\n' ' ') \
    build_tree "$dir"

mkdir -p "$dir/fuzz-logs"
cases=""
bad=0
count=0
for target in $(find "$dir/tests/fuzz" -type f -name 'fuzz_*' -perm -u+x | sort); do
    name=$(basename "$target")
    log=$dir/fuzz-logs/$name.log
    corpus=$dir/fuzz-corpus/$name
    mkdir -p "$corpus"
    source_dir=tests/fuzz/$(basename "$(dirname "$target")")
    seeds=()
    [ -d "$source_dir/corpus/$name" ] && seeds=("$source_dir/corpus/$name")
    dictionary=()
    [ -f "$source_dir/$name.dict" ] && dictionary=("-dict=$source_dir/$name.dict")
    count=$((count + 1))
    if "$target" -seed=1 -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$dir/fuzz-logs/$name-" "${dictionary[@]}" "$corpus" "${seeds[@]}" >"$log" 2>&1; then
        runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
        echo "fuzz $name: ${runs:-?} inputs, no finding"
        cases+="<testcase classname=\"fuzz\" name=\"$name\"/>"
    else
        bad=$((bad + 1))
        echo "fuzz $name: FAILED, see $log" >&2
        grep -aE 'ERROR|runtime error|SUMMARY|Test unit' "$log" | head -10 >&2 || true
        cases+="<testcase classname=\"fuzz\" name=\"$name\"><failure message=\"see log\"/></testcase>"
    fi
done
if [ "$count" -eq 0 ]; then
    echo "no fuzz target was built" >&2
    bad=1
    cases="<testcase classname=\"fuzz\" name=\"targets\"><failure message=\"none built\"/></testcase>"
fi
printf '<testsuites><testsuite name="fuzz">%s</testsuite></testsuites>\n' "$cases" >"$report"
[ "$bad" -eq 0 ]
