#!/usr/bin/env bash
# What floods from senders without keys do to the round trips of an association in use: the end-to-end test
# relay_flood with longer floods, its figures kept. Root; real daemons in network namespaces. Every program
# shares the CPUs, and gives way to the others after 0.1 ms; the flood does, too, as it stands for a sender
# elsewhere.
#
#   perf/flood.sh [SECONDS [OUT.json]]      default 5 perf/results/flood.json (BUILD_DIR if not build)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${2:-perf/results/flood.json}
case $out in /*) ;; *) out=$PWD/$out ;; esac
BUILD_ROOT=$(realpath "${BUILD_DIR:-build}") SOURCE_ROOT=$PWD FLOOD_SECONDS=${1:-5} FLOOD_RESULT=$out \
    tests/e2e/relay_flood.sh ipv4
