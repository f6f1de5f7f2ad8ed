#!/usr/bin/env bash
# The gateway's figures on DPDK's telemetry socket while messages are relayed: all that /metrics has.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

lab_begin
lab_configs
prefix=sdg-telemetry-$$
sed -i "s/^eal: {/eal: { telemetry: true, file_prefix: $prefix,/" "$LAB_DIR/gateway-a.yaml"
echo "metrics: { port: 9641 }" >>"$LAB_DIR/gateway-a.yaml"
lab_in a ip link set lo up
lab_server
lab_gateway b
lab_gateway a
socket=/var/run/dpdk/$prefix/dpdk_telemetry.v2

# ask COMMAND FILE: the answer's value.
ask() {
    python3 - "$socket" "$1" >"$2" <<'PYTHON'
import json, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
    s.settimeout(10)
    s.connect(sys.argv[1])
    s.recv(16384)
    s.send(sys.argv[2].encode())
    print(json.dumps(*json.loads(s.recv(16384)).values()))
PYTHON
}

# relayed: the figures of the second in which the last message was relayed have been published.
relayed() {
    ask /gateway/metrics "$LAB_DIR/figures.json"
    [ "$(json "$LAB_DIR/figures.json" "d and d['relayed_messages_to_backend'] == $sent")" = True ]
}

lab_client --summary "$LAB_DIR/client.json" >"$LAB_DIR/client.log" 2>&1 || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
sent=$(json "$LAB_DIR/client.json" "d['messages']['verified']")
[ "$sent" -gt 0 ] || fail "no messages"
lab_await 5 "no messages in the figures" relayed || fail "the figures do not grow"
[ "$(stat -c %a "/var/run/dpdk/$prefix")" = 700 ] || fail "others may reach the socket"
ask /gateway/worker,0 "$LAB_DIR/worker.json"
[ "$(json "$LAB_DIR/worker.json" "all(d['worker_' + n] > 0 for n in ('records_sealed', 'records_opened', 'frames_received'))")" = True ] || fail "worker 0"
ask /gateway/worker,1 "$LAB_DIR/worker.json"
[ "$(json "$LAB_DIR/worker.json" "d is None")" = True ] || fail "there is no worker 1"
ask /ethdev/stats,1 "$LAB_DIR/ports.json"
[ "$(json "$LAB_DIR/ports.json" "d['ipackets'] > 0 and d['opackets'] > 0")" = True ] || fail "DPDK's own endpoints: $(cat "$LAB_DIR/ports.json")"

# Every sample of /metrics is in one of the answers, and they have nothing else.
lab_in a curl -sf http://127.0.0.1:9641/metrics >"$LAB_DIR/metrics"
python3 - "$socket" "$LAB_DIR/metrics" <<'PYTHON' || fail "/metrics and telemetry do not have the same figures"
import json, re, socket, sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
    s.settimeout(10)
    s.connect(sys.argv[1])
    s.recv(16384)

    def ask(command):
        s.send(command.encode())
        return json.loads(s.recv(16384))[command.partition(",")[0]]

    items = sorted(c[len("/gateway/"):-len("_list")] for c in ask("/") if re.match("/gateway/.*_list$", c))
    told = {("", "", name) for name in ask("/gateway/metrics")}
    for item in items:
        for index in ask(f"/gateway/{item}_list"):
            figures = ask(f"/gateway/{item},{index}")
            told |= {(item, figures[item], name) for name in figures if name != item}

scraped = set()
for line in open(sys.argv[2]):
    if line.startswith("#"):
        continue
    name, labels = re.fullmatch(r"sctp_gateway_(\w+?)(?:_total)?(?:\{(.*)\})? \S+\n", line).groups()
    labels = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
    if name == "info":
        scraped |= {("", "", label) for label in labels}
        continue
    item = next((i for i in items if i in labels), "")
    scraped.add((item, labels.pop(item, ""), "_".join([name, *labels.values()])))
print(len(scraped), "figures;", "only in /metrics:", scraped - told, "only in telemetry:", told - scraped, file=sys.stderr)
sys.exit(scraped != told or len(scraped) < 100)
PYTHON

stop_all
[ "$(json "$LAB_DIR/figures.json" "d['relayed_messages_to_backend'] == json.load(open('$LAB_DIR/stats-a.json'))['relay']['messages_to_backend']")" = True ] ||
    fail "other figures than in stats_file"
[ ! -e "$socket" ] || fail "the socket is left behind"
