#!/usr/bin/env bash
# Fuzzes for hours: every target, or those named, for SECONDS each in rounds of ten minutes, on all
# processors. After each round the corpus is reduced to what adds coverage. Findings stay in
# build-fuzz/findings, and the script goes on with the next target; its exit code says whether there
# were any.
#
#   scripts/fuzz-long.sh SECONDS [TARGET...]
#
# The corpus is build-fuzz/fuzz-corpus/TARGET; scripts/fuzz-smoke.sh begins with it, too, so that
# scripts/coverage.sh then says what it reaches.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
dir=${FUZZ_BUILD_DIR:-build-fuzz}
round=600

. scripts/build.sh
. scripts/fuzz-targets.sh
BUILD_TARGETS=build.ninja build_tree "$dir" -Dfuzzers=true -Dperf=false -Doptimization=1
BUILD_TARGETS=$(fuzz_targets "$dir" "$@" | tr '\n' ' ') build_tree "$dir"
mkdir -p "$dir/findings" "$dir/fuzz-logs"
export LLVM_PROFILE_FILE=/dev/null

# fuzz_one PROGRAM SECONDS: a round and the reduction. Several processes share the corpus folder;
# each has a program of its own usrsctp and EAL.
fuzz_one() {
    local program=$1 time=$2 name corpus seeds=() options before
    name=$(basename "$program")
    corpus=$dir/fuzz-corpus/$name
    mkdir -p "$corpus"
    [ -d "$(fuzz_seeds "$program")" ] && seeds=("$(fuzz_seeds "$program")")
    mapfile -t options < <(fuzz_options "$program")
    before=$(find "$dir/findings" -type f | wc -l)
    "$program" "${options[@]}" -max_total_time="$time" -jobs="$(nproc)" -workers="$(nproc)" \
        -reload=10 -artifact_prefix="$PWD/$dir/findings/$name-" "$corpus" "${seeds[@]}" \
        >"$dir/fuzz-logs/$name-long.log" 2>&1 || true
    rm -f fuzz-[0-9]*.log
    rm -rf "$corpus.new"
    mkdir "$corpus.new"
    # Inputs that crash are left out by the merge.
    "$program" "${options[@]}" -merge=1 "$corpus.new" "${seeds[@]}" "$corpus" \
        >>"$dir/fuzz-logs/$name-long.log" 2>&1 || true
    if [ -n "$(ls -A "$corpus.new")" ]; then
        rm -rf "$corpus"
        mv "$corpus.new" "$corpus"
    fi
    echo "$(date +%T) $name: corpus of $(find "$corpus" -type f | wc -l)," \
        "$(($(find "$dir/findings" -type f | wc -l) - before)) findings"
}

mkdir -p "$dir/fuzz-logs"
mapfile -t programs < <(fuzz_programs "$dir" "$@")
for ((spent = 0; spent < seconds; spent += round)); do
    time=$((seconds - spent < round ? seconds - spent : round))
    for program in "${programs[@]}"; do
        fuzz_one "$program" "$time"
    done
done
if [ -n "$(ls -A "$dir/findings")" ]; then
    ls -l "$dir/findings"
    exit 1
fi
