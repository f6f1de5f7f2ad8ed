#!/usr/bin/env bash
# The operator's side of a running gateway: every answer of the admin socket follows its schema,
# commands do what they say and are audited, metrics are sound and count what was relayed.
if [ -z "${SDG_OWN_MOUNTS:-}" ] && [ "$(id -u)" -eq 0 ]; then
    # The audit log is on a file system of its own, so that it can fill up.
    SDG_OWN_MOUNTS=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
command -v promtool >/dev/null || skip "promtool (package prometheus) is not installed"
CTL=$BUILD_ROOT/tools/ctl/sctp-gateway-ctl

lab_begin
lab_configs
mkdir -m 700 "$LAB_DIR/audit"
mount -t tmpfs -o size=256k,mode=700 tmpfs "$LAB_DIR/audit"
LAB_MOUNTS+=("$LAB_DIR/audit")
cat >>"$LAB_DIR/gateway-a.yaml" <<YAML
admin: { socket: admin.sock, audit_log: audit/audit.log }
metrics: { port: 9641, token_file: token }
YAML
(umask 077 && echo lab-token >"$LAB_DIR/token")
export SCTP_GATEWAY_SOCKET=$LAB_DIR/admin.sock
lab_in a ip link set lo up

code=0
"$CTL" status 2>/dev/null || code=$?
[ "$code" -eq 3 ] || fail "exit code $code without a gateway"
lab_server
lab_gateway b
lab_gateway a
[ "$(stat -c %a "$LAB_DIR/admin.sock")" = 600 ] || fail "rights of the socket"

# answered SCHEMA ARGUMENTS...: asks once, and checks the answer against its schema.
answered() {
    "$CTL" --json "${@:2}" >"$LAB_DIR/answer.json" || fail "$*"
    follows_schema "$1" "$LAB_DIR/answer.json" || fail "$*: $(cat "$LAB_DIR/answer.json")"
}
# answer SCHEMA ARGUMENTS...: asks for people, too.
answer() {
    answered "$@"
    "$CTL" "${@:2}" | grep -q . || fail "$*: no text for people"
}
told() { json "$LAB_DIR/answer.json" "$1"; }
scrape() { lab_in a curl -sf -H 'Authorization: Bearer lab-token' http://127.0.0.1:9641/metrics >"$LAB_DIR/metrics"; }

client() {
    client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 60 --expect-end "$1" \
        --summary "$LAB_DIR/client.json"
    client_runs
}

client shutdown
for what in status backends ports workers certificates; do
    answer $what $what
done
answer log log-level
answer associations associations list
[ "$(told "[a['state'] for a in d['associations']]")" = "['relaying']" ] || fail "no association in the list"
id=$(told "d['associations'][0]['association']")
answer association associations show "$id"
[ "$(told "d['legs']['backend']['protection']['peer']")" != None ] || fail "no peer identity"
[ "$(told "d['legs']['backend']['path']['congestion_window_octets'] > 0")" = True ] || fail "no path figures"
grep -q "association $id listener nodes" "$LAB_DIR/gateway-a.log" || fail "the log does not know association $id"
epoch=$(told "max(e['epoch'] for e in d['legs']['backend']['protection']['epochs'])")
answered rekey rekey "$id"
newer() { answer association associations show "$id" && [ "$(told "max(e['epoch'] for e in d['legs']['backend']['protection']['epochs'] if e['selected'])")" -gt "$epoch" ]; }
lab_await 15 "no new keys" newer || fail "rekey"
times=$(told "d['legs']['backend']['protection']['authentications']")
answered reauthenticate reauthenticate "$id"
anew() { answer association associations show "$id" && [ "$(told "d['legs']['backend']['protection']['authentications']")" -gt "$times" ]; }
lab_await 15 "no authentication anew" anew || fail "reauthenticate"
answer busiest associations busiest
[ "$(told "d['associations'][0]['backend_identity']")" = dns:gateway-b.lab.example ] || fail "no identity among the busiest"
rates() { answer workers workers && [ "$(told "d['workers'][0]['per_second'] and d['workers'][0]['per_second']['sealed'] > 0 and d['workers'][0]['per_second']['cycles_per_packet'] > 0")" = True ]; }
lab_await 10 "no rates" rates || fail "workers have no rates"
answer log_level log-level debug --module relay
[ "$(told "d['modules']['relay']")" = debug ] || fail "log level"

lab_await 5 "no metrics" scrape || fail "metrics"
promtool check metrics <"$LAB_DIR/metrics" || fail "promtool does not like the metrics"
grep -q '^sctp_gateway_listener_associations{listener="nodes"} 1$' "$LAB_DIR/metrics" || fail "association not in the metrics"
! grep -q "$LAB_CLIENT" "$LAB_DIR/metrics" || fail "a peer's address among the labels"
[ "$(lab_in a curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9641/metrics)" = 401 ] || fail "metrics without the token"
for page in healthz readyz; do
    lab_in a curl -sf "http://127.0.0.1:9641/$page" >/dev/null || fail "$page"
done

# Nothing is changed without a trace: the disk is full, and free again.
# What was reserved for the last entry and not used goes first: the next one would find room in it.
truncate -s "$(stat -c %s "$LAB_DIR/audit/audit.log")" "$LAB_DIR/audit/audit.log"
dd if=/dev/zero of="$LAB_DIR/audit/ballast" bs=4096 2>/dev/null || true
code=0
"$CTL" log-level error --module relay 2>"$LAB_DIR/noticed" >/dev/null || code=$?
[ "$code" -eq 1 ] && grep -q 'audit log .*No space left' "$LAB_DIR/noticed" || fail "code $code with a full disk: $(cat "$LAB_DIR/noticed")"
answer log log-level
[ "$(told "d['modules']['relay']")" = debug ] || fail "changed without a trace"
rm "$LAB_DIR/audit/ballast"

answered reload reload
answered close close "$id"
client_end || fail "the client saw no SHUTDOWN: $(tail -n 5 "$LAB_DIR/client.log")"
client abort
answer associations associations list
"$CTL" close --abort "$(told "d['associations'][0]['association']")" >/dev/null || fail "close --abort"
client_end || fail "the client saw no ABORT: $(tail -n 5 "$LAB_DIR/client.log")"
code=0
"$CTL" close 4711 2>"$LAB_DIR/noticed" || code=$?
[ "$code" -eq 1 ] && grep -q 'no association 4711' "$LAB_DIR/noticed" || fail "close of nothing: code $code"
"$CTL" check-config "$LAB_DIR/gateway-a.yaml" >/dev/null || fail "check-config"
answered drain drain
lab_stop_gateway a || fail "gateway A ended with code $?"
[ ! -e "$LAB_DIR/admin.sock" ] || fail "the socket is left behind"
audited=$(/usr/bin/python3 -c 'import json, sys
print(*(e["command"] + ":" + e["result"] for e in map(json.loads, open(sys.argv[1])) if e["uid"] == 0))' "$LAB_DIR/audit/audit.log")
[ "$audited" = "rekey:ok reauthenticate:ok log_level:ok log_level:ok reload:ok close:ok close:ok close:not_found drain:ok" ] || fail "audit log: $audited"
stop_all
