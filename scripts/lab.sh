# shellcheck shell=bash
# The picture in network namespaces, for run.sh and the end-to-end tests. Sourced, not run.
#
#     client ns --- gateway A ns --- gateway B ns --- server ns
#     cl0  ga0           ga1  gb1           gb0  sv0
#
# cl0 and sv0 have kernel addresses. The gateways' four interfaces have none, so that only the gateway
# answers there; offloads are off everywhere, so that captures show what is on the wire.
#
#   lab_check                 whether this machine can do it; prints the reason when not
#   lab_begin [ipv4|ipv6]     makes namespaces and links, and a trap that removes everything
#   lab_begin_direct [...]    the same with client and server alone, on one link
#   lab_configs               writes the keys or certificates and gateway-a.yaml, gateway-b.yaml
#   lab_restart_stores        gives both a store for restart keys
#   lab_gateway a|b           starts a gateway and waits until it answers; lab_stop_gateway a|b
#   lab_server                starts the answering endpoint; lab_stop_server
#   lab_client [options]      runs the asking endpoint in the foreground
#   lab_capture FILE          captures the middle link; lab_stop_capture
#   lab_check_capture FILE [WORD...]   whether it is as protected as it should be
#   lab_pair [ipv4|ipv6]      all of the above in the usual order, but the client
#   lab_end                   what the trap does
#
# Set before: LAB_GATEWAY and LAB_ENDPOINT (the programs), LAB_EXCHANGE (the exchange file).
# Optional: LAB_METHOD (tls13, dtls13, preshared, or both of the first and the last: what protects the middle link; default tls13), LAB_SUITE, LAB_LISTENER_A, LAB_LISTENER_B, LAB_BACKEND_B, LAB_TRUNK, LAB_EXTRA (more YAML, see
# lab_configs), LAB_SERVER_OPTIONS (array).
# Set by it: LAB_DIR (scratch, mode 0700; stats and logs are in it), LAB_CLIENT, LAB_A, ... (addresses).

LAB_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_PORT=38412
LAB_NAMESPACES=()
LAB_MOUNTS=() # unmounted at the end, when no process uses them any more
LAB_SERVER_OPTIONS=(${LAB_SERVER_OPTIONS[@]+"${LAB_SERVER_OPTIONS[@]}"})
declare -A LAB_PID_OF=()

lab_check() {
    local tool probe
    if [ "$(id -u)" -ne 0 ]; then
        echo "network namespaces and raw sockets need root"
        return 1
    fi
    for tool in ip ethtool tcpdump tshark python3 openssl; do
        command -v "$tool" >/dev/null || {
            echo "$tool is not installed"
            return 1
        }
    done
    probe=sdgprobe$$
    if ! ip netns add "$probe" 2>/dev/null; then
        echo "network namespaces cannot be made here"
        return 1
    fi
    ip netns del "$probe"
}

lab_ns() { echo "sdg$$$1"; }
lab_in() {
    local side=$1
    shift
    ip netns exec "$(lab_ns "$side")" "$@"
}

# lab_link NS-SUFFIX DEVICE NS-SUFFIX DEVICE
lab_link() {
    ip link add "$2" netns "$(lab_ns "$1")" type veth peer name "$4" netns "$(lab_ns "$3")"
    local pair side device
    for pair in "$1 $2" "$3 $4"; do
        read -r side device <<<"$pair"
        lab_in "$side" ethtool -K "$device" rx off tx off sg off tso off gso off gro off >/dev/null 2>&1 || true
    done
}

# An interface for DPDK: up, without addresses or kernel neighbour discovery.
lab_bare_up() {
    lab_in "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
    lab_in "$1" ip link set "$2" up
}

# lab_start FAMILY NS-SUFFIX...: the trap, the scratch folder, the addresses, the namespaces.
lab_start() {
    LAB_FAMILY=$1
    shift
    if [ "$LAB_FAMILY" = ipv6 ]; then
        LAB_CLIENT=fd01::10 LAB_A=fd01::1 LAB_A_TRUNK=fd02::1 LAB_B_TRUNK=fd02::2 LAB_B=fd03::1 LAB_SERVER=fd03::10
        LAB_PREFIX=64
    else
        LAB_CLIENT=10.1.0.10 LAB_A=10.1.0.1 LAB_A_TRUNK=10.2.0.1 LAB_B_TRUNK=10.2.0.2 LAB_B=10.3.0.1 LAB_SERVER=10.3.0.10
        LAB_PREFIX=24
    fi
    trap lab_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/sdg-lab.XXXXXX")
    local side
    for side; do
        ip netns add "$(lab_ns "$side")"
        LAB_NAMESPACES+=("$(lab_ns "$side")")
        lab_in "$side" ip link set lo up
    done
}

lab_begin() {
    lab_start "${1:-ipv4}" c a b s
    lab_link c cl0 a ga0
    lab_link a ga1 b gb1
    lab_link b gb0 s sv0
    lab_bare_up a ga0
    lab_bare_up a ga1
    lab_bare_up b gb1
    lab_bare_up b gb0
    lab_host c cl0 "$LAB_CLIENT"
    lab_host s sv0 "$LAB_SERVER"
}

# Client and server on one link, no gateways: what the endpoints do by themselves.
lab_begin_direct() {
    lab_start "${1:-ipv4}" c s
    LAB_SERVER=$LAB_A
    lab_link c cl0 s sv0
    lab_host c cl0 "$LAB_CLIENT"
    lab_host s sv0 "$LAB_SERVER"
}

# lab_check_capture FILE [WORD...]: what may be in clear depends on the method.
lab_check_capture() {
    local how=()
    [ "${LAB_METHOD:-tls13}" != preshared ] || how=(--preshared)
    python3 "$LAB_SCRIPTS/check_capture.py" "${how[@]}" "$@"
}

# A kernel address for an endpoint; without the other family, so that nothing else is offered.
lab_host() {
    if [ "$LAB_FAMILY" = ipv6 ]; then
        lab_in "$1" sysctl -qw "net.ipv6.conf.$2.accept_ra=0" "net.ipv6.conf.$2.accept_dad=0"
        lab_in "$1" ip address add "$3/$LAB_PREFIX" dev "$2" nodad
    else
        lab_in "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
        lab_in "$1" ip address add "$3/$LAB_PREFIX" dev "$2"
    fi
    lab_in "$1" ip link set "$2" up
}

# ADDRESS:PORT as the endpoint writes it.
lab_at() {
    if [ "$LAB_FAMILY" = ipv6 ]; then echo "[$1]:$2"; else echo "$1:$2"; fi
}

lab_preshared_key() {
    (
        umask 077
        echo "psk: $(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')" >"$LAB_DIR/trunk.psk"
    )
}
lab_credentials() {
    "$LAB_SCRIPTS/../tests/lab-ca.sh" "$LAB_DIR/pki" gateway-a gateway-b
}

# lab_policy OWN PEER: the protection policy of the gateway OWN.
lab_policy() {
    echo "protection:
  - name: trunk
    mode: ${LAB_MODE:-strict}"
    local section=tls13
    [ "${LAB_METHOD:-tls13}" != dtls13 ] || section=dtls13
    case ${LAB_METHOD:-tls13} in tls13 | dtls13 | both)
        echo "    $section:
      certificate: pki/$1.pem
      private_key: pki/$1.key
      authorities: [pki/ca.pem]
      revocation_lists: [pki/ca.crl]
      peer_names: [\"dns:$2.lab.example\"]
      suites: [${LAB_SUITE:-TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256}]
      ${LAB_TLS:-}"
        ;;
    esac
    case ${LAB_METHOD:-tls13} in preshared | both)
        echo "    suite: ${LAB_SUITE:-TLS_AES_128_GCM_SHA256}
    preshared: { file: trunk.psk }"
        ;;
    esac
    echo "    ${LAB_TRUNK:-}"
}

# qdisc_bypass=0 on the link between the gateways: what bypasses the queueing discipline is seen by no
# capture and no nftables hook on the sending side.
lab_configs() {
    case ${LAB_METHOD:-tls13} in
        tls13 | dtls13) lab_credentials ;;
        both)
            lab_credentials
            lab_preshared_key
            ;;
        preshared) lab_preshared_key ;;
    esac
    cat >"$LAB_DIR/gateway-a.yaml" <<YAML
eal: { memory_mib: 256, hugepages: auto }
ports:
  - { name: trusted, device: "net_af_packet0,iface=ga0", addresses: ["$LAB_A/$LAB_PREFIX"] }
  - { name: untrusted, device: "net_af_packet1,iface=ga1,qdisc_bypass=0", addresses: ["$LAB_A_TRUNK/$LAB_PREFIX"] }
$(lab_policy gateway-a gateway-b)
backends:
  - { name: gateway-b, side: protected, local: "$LAB_A_TRUNK", address: "$LAB_B_TRUNK", port: $LAB_PORT, protection: trunk, connect_timeout_ms: 5000 }
listeners:
  - { name: nodes, side: plain, address: "$LAB_A", port: $LAB_PORT, backend: gateway-b ${LAB_LISTENER_A:-} }
lab: { keylog: keys-a.log, tls_keylog: secrets.log }
stats_file: stats-a.json
${LAB_EXTRA:-}
YAML
    cat >"$LAB_DIR/gateway-b.yaml" <<YAML
eal: { memory_mib: 256, hugepages: auto }
ports:
  - { name: untrusted, device: "net_af_packet0,iface=gb1,qdisc_bypass=0", addresses: ["$LAB_B_TRUNK/$LAB_PREFIX"] }
  - { name: trusted, device: "net_af_packet1,iface=gb0", addresses: ["$LAB_B/$LAB_PREFIX"] }
$(lab_policy gateway-b gateway-a)
backends:
  - { name: server, side: plain, local: "$LAB_B", address: "$LAB_SERVER", port: $LAB_PORT, connect_timeout_ms: 5000 ${LAB_BACKEND_B:-} }
listeners:
  - { name: gateway-a, side: protected, address: "$LAB_B_TRUNK", port: $LAB_PORT, backend: server, protection: trunk ${LAB_LISTENER_B:-} }
lab: { keylog: keys-b.log, tls_keylog: secrets.log }
stats_file: stats-b.json
${LAB_EXTRA:-}
YAML
}

# lab_restart_stores [YAML...]: after lab_configs; each gateway keeps restart keys in a file of its own.
# More lines of the section `restart` as arguments. LAB_TRUNK must have `restart: true`.
lab_restart_stores() {
    local gateway
    for gateway in a b; do
        mkdir -m 700 "$LAB_DIR/store-$gateway"
        (umask 077 && openssl rand -hex 32 >"$LAB_DIR/store-$gateway/kek")
        {
            echo "restart:"
            printf '  %s\n' "sqlite: { file: store-$gateway/restart.db }" "key: { file: store-$gateway/kek }" "$@"
        } >>"$LAB_DIR/gateway-$gateway.yaml"
    done
}

# lab_spawn NAME NS-SUFFIX COMMAND...: in the background, output to $LAB_DIR/NAME.log.
lab_spawn() {
    local name=$1 side=$2
    shift 2
    : >"$LAB_DIR/$name.log" # here, not in the child: nobody shall wait on an older run's lines
    # Not through lab_in: the process to signal must be the program, not a shell around it.
    ip netns exec "$(lab_ns "$side")" "$@" >"$LAB_DIR/$name.log" 2>&1 &
    LAB_PID_OF[$name]=$!
}

lab_alive() { kill -0 "${LAB_PID_OF[$1]}" 2>/dev/null; }

# lab_await SECONDS WHAT COMMAND...: until the command succeeds.
lab_await() {
    local deadline=$((SECONDS + $1 + 1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "timed out: $what" >&2
            return 1
        fi
        sleep 0.05
    done
}

# lab_stop NAME [SIGNAL [SECONDS]]: ends a process of ours; its exit code is the function's.
lab_stop() {
    local name=$1 tries=$((${3:-20} * 20)) code=0
    local pid=${LAB_PID_OF[$name]:-}
    [ -n "$pid" ] || return 0
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
        sleep 0.05
        tries=$((tries - 1))
    done
    if kill -0 "$pid" 2>/dev/null; then
        echo "$name did not end within ${3:-20} s" >&2
        kill -KILL "$pid" 2>/dev/null || true
    fi
    wait "$pid" 2>/dev/null || code=$?
    unset "LAB_PID_OF[$name]"
    return "$code"
}

lab_gateway_ready() {
    lab_alive "gateway-$1" || return 0 # the caller reports it
    case $1 in
        a) lab_in c python3 "$LAB_SCRIPTS/echo_probe.py" "$LAB_A" ;;
        b) lab_in s python3 "$LAB_SCRIPTS/echo_probe.py" "$LAB_B" ;;
    esac
}

lab_gateway() {
    lab_spawn "gateway-$1" "$1" "$LAB_GATEWAY" --config "$LAB_DIR/gateway-$1.yaml"
    if ! lab_await 20 "gateway $1 does not answer" lab_gateway_ready "$1" || ! lab_alive "gateway-$1"; then
        echo "gateway $1 did not start:" >&2
        tail -n 20 "$LAB_DIR/gateway-$1.log" >&2
        return 1
    fi
}
# Its exit code; 9 when the filter of system calls had to refuse one.
lab_stop_gateway() {
    lab_stop "gateway-$1" || return $?
    ! grep -a 'system call .* has been refused' "$LAB_DIR/gateway-$1.log" >&2 || return 9
}

lab_server() {
    lab_spawn server s "$LAB_ENDPOINT" server --listen "$(lab_at "$LAB_SERVER" "$LAB_PORT")" \
        --exchange "$LAB_EXCHANGE" --summary "$LAB_DIR/server.json" "${LAB_SERVER_OPTIONS[@]}"
    if ! lab_await 10 "the server does not listen" grep -q '^listening' "$LAB_DIR/server.log"; then
        tail -n 20 "$LAB_DIR/server.log" >&2
        return 1
    fi
}
lab_stop_server() { lab_stop server; }

lab_client() {
    lab_in c "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_A" "$LAB_PORT")" --local "$(lab_at "$LAB_CLIENT" 0)" "$@"
}

lab_capture() {
    lab_spawn capture a tcpdump -i ga1 -U -s 0 -B 32768 -Z root -w "$1"
    lab_await 10 "tcpdump does not listen" grep -q 'listening on' "$LAB_DIR/capture.log"
}
lab_stop_capture() {
    # tcpdump writes what it has when it ends; give the last packets the time to get to it.
    sleep 0.3
    lab_stop capture || true
}

lab_pair() {
    lab_begin "${1:-ipv4}"
    lab_configs
    lab_server
    lab_gateway b
    lab_gateway a
}

lab_end() {
    local code=$? name
    trap - EXIT
    trap '' INT TERM HUP
    for name in "${!LAB_PID_OF[@]}"; do
        kill -TERM "${LAB_PID_OF[$name]}" 2>/dev/null || true
    done
    for name in "${!LAB_PID_OF[@]}"; do
        lab_stop "$name" TERM 8 || true
    done
    for name in "${LAB_NAMESPACES[@]}"; do
        ip netns del "$name" 2>/dev/null || true
    done
    for name in "${LAB_MOUNTS[@]}"; do
        umount "$name" 2>/dev/null || true
    done
    [ -z "${LAB_DIR:-}" ] || rm -rf "$LAB_DIR"
    LAB_NAMESPACES=() LAB_DIR=
    exit "$code"
}
