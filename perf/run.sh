#!/usr/bin/env bash
# All benchmarks of the data plane that this machine can run, their plots and a one-page report.
#
#   perf/run.sh [OUT_DIR] [--quick]       default OUT_DIR perf/results
#
#     record.json        record layer beside IPsec-MB alone, OpenSSL EVP, a DPDK crypto device
#     worker.json        one worker beside its floor; two at once
#     worker-stages.json the same with the cycles of each stage (a build with -Dstage_cycles=true)
#     worker-device.json the same with its AEAD on a DPDK crypto device
#     table.json         association table: look-up, memory, epochs installed under load
#     traffic-KIND.json  the data plane under a traffic generator: net_ring, memif, veth (root)
#     crypto-perf.json   dpdk-test-crypto-perf, where it is installed
#     machine.json       what it ran on
#     report.md, *.svg   what came out
#
# Nothing else should run meanwhile. perf/compare OLD NEW sets two such folders side by side.
set -euo pipefail
out=perf/results quick=()
start=$PWD
for argument in "$@"; do
    case $argument in
        --quick) quick=(--quick) ;;
        -*)
            sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
            exit 1
            ;;
        *) out=$argument ;;
    esac
done
cd "$(dirname "$0")/.."
[ "$out" = perf/results ] || case $out in /*) ;; *) out=$start/$out ;; esac
mkdir -p "$out"
out=$(realpath "$out")
scripts/install-deps.sh --perf
. scripts/build.sh
# Its lines of progress are no results.
build_tree build >&2
BUILD_TARGETS=perf/worker-bench build_tree build-stages -Dstage_cycles=true >&2

# On the last CPU, which interrupts like least.
pinned() { taskset -c "$(($(nproc) - 1))" "$@"; }
step() { echo "== $1"; }

step "machine"
python3 - >"$out/machine.json" <<'PY'
import json, os, platform, re, subprocess, sys
cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
flags = set(re.search(r"flags\s*: (.*)", open("/proc/cpuinfo").read()).group(1).split())
version = lambda package: subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                                         capture_output=True, text=True).stdout
json.dump({"cpu": cpu.group(1) if cpu else "unknown", "cpus": len(os.sched_getaffinity(0)),
           "vector": sorted(flags & {"avx2", "avx512f", "vaes", "vpclmulqdq", "gfni"}),
           "virtual": "hypervisor" in flags, "kernel": platform.release(),
           "packages": {p: version(p) for p in ("libdpdk-dev", "libipsec-mb-dev", "libssl-dev")}},
          sys.stdout, indent=2)
PY

step "record layer"
pinned build/perf/record-bench ${quick[@]+"${quick[@]}"} --json "$out/record.json"
step "worker"
build/perf/worker-bench ${quick[@]+"${quick[@]}"} --json "$out/worker.json"
step "worker, by stage"
pinned build-stages/perf/worker-bench ${quick[@]+"${quick[@]}"} --workers 1 --json "$out/worker-stages.json"
step "worker, AEAD on crypto_aesni_mb0"
pinned build/perf/worker-bench ${quick[@]+"${quick[@]}"} --workers 1 --associations 1 \
    --crypto-device crypto_aesni_mb0 --json "$out/worker-device.json"
step "association table"
build/perf/table-bench ${quick[@]+"${quick[@]}"} --json "$out/table.json"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for kind in ring memif veth; do
    step "traffic over $kind"
    code=0
    perf/pktgen/run.sh "$kind" "$scratch" --seconds 1 ${quick[@]+"${quick[@]}"} || code=$?
    case $code in
        0) mv "$scratch/$kind.json" "$out/traffic-$kind.json" ;;
        77) ;; # it has said why
        *) exit "$code" ;;
    esac
done

step "dpdk-test-crypto-perf"
if command -v dpdk-test-crypto-perf >/dev/null; then
    operations=2000000
    [ ${#quick[@]} -eq 0 ] || operations=20000
    # One lcore works, the first only waits. AAD of 8 octets: it has none as short as ours.
    dpdk-test-crypto-perf -l 0,1 --no-huge -m 256 --no-pci --vdev crypto_aesni_mb0 --file-prefix "crypto-perf-$$" \
        --log-level 4 -- --ptest throughput --devtype crypto_aesni_mb --optype aead --aead-algo aes-gcm \
        --aead-op encrypt --aead-key-sz 16 --aead-iv-sz 12 --aead-aad-sz 8 --digest-sz 16 \
        --total-ops "$operations" --burst-sz 32 \
        --buffer-sz 64,256,1400 --csv-friendly >"$scratch/crypto-perf.log" 2>&1 || true
    python3 - "$scratch/crypto-perf.log" "$out/crypto-perf.json" <<'PY'
import json, re, sys
rows = [line.strip().split(",") for line in open(sys.argv[1]) if re.match(r"\d+,\d+,\d+,", line)]
if not rows:
    print("it gave no figures:", open(sys.argv[1]).read().strip().splitlines()[-1:])
    raise SystemExit
results = [{"octets": int(row[1]), "operations_per_second": float(row[7]) * 1e6,
            "ns": 1e3 / float(row[7])} for row in rows]
json.dump({"device": "crypto_aesni_mb", "suite": "TLS_AES_128_GCM_SHA256", "results": results},
          open(sys.argv[2], "w"), indent=2)
for result in results:
    print(f"{result['octets']:>5} octets: {result['ns']:.1f} ns")
PY
else
    echo "not installed (package dpdk)"
fi

step "report"
perf/report.py "$out"
