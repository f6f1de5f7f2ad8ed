#!/usr/bin/env bash
# What prevents a start is one line on standard error and exit code 1, and leaves nothing behind.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

LAB_METHOD=both
lab_begin
lab_configs
sed -i "/^lab:/d" "$LAB_DIR/gateway-a.yaml" # its warning would be a line of its own

# refuses WHAT PATTERN COMMAND...
refuses() {
    local what=$1 pattern=$2 code=0
    shift 2
    timeout 30 ip netns exec "$(lab_ns a)" "$@" >"$LAB_DIR/out" 2>"$LAB_DIR/noticed" || code=$?
    sed 's/^/    /' "$LAB_DIR/noticed"
    [ "$code" -eq 1 ] || fail "$what: exit code $code"
    [ "$(wc -l <"$LAB_DIR/noticed")" -eq "${lines:-1}" ] || fail "$what: not one line"
    grep -qE -- "$pattern" "$LAB_DIR/noticed" || fail "$what: the line does not say so"
    echo "ok: $what"
}

# changed SED-EXPRESSION: a configuration that differs from gateway A's by that.
changed() {
    sed -e "$1" "$LAB_DIR/gateway-a.yaml" >"$LAB_DIR/changed.yaml"
    ! cmp -s "$LAB_DIR/gateway-a.yaml" "$LAB_DIR/changed.yaml" || fail "'$1' changes nothing"
    echo "$LAB_DIR/changed.yaml"
}

before=$(dpdk_files)
refuses "missing configuration" 'nonexistent' "$LAB_GATEWAY" --config /nonexistent.yaml
refuses "unknown key" 'changed.yaml:[0-9]+:[0-9]+:.*colour' "$LAB_GATEWAY" --config "$(changed '$ a colour: red')"
refuses "unknown key, checked only" 'colour' "$LAB_GATEWAY" --check-config "$LAB_DIR/changed.yaml"
refuses "no such interface" 'nosuch0' "$LAB_GATEWAY" --config "$(changed 's/iface=ga0/iface=nosuch0/')"
refuses "no such device driver" 'net_nosuch' "$LAB_GATEWAY" --config "$(changed 's/net_af_packet0/net_nosuch0/')"
refuses "no such crypto device" 'crypto_nosuch0' "$LAB_GATEWAY" --config "$(changed '$ a workers: { crypto_device: crypto_nosuch0 }')"
refuses "missing key file" 'absent.psk' "$LAB_GATEWAY" --config "$(changed 's/trunk.psk/absent.psk/')"
chmod 0644 "$LAB_DIR/trunk.psk"
refuses "key file open to others" 'trunk.psk' "$LAB_GATEWAY" --config "$LAB_DIR/gateway-a.yaml"
chmod 0600 "$LAB_DIR/trunk.psk"
refuses "missing certificate" 'absent.pem' "$LAB_GATEWAY" --config "$(changed 's/gateway-a.pem/absent.pem/')"
refuses "key of another certificate" 'does not belong' "$LAB_GATEWAY" --config "$(changed 's/gateway-a.key/gateway-b.key/')"
refuses "PKCS#11 without a provider" 'pkcs11' "$LAB_GATEWAY" --config "$(changed 's|pki/gateway-a.key|"pkcs11:object=a"|')"
refuses "bad peer name" 'peer_names' "$LAB_GATEWAY" --config "$(changed 's/dns:gateway-b/dns:*.gateway-b/')"
chmod 0644 "$LAB_DIR/pki/gateway-a.key"
refuses "private key open to others" 'gateway-a.key' "$LAB_GATEWAY" --config "$LAB_DIR/gateway-a.yaml"
chmod 0600 "$LAB_DIR/pki/gateway-a.key"
if [ "$(cat /proc/sys/vm/nr_hugepages)" = 0 ]; then
    refuses "hugepages required" 'hugepage' "$LAB_GATEWAY" --config "$(changed 's/hugepages: auto/hugepages: require/')"
fi
# A configuration's errors are all told together.
lines=2 refuses "address on two ports" 'address' "$LAB_GATEWAY" --config "$(changed "s/\"$LAB_A_TRUNK\\/24\"/\"$LAB_A\\/24\"/")"

mkdir "$LAB_DIR/nobody"
cp -r "$LAB_DIR/gateway-a.yaml" "$LAB_DIR/trunk.psk" "$LAB_DIR/pki" "$LAB_DIR/nobody"
chown -R 65534:65534 "$LAB_DIR/nobody"
chmod 0711 "$LAB_DIR"
refuses "missing privilege" 'privilege|permi|root|CAP_NET' setpriv --reuid=65534 --regid=65534 --clear-groups \
    "$LAB_GATEWAY" --config "$LAB_DIR/nobody/gateway-a.yaml"
while read -r path; do
    # Another gateway of this machine may have come meanwhile; its files carry its pid.
    pid=${path##*-}
    [ -d "/proc/${pid%%[!0-9]*}" ] || fail "left behind: $path"
done < <(comm -13 <(echo "$before") <(dpdk_files))

"$LAB_GATEWAY" --check-config "$LAB_DIR/gateway-a.yaml" || fail "a good configuration does not pass the check"
