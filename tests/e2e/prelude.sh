# shellcheck shell=bash
# Sourced by every end-to-end test: strictness, the lab, skipping. Usage in meson.build:
# test(NAME, files('x.sh'), env: BUILD_ROOT, SOURCE_ROOT).
set -euo pipefail
# shellcheck source=scripts/lab.sh
. "$SOURCE_ROOT/scripts/lab.sh"

export LAB_GATEWAY=$BUILD_ROOT/gateway/sctp-gateway
export LAB_ENDPOINT=$BUILD_ROOT/endpoint/sctp-endpoint
export LAB_EXCHANGE=$SOURCE_ROOT/endpoint/data/ngap.yaml
export FIXTURES=$SOURCE_ROOT/tests/fixtures

skip() {
    echo "skipped: $*"
    exit 77
}

fail() {
    echo "FAILED: $*" >&2
    local log
    for log in "$LAB_DIR"/*.log; do
        case $log in */keys-* | */secrets.log | */\*.log) continue ;; esac
        echo "-- end of ${log##*/}" >&2
        tail -n 15 "$log" >&2
    done
    # E2E_KEEP names a folder for what would be removed otherwise; it contains keys.
    if [ -n "${E2E_KEEP:-}" ]; then
        lab_stop_gateway a || true
        lab_stop_gateway b || true
        cp -r "$LAB_DIR" "$E2E_KEEP"
    fi
    exit 1
}

reason=$(lab_check) || skip "$reason"

# json FILE PYTHON-EXPRESSION: evaluates it with the file as d.
json() {
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

# follows_schema DEFINITION FILE: the answer in FILE is as tests/fixtures has it of that command.
follows_schema() {
    /usr/bin/python3 - "$FIXTURES/admin-answers.schema.json" "$@" <<'PYTHON'
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.validate(json.load(open(sys.argv[3])), {**schema, '$ref': '#/definitions/' + sys.argv[2]})
PYTHON
}

# client_begin ARGUMENTS...: a client of the server in the background, its output in $LAB_DIR/client.log.
client_begin() {
    lab_spawn client c "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_A" "$LAB_PORT")" --local "$(lab_at "$LAB_CLIENT" 0)" "$@"
}
client_runs() {
    lab_await 15 "the client does not run" grep -q 'messages answered' "$LAB_DIR/client.log" || fail "no traffic"
}
# Waits for its end; its exit code.
client_end() {
    local code=0
    wait "${LAB_PID_OF[client]}" || code=$?
    unset "LAB_PID_OF[client]"
    return "$code"
}

# Stops both gateways and the server; each must end by itself with exit code 0.
stop_all() {
    lab_stop_server || fail "the server ended with code $?"
    lab_stop_gateway a || fail "gateway A ended with code $?"
    lab_stop_gateway b || fail "gateway B ended with code $?"
}

# drops GATEWAY REASON: how often a stopped gateway dropped for that reason.
drops() {
    json "$LAB_DIR/stats-$1.json" "d['drops'].get('$2', 0)"
}

# What DPDK programs leave on a host.
dpdk_files() { find /run/dpdk /dev/hugepages -mindepth 1 2>/dev/null | sort || true; }

# The usual end of a transfer: the capture holds nothing but the handshakes and DTLS chunks.
check_link() {
    lab_stop_capture
    lab_check_capture "$LAB_DIR/middle.pcap" internet || fail "the link is not protected"
}
