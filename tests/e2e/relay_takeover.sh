#!/usr/bin/env bash
# A standby on another host takes the associations of a gateway over by protected restart, with traffic
# running: when the first host is gone, when its gateway only stands still and finds itself fenced
# afterwards, and when it leaves. Both hosts hang on the same two switches, and reach one Redis over a
# network of its own:
#
#     client --- switch --- one, two --- switch --- gateway B --- server
#
# The addresses of gateway A move with the take-over, to interfaces with another link address.
#   relay_takeover.sh KILL|STOP|QUIT
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
command -v redis-server >/dev/null || skip "redis-server is not installed"
HOW=$1 COUNT=10
LEASE=2000
[ "$HOW" != QUIT ] || LEASE=600000 # who leaves gives it back
LAB_TRUNK="restart: true"

# hosts: what lab_begin makes, with two hosts in A's place.
hosts() {
    lab_start ipv4 c one two b s w
    local bridge host
    for bridge in nodes trunk stores; do
        lab_in w ip link add "$bridge" type bridge || skip "this kernel has no bridges"
        lab_in w ip link set "$bridge" up
    done
    lab_link c cl0 w nodes-c
    lab_link b gb1 w trunk-b
    lab_link b gb0 s sv0
    for host in one two; do
        lab_link "$host" ga0 w "nodes-$host"
        lab_link "$host" ga1 w "trunk-$host"
        lab_link "$host" st0 w "stores-$host"
        lab_bare_up "$host" ga0
        lab_bare_up "$host" ga1
        lab_in "$host" ip link set st0 up
    done
    for bridge in nodes-c nodes-one nodes-two trunk-b trunk-one trunk-two stores-one stores-two; do
        lab_in w ip link set "$bridge" master "${bridge%%-*}" up
    done
    lab_in w ip address add 10.9.0.1/24 dev stores
    lab_in one ip address add 10.9.0.11/24 dev st0
    lab_in two ip address add 10.9.0.12/24 dev st0
    lab_bare_up b gb1
    lab_bare_up b gb0
    lab_host c cl0 "$LAB_CLIENT"
    lab_host s sv0 "$LAB_SERVER"
}
# link_address HOST; nodes_reach: where the client's host sends what is for gateway A.
link_address() { lab_in "$1" cat /sys/class/net/ga0/address; }
nodes_reach() { lab_in c ip neighbour show "$LAB_A" | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p'; }

hosts
lab_configs
(umask 077 && openssl rand -hex 32 >"$LAB_DIR/kek")
lab_spawn redis w redis-server --bind 10.9.0.1 --port 6379 --protected-mode no \
    --dir "$LAB_DIR" --appendonly yes --appendfsync always --maxmemory-policy noeviction --save ""
lab_await 10 "redis does not listen" lab_in w redis-cli -h 10.9.0.1 ping || fail "redis"
for owner in one two; do
    sed "s/stats-a/stats-$owner/; s/keys-a/keys-$owner/" "$LAB_DIR/gateway-a.yaml" >"$LAB_DIR/gateway-$owner.yaml"
    cat >>"$LAB_DIR/gateway-$owner.yaml" <<YAML
restart:
  redis: { server: "10.9.0.1:6379" }
  key: { file: kek }
  owner: $owner
  lease_ms: $LEASE
  standby: $([ $owner = one ] && echo false || echo true)
YAML
done
of() {
    kill -USR1 "${LAB_PID_OF[$1]}"
    sleep 0.1
    json "$LAB_DIR/stats-$1.json" "$2" 2>/dev/null || true
}
is() { [ "$(of "$1" "$2")" = "$3" ]; }

lab_server
lab_gateway b
lab_spawn one one "$LAB_GATEWAY" --config "$LAB_DIR/gateway-one.yaml"
lab_await 20 "the gateway is not ready" grep -q 'ready:' "$LAB_DIR/one.log" || fail "gateway one"
lab_spawn two two "$LAB_GATEWAY" --config "$LAB_DIR/gateway-two.yaml"
lab_await 20 "no standby" grep -q 'standby: ' "$LAB_DIR/two.log" || fail "gateway two"
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --associations "$COUNT" --duration 15 --pace 5 --may-lose 1500 --timeout 30 \
    --summary "$LAB_DIR/client.json"
lab_await 30 "restart keys are not kept" is one "d['restart_store']['kept']" "$COUNT" || fail "gateway one keeps too little"
grep -q 'ready:' "$LAB_DIR/two.log" && fail "the standby did not wait"

one=${LAB_PID_OF[one]}
[ "$(nodes_reach)" = "$(link_address one)" ] || fail "the client does not reach gateway one"
kill -"$HOW" "$one"
if [ "$HOW" = KILL ]; then # the whole host
    for port in nodes-one trunk-one stores-one; do
        lab_in w ip link set "$port" down
    done
fi
lab_await 15 "no take-over" grep -q 'ready:' "$LAB_DIR/two.log" || fail "gateway two"
lab_await 20 "not restored" is two "d['relay']['pairs_restored']" "$COUNT" || fail "restored: $(of two "d['relay']")"
if [ "$HOW" = STOP ]; then
    kill -CONT "$one"
    code=0
    wait "$one" || code=$?
    [ "$code" -eq 3 ] || fail "the fenced gateway ended with code $code"
    unset "LAB_PID_OF[one]"
    grep -q 'another gateway owns the associations' "$LAB_DIR/one.log" || fail "it does not say why it ended"
else
    code=0
    lab_stop one "$HOW" || code=$?
    [ "$HOW" != QUIT ] || [ "$code" -eq 0 ] || fail "the gateway left with code $code"
    rm -rf "/run/dpdk/sctp-gateway-$one"
fi
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
json "$LAB_DIR/client.json" "{k: d[k] for k in ('messages', 'restarts', 'longest_silence_ms')}"
# In flight when the first gateway stopped, and sent in vain until the second had them back.
[ "$(json "$LAB_DIR/client.json" "d['restarts'] == $COUNT and d['messages']['verified'] > 100 * $COUNT")" = True ] ||
    fail "too little was relayed"
[ "$(nodes_reach)" = "$(link_address two)" ] || fail "the address has not moved"
lab_stop_server || fail "the server ended with code $?"
lab_stop two || fail "gateway two ended with code $?"
lab_stop_gateway b || fail "gateway B ended with code $?"
[ "$(json "$LAB_DIR/stats-b.json" "d['relay']['pairs_restarted']")" -eq "$COUNT" ] || fail "gateway B saw other restarts"
lab_stop redis || true
