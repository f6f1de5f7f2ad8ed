#!/usr/bin/env bash
# The configuration changes under traffic: listeners, backends and certificates come and go, a file that
# is not right changes nothing, and two hundred reloads in a row cost neither messages nor memory.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
CTL=$BUILD_ROOT/tools/ctl/sctp-gateway-ctl
RELOADS=200

lab_begin
# While the SCTP stack of a second client starts, it takes the first one's packets for strays and answers
# them with ABORT (chunk type 6). Out of this host none goes.
lab_in c nft -f - <<'NFT' || skip "no nftables netdev egress hook on this kernel"
table netdev strays {
    chain out {
        type filter hook egress device "cl0" priority 0;
        ip protocol 132 @th,96,8 6 counter drop
    }
}
NFT
LAB_TLS="min_rekey_interval_ms: 0"
lab_configs
echo "admin: { socket: admin.sock, audit_log: audit.log }" >>"$LAB_DIR/gateway-a.yaml"
export SCTP_GATEWAY_SOCKET=$LAB_DIR/admin.sock
config=$LAB_DIR/gateway-a.yaml
log=$LAB_DIR/gateway-a.log
lab_server
lab_gateway b
lab_gateway a
gateway=${LAB_PID_OF[gateway-a]}

# What a reload says is as its schema has it, also when it is refused.
reload() {
    local code=0
    "$CTL" --json reload "$@" >"$LAB_DIR/answer.json" 2>"$LAB_DIR/noticed" || code=$?
    follows_schema reload "$LAB_DIR/answer.json" || fail "reload: $(cat "$LAB_DIR/answer.json")"
    return "$code"
}
told() { json "$LAB_DIR/answer.json" "$1"; }
changes() { told "' '.join(c['key'] + ':' + c['change'] for c in d['changes'])"; }
# served PORT: a node finds a way through to the server.
served() { LAB_PORT=$1 lab_client --exchange "$LAB_EXCHANGE" --no-sweep --timeout 20 >"$LAB_DIR/second.log" 2>&1; }

client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 100 --expect-end shutdown \
    --summary "$LAB_DIR/client.json"
client_runs

# Nothing is different, but the files are read.
reload || fail "reload of the same: $(cat "$LAB_DIR/noticed")"
[ "$(told "d['result'], d['changes'], d['certificates'][0]['subject']")" = "('applied', [], 'dns:gateway-a.lab.example')" ] || fail "reload of the same: $(cat "$LAB_DIR/answer.json")"

# One more listener and backend, new certificates on both sides.
lab_credentials
cp "$config" "$LAB_DIR/first.yaml"
sed -i "s|^  - { name: gateway-b, .*|&\n  - { name: second, side: protected, local: \"$LAB_A_TRUNK\", address: \"$LAB_B_TRUNK\", port: $LAB_PORT, protection: trunk }|
        s|^  - { name: nodes, .*|&\n  - { name: more, side: plain, address: \"$LAB_A\", port: 5000, backend: second, max_associations: 3 }|" "$config"
cp "$config" "$LAB_DIR/second.yaml"
if served 5000; then fail "served before the reload"; fi
reload --dry-run || fail "trial"
[ "$(told "d['result']") $(changes)" = "possible backends[second]:added listeners[more]:added" ] || fail "trial: $(cat "$LAB_DIR/answer.json")"
if served 5000; then fail "served after a trial"; fi
reload || fail "second listener: $(cat "$LAB_DIR/noticed")"
[ "$(told "d['result']") $(changes)" = "applied backends[second]:added listeners[more]:added" ] || fail "second listener: $(cat "$LAB_DIR/answer.json")"
kill -HUP "${LAB_PID_OF[gateway-b]}"
lab_await 10 "gateway B did not reload" grep -q 'reload: 0 changes applied, 1 certificates read' "$LAB_DIR/gateway-b.log" || fail "SIGHUP"
served 5000 || fail "the second listener does not serve: $(cat "$LAB_DIR/second.log")"
"$CTL" rekey --all >/dev/null || fail "rekey"
lab_await 15 "no new keys" grep -q 'epoch 4: TLS' "$log" || fail "no rekey with the new certificates"

# The first one goes; the association that came through it stays.
sed -i '/^  - { name: nodes, /d' "$config"
kill -HUP "$gateway"
lab_await 10 "nothing was reloaded" grep -q 'reload: listeners\[nodes\]: removed' "$log" || fail "SIGHUP"
lab_await 10 "not audited" grep -q SIGHUP "$LAB_DIR/audit.log" || fail "SIGHUP is not in the audit log"
if served "$LAB_PORT"; then fail "the removed listener serves"; fi
served 5000 || fail "the second listener serves no more"
"$CTL" associations list | grep -q 'nodes .*relaying' || fail "the association of the removed listener"

# What is not right changes nothing, and says where it is wrong.
# refused WHAT SED-SCRIPT LINE PATTERN
refused() {
    cp "$config" "$LAB_DIR/good.yaml"
    sed -i "$2" "$config"
    if reload; then fail "$1: taken"; fi
    [ "$(told "d['result']")" = refused ] || fail "$1: $(cat "$LAB_DIR/answer.json")"
    grep -qE "^sctp-gateway-ctl: $config:$3: $4" "$LAB_DIR/noticed" || fail "$1: $(cat "$LAB_DIR/noticed")"
    grep -qE "reload refused, nothing is changed: $config:$3: " "$log" || fail "$1: not in the log"
    mv "$LAB_DIR/good.yaml" "$config"
    served 5000 || fail "$1: the gateway does not serve any more"
}
line() { grep -n "$1" "$config" | head -n 1 | cut -d : -f 1; }
refused "no YAML" '1s/.*/eal: {/' '[0-9]+' 'expected'
refused "a key that is none" "s/max_associations: 3/max_asociations: 3/" "$(line max_associations)" 'listeners\[0\].max_asociations: expected'
refused "a port changed" 's/\(name: trusted, \)/\1mtu: 1400, /' "$(line 'name: trusted')" 'ports\[trusted\].mtu: needs a restart: devices'
refused "no such certificate" 's|certificate: pki/gateway-a.pem|certificate: pki/nobody.pem|' "$(line 'name: trunk')" 'protection\[trunk\]: protection policy trunk: .*nobody.pem: no PEM'
refused "another backend and memory" 's/connect_timeout_ms: 5000/connect_timeout_ms: 6000/; s/memory_mib: 256/memory_mib: 300/' 1 'eal.memory_mib: needs a restart: DPDK'
refused "two listeners at one place" "s|^\\(  - { name: more, \\)\\(.*\\)|&\n  - { name: twin, \\2|" "$(($(line 'name: more') + 1))" 'listeners\[1\]'
reload --dry-run || fail "the good file again"
[ "$(changes)" = "" ] || fail "a refused change has left something: $(changes)"

# Many, with the two files in turns. The first ones fill what is filled once (arenas, pools of OpenSSL).
figures() { echo "$(find /proc/"$gateway"/fd -mindepth 1 | wc -l) $(awk '/^VmRSS/ { print $2 }' /proc/"$gateway"/status)"; }
for ((i = 0; i < RELOADS + 40; ++i)); do
    [ $i -ne 40 ] || read -r fds_before memory_before <<<"$(figures)"
    sed "s/max_associations: 3/max_associations: $((100 + i)), max_streams: $((10 + i % 7))/; s/name: more/name: more$i/; s/\\(name: \\|backend: \\)second/\\1second$i/" "$LAB_DIR/second.yaml" >"$config"
    [ $((i % 2)) -eq 0 ] || cp "$LAB_DIR/first.yaml" "$config"
    "$CTL" reload >/dev/null || fail "reload $i"
done
read -r fds memory <<<"$(figures)"
echo "descriptors $fds_before -> $fds, resident memory $memory_before -> $memory KiB over $RELOADS reloads"
[ "$fds" -eq "$fds_before" ] || fail "descriptors: $fds_before, then $fds"
[ $((memory - memory_before)) -lt 2048 ] || fail "resident memory: $memory_before KiB, then $memory"
served "$LAB_PORT" || fail "after all of it: $(cat "$LAB_DIR/second.log")"

audited=$(/usr/bin/python3 -c 'import collections, json, sys
entries = [e for e in map(json.loads, open(sys.argv[1])) if e["command"] == "reload"]
[hangup] = [e for e in entries if "signal" in e["arguments"]]
assert (hangup["arguments"], hangup["uid"], hangup["gid"], hangup["pid"], hangup["result"]) == ({"signal": "SIGHUP"}, 0, None, int(sys.argv[2]), "ok"), hangup
print(dict(collections.Counter(e["result"] for e in entries)))' "$LAB_DIR/audit.log" $$)
[ "$audited" = "{'ok': $((RELOADS + 45)), 'refused': 6}" ] || fail "audit log: $audited"
lab_stop_gateway a || fail "gateway A ended with code $?" # ends the client, too
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
stop_all
[ "$(json "$LAB_DIR/client.json" "d['messages']['verified']")" -gt 100 ] || fail "too little traffic"
for side in a b; do
    for reason in record_forged seal_no_key; do
        [ "$(drops $side $reason)" -eq 0 ] || fail "gateway $side dropped packets: $reason"
    done
done
