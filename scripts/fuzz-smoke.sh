#!/usr/bin/env bash
# Runs every libFuzzer target for some seconds under the address and undefined sanitizers, with a
# fixed seed, FUZZ_JOBS (default: one for each processor) at a time, and writes a JUnit report. For
# long runs: scripts/fuzz-long.sh.
#
#   scripts/fuzz-smoke.sh SECONDS REPORT.xml [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
report=$2
shift 2
dir=${FUZZ_BUILD_DIR:-build-fuzz}

. scripts/build.sh
. scripts/fuzz-targets.sh
BUILD_TARGETS=build.ninja build_tree "$dir" -Dfuzzers=true -Dperf=false -Doptimization=1
BUILD_TARGETS=$(fuzz_targets "$dir" "$@" | tr '\n' ' ') build_tree "$dir"

mkdir -p "$dir/fuzz-logs"
rm -f "$dir"/fuzz-logs/*.case

# run_target PROGRAM: its line on the terminal, its test case in the logs folder.
run_target() {
    local program=$1 name log corpus seeds=() options runs
    name=$(basename "$program")
    log=$dir/fuzz-logs/$name.log
    corpus=$dir/fuzz-corpus/$name
    mkdir -p "$corpus"
    [ -d "$(fuzz_seeds "$program")" ] && seeds=("$(fuzz_seeds "$program")")
    mapfile -t options < <(fuzz_options "$program")
    if LLVM_PROFILE_FILE=$dir/fuzz-logs/$name.profraw "$program" "${options[@]}" -seed=1 -max_total_time="$seconds" \
        -artifact_prefix="$dir/fuzz-logs/$name-" "$corpus" "${seeds[@]}" >"$log" 2>&1; then
        runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
        echo "fuzz $name: ${runs:-?} inputs, no finding"
        echo "<testcase classname=\"fuzz\" name=\"$name\"/>" >"$dir/fuzz-logs/$name.case"
    else
        echo "fuzz $name: FAILED, see $log" >&2
        grep -aE 'ERROR|runtime error|SUMMARY|Test unit' "$log" | head -10 >&2 || true
        echo "<testcase classname=\"fuzz\" name=\"$name\"><failure message=\"see log\"/></testcase>" \
            >"$dir/fuzz-logs/$name.case"
    fi
}

mapfile -t programs < <(fuzz_programs "$dir" "$@")
running=0
for program in "${programs[@]}"; do
    if [ "$running" -ge "${FUZZ_JOBS:-$(nproc)}" ]; then
        wait -n || true
        running=$((running - 1))
    fi
    run_target "$program" &
    running=$((running + 1))
done
wait

bad=0
for program in "${programs[@]}"; do
    case=$dir/fuzz-logs/$(basename "$program").case
    if [ ! -f "$case" ] || grep -q '<failure' "$case"; then
        bad=$((bad + 1))
    fi
done
if [ ${#programs[@]} -eq 0 ]; then
    echo "no fuzz target was built" >&2
    bad=1
    echo '<testcase classname="fuzz" name="targets"><failure message="none built"/></testcase>' \
        >"$dir/fuzz-logs/none.case"
fi
{
    echo '<testsuites><testsuite name="fuzz">'
    cat "$dir"/fuzz-logs/*.case
    echo '</testsuite></testsuites>'
} >"$report"
[ "$bad" -eq 0 ]
