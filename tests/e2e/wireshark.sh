#!/usr/bin/env bash
# A capture of the link between two gateways, rekeys in it, in Wireshark: what is in clear is dissected,
# and with the lab key log everything.   wireshark.sh ipv4|ipv6 METHOD SUITE
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
export LAB_METHOD=$2 LAB_SUITE=$3 PYTHONDONTWRITEBYTECODE=1
LAB_TLS="min_rekey_interval_ms: 0"
[ "$LAB_METHOD" != dtls13 ] || LAB_TLS="min_update_interval_ms: 0"
TOOLS=$SOURCE_ROOT/tools/wireshark

# dissect FILE ARGUMENT...: tshark with the plugin; a Lua error fails the test.
dissect() {
    local file=$1
    shift
    tshark -X "lua_script:$TOOLS/sctp_dtls_chunk.lua" -X "lua_script:$TOOLS/sctp_dtls_keying.lua" \
        -o "sctp.checksum:CRC 32c" -r "$file" "$@" 2>"$LAB_DIR/tshark.log" || fail "tshark: $(tail -n 3 "$LAB_DIR/tshark.log")"
    ! grep -qi 'lua' "$LAB_DIR/tshark.log" || fail "$(cat "$LAB_DIR/tshark.log")"
}
# values FILE FILTER FIELD: the field's values, each once, in a line.
values() { dissect "$1" -Y "$2" -T fields -E occurrence=f -e "$3" | sort -u | xargs; }
# expect WHAT GOT WANTED
expect() { [ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"; }

lab_begin "$1"
lab_configs
lab_capture "$LAB_DIR/middle.pcap"
lab_server
lab_gateway b
lab_gateway a
epochs=3 method=0 addresses=$1
[ "$LAB_METHOD" = preshared ] || epochs="3 4 5" method=192
[ "$LAB_METHOD" != dtls13 ] || method=1
[ "$addresses" = ipv6 ] || addresses=ip
if [ "$LAB_METHOD" = preshared ]; then
    lab_client --exchange "$LAB_EXCHANGE" --no-sweep || fail "the client"
else
    client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 60 --expect-end shutdown
    client_runs
    for epoch in 4 5; do
        gateway=$([ "$epoch" -eq 4 ] && echo a || echo b)
        kill -USR2 "${LAB_PID_OF[gateway-$gateway]}"
        for side in a b; do
            lab_await 10 "no epoch $epoch" grep -q "epoch $epoch: D\?TLS" "$LAB_DIR/gateway-$side.log" || fail "epoch $epoch of gateway $side"
        done
    done
    lab_stop_gateway a || fail "gateway A ended with code $?" # ends the client, too
    client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
fi
stop_all
lab_stop_capture

wire=$LAB_DIR/middle.pcap clear=$LAB_DIR/clear.pcapng
expect "method offered" "$(values "$wire" sctp_dtls.km.tie_breaker sctp_dtls.km.method)" "$method"
expect "method agreed" "$(values "$wire" sctp_dtls.km.agreed_method sctp_dtls.km.agreed_method)" "$method"
expect "expert information on the wire" "$(values "$wire" 'sctp_dtls && _ws.expert' _ws.expert.message)" ""
expect "user messages on the wire" "$(values "$wire" 'ngap' ngap)" ""

"$TOOLS/decrypt-capture" "$wire" -k "$LAB_DIR/keys-a.log" -k "$LAB_DIR/keys-b.log" -o "$clear" >"$LAB_DIR/decrypted.json" ||
    fail "decrypt-capture: $(cat "$LAB_DIR/decrypted.json")"
expect "records left closed" "$(json "$LAB_DIR/decrypted.json" "d['closed']")" 0
opened=$(json "$LAB_DIR/decrypted.json" "d['opened']")
expect "records opened" "$opened" "$(dissect "$wire" -Y sctp_dtls.record.header -T fields -e frame.number | wc -l)"
expect "records in the new file" "$opened" "$(dissect "$clear" -Y sctp_dtls.decrypted.record_number -T fields -e frame.number | wc -l)"
expect "DTLS chunks left" "$(values "$clear" 'sctp.chunk_type == 65' frame.number)" ""
expect "epochs" "$(values "$clear" sctp_dtls.decrypted.epoch sctp_dtls.decrypted.epoch)" "$epochs"
expect "checksums" "$(values "$clear" sctp sctp.checksum.status)" 1
[ "$(dissect "$clear" -Y "ngap && $addresses" -T fields -e frame.number | wc -l)" -ge 60 ] || fail "too few NGAP messages"
[ -n "$(values "$clear" nas-5gs nas-5gs)" ] || fail "no NAS message"
if [ "$method" = 192 ]; then
    expect "epochs of TLS handshakes" "$(values "$clear" 'tls.handshake.type == 1' sctp_dtls_km.epoch_bits)" "$epochs"
    expect "epochs of Protection Established" "$(values "$clear" 'sctp_dtls_km.control_type == 1' sctp_dtls_km.epoch_bits)" "$epochs"
    expect "handshakes in clear" "$(values "$wire" 'tls.handshake.type == 1' sctp_dtls_km.epoch_bits)" 3
    # Certificates are encrypted; in the handshake of each epoch there are two, and Wireshark opens them
    # with the gateways' SSLKEYLOGFILE only.
    expect "certificates without secrets" "$(values "$clear" 'tls.handshake.type == 11' tls.handshake.type)" ""
    expect "epochs of certificates" "$(dissect "$clear" -o "tls.keylog_file:$LAB_DIR/secrets.log" -Y 'tls.handshake.type == 11' \
        -T fields -E occurrence=f -e sctp_dtls_km.epoch_bits | sort | uniq -c | awk '{ print $2 "x" $1 }' | xargs)" "3x2 4x2 5x2"
    expect "expert information" "$(values "$clear" 'sctp_dtls_km && _ws.expert.severity > 0x300000' _ws.expert.message)" ""
fi

if [ "$method" = 1 ]; then
    # ClientHello and ServerHello; everything else of DTLS is encrypted for itself, in its own epochs: the
    # handshake's, and those of the key updates.
    expect "handshake messages in clear" "$(values "$wire" sctp_dtls_km.handshake.type sctp_dtls_km.handshake.type)" "1 2"
    expect "method of the messages" "$(values "$clear" sctp_dtls_km.method sctp_dtls_km.method)" 1
    expect "epochs of records, low bits" "$(values "$clear" sctp_dtls_km.record.header sctp_dtls_km.record.epoch_bits)" "0 1 2 3"
    expect "expert information" "$(values "$clear" 'sctp_dtls_km && _ws.expert.severity > 0x300000' _ws.expert.message)" ""
fi

# Another association's keys open nothing, and nothing of the plaintext gets into the file.
awk '{ $6 = (substr($6, 1, 1) == "0" ? "1" : "0") substr($6, 2); print }' "$LAB_DIR/keys-a.log" >"$LAB_DIR/wrong.log"
code=0
"$TOOLS/decrypt-capture" "$wire" -k "$LAB_DIR/wrong.log" -o "$LAB_DIR/wrong.pcapng" >"$LAB_DIR/wrong.json" || code=$?
expect "exit code with wrong keys" "$code" 1
expect "opened with wrong keys" "$(json "$LAB_DIR/wrong.json" "(d['opened'], d['closed'])")" "(0, $opened)"
expect "user messages with wrong keys" "$(values "$LAB_DIR/wrong.pcapng" ngap ngap)" ""
cat "$LAB_DIR/decrypted.json"
