#!/usr/bin/env bash
# The whole picture in network namespaces of its own, removed afterwards:
#
#     client ---plain SCTP--- gateway A ===DTLS chunks=== gateway B ---plain SCTP--- server
#
# Installs what is missing (Debian 12), builds, plays the exchange, verifies every answer and the
# capture of the protected link.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'TEXT'
usage: ./run.sh [options]        (as root)

  --pcap FILE   replay the SCTP user messages of a capture instead of the NGAP exchange
  --preshared   keys from pre-shared material instead of TLS 1.3 handshakes
  --ipv6        all links IPv6 (default IPv4)
  --keep        leave everything running at the end, until Ctrl-C
  --out DIR     where results go (default out)
  --help        this

Results: out/summary.json (the table), out/keys.log (both gateways' traffic keys, laboratory only),
out/protected.pcap (the link between the gateways).
TEXT
}

family=ipv4 out=out keep=no pcap=
LAB_METHOD=tls13
while [ $# -gt 0 ]; do
    case $1 in
        --pcap | --out)
            [ $# -ge 2 ] || {
                echo "run.sh: $1 needs a value" >&2
                exit 1
            }
            if [ "$1" = --pcap ]; then pcap=$2; else out=$2; fi
            shift
            ;;
        --ipv6) family=ipv6 ;;
        --preshared) LAB_METHOD=preshared ;;
        --keep) keep=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            echo "run.sh: unknown option $1" >&2
            usage >&2
            exit 1
            ;;
    esac
    shift
done
if [ -n "$pcap" ] && [ ! -r "$pcap" ]; then
    echo "run.sh: cannot read $pcap" >&2
    exit 1
fi

scripts/install-deps.sh --run
. scripts/build.sh
. scripts/lab.sh
reason=$(lab_check) || {
    echo "run.sh: $reason" >&2
    exit 1
}
build=${BUILD_DIR:-$PWD/build}
BUILD_TARGETS="gateway/sctp-gateway endpoint/sctp-endpoint" build_tree "$build"

LAB_GATEWAY=$build/gateway/sctp-gateway
LAB_ENDPOINT=$build/endpoint/sctp-endpoint
LAB_EXCHANGE=$PWD/endpoint/data/ngap.yaml
mkdir -p "$out"
rm -f "$out/summary.json" "$out/keys.log" "$out/protected.pcap"

echo "== bringing up client, gateway A, gateway B and server ($family, $LAB_METHOD)"
lab_begin "$family"
lab_configs
lab_server
lab_gateway b
lab_gateway a
lab_capture "$LAB_DIR/protected.pcap"

echo "== playing"
what=(--exchange "$LAB_EXCHANGE")
[ -z "$pcap" ] || what=(--pcap "$pcap")
played=0
lab_client "${what[@]}" --no-table --summary "$LAB_DIR/client.json" || played=$?
if [ "$played" -ne 0 ]; then
    for log in gateway-a gateway-b server; do
        echo "-- last lines of $log" >&2
        tail -n 8 "$LAB_DIR/$log.log" >&2
    done
fi

if [ "$keep" = yes ]; then
    echo "== kept running; try:"
    echo "   ip netns exec $(lab_ns c) $LAB_ENDPOINT client --connect $(lab_at "$LAB_A" "$LAB_PORT")" \
        "--local $(lab_at "$LAB_CLIENT" 0) --exchange $LAB_EXCHANGE"
    echo "   files: $LAB_DIR    stop and remove: Ctrl-C"
    trap ':' INT
    sleep infinity &
    LAB_PID_OF[kept]=$!
    wait "$!" || true
    trap 'exit 130' INT
fi

echo "== stopping"
failed=0
lab_stop_server || failed=1
for gateway in a b; do
    lab_stop_gateway "$gateway" || {
        echo "gateway $gateway ended badly:" >&2
        tail -n 8 "$LAB_DIR/gateway-$gateway.log" >&2
        failed=1
    }
done
lab_stop_capture
cp "$LAB_DIR/protected.pcap" "$out/protected.pcap"
(
    umask 077
    cat "$LAB_DIR/keys-a.log" "$LAB_DIR/keys-b.log" >"$out/keys.log" 2>/dev/null
) || echo "no key log was written" >&2

# "internet" is the data network name in the exchange's NAS messages.
if ! lab_check_capture "$out/protected.pcap" internet >"$LAB_DIR/chunks.json"; then
    cat "$LAB_DIR/chunks.json" >&2
    echo "{}" >"$LAB_DIR/chunks.json"
    failed=1
fi
echo
python3 scripts/run_report.py "$LAB_DIR/client.json" "$LAB_DIR/server.json" "$LAB_DIR/stats-a.json" \
    "$LAB_DIR/stats-b.json" "$LAB_DIR/chunks.json" "$out/summary.json" || failed=1
echo
echo "results: $out/summary.json $out/keys.log $out/protected.pcap"
echo "look at the link (65 is chunk 0x41; no dissector knows it yet):"
echo "  tshark -r $out/protected.pcap -Y sctp -T fields -e frame.number -e ip.src -e ipv6.src -e sctp.chunk_type -e frame.len"
if [ "$failed" -ne 0 ] || [ "$played" -ne 0 ]; then
    echo "run.sh: FAILED" >&2
    exit 1
fi
echo "passed"
