#!/usr/bin/env bash
# Captures of a running gateway, read by tshark: what is on the link is in the file, user data in clear is
# not; plaintext and keys only in a laboratory; a full disk, a pipe, a client that is killed.
# Gateway A is no laboratory, gateway B is.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import jsonschema, cryptography' 2>/dev/null || skip "python3-jsonschema or python3-cryptography is not installed"
export PYTHONDONTWRITEBYTECODE=1
CTL=$BUILD_ROOT/tools/ctl/sctp-gateway-ctl
TOOLS=$SOURCE_ROOT/tools/wireshark
lab_begin
lab_configs
sed -i '/^lab:/d' "$LAB_DIR/gateway-a.yaml"
for side in a b; do
    echo "admin: { socket: admin-$side.sock, audit_log: audit-$side.log }" >>"$LAB_DIR/gateway-$side.yaml"
done
lab_server
lab_gateway b
lab_gateway a

ctl() { "$CTL" --socket "$LAB_DIR/admin-$1.sock" "${@:2}"; }
# look FILE: what tshark says of each packet goes to FILE.table, a line each.
look() {
    tshark -X "lua_script:$TOOLS/sctp_dtls_chunk.lua" -X "lua_script:$TOOLS/sctp_dtls_keying.lua" \
        -o "sctp.checksum:CRC 32c" -r "$1" -T fields -E 'separator=|' -e frame.number -e frame.interface_name -e frame.interface_description \
        -e frame.packet_flags_direction -e frame.protocols -e sctp.chunk_type -e sctp.checksum.status -e sctp_dtls.record.header \
        -e sctp_dtls.decrypted.epoch -e ip.src -e ip.len -e sctp.verification_tag -e sctp.checksum >"$1.table" 2>"$LAB_DIR/tshark.log" || fail "tshark: $(cat "$LAB_DIR/tshark.log")"
    ! grep -q . <(grep -v 'Running as user' "$LAB_DIR/tshark.log") || fail "tshark: $(cat "$LAB_DIR/tshark.log")"
}
# count FILE CONDITION: packets of a file that has been looked at for which the awk condition holds.
count() { awk -F '|' "$2" "$1.table" | wc -l; }
interface='$2 " " $3' inbound='$4 == 1' outbound='$4 == 2' ngap='$5 ~ /ngap/' sctp='$5 ~ /sctp/'
data_chunk='$6 ~ /(^|,)0(,|$)/' dtls_chunk='$6 == "65"' wrong_checksum='$5 ~ /sctp/ && $7 !~ /^1(,1)*$/'
record='$8 != ""' opened='$9 == 3'
comment() { capinfos -k "$1" 2>/dev/null; }
told() { json "$LAB_DIR/told.json" "$1"; }
state() { ctl "$1" --json captures | /usr/bin/python3 -c 'import json, sys; c = json.load(sys.stdin)["captures"]; print(c[0]["state"], c[0]["reason"]) if c else print("none")'; }
# At both ends: then the last packet, SHUTDOWN COMPLETE, has crossed the link.
is_over() {
    local side
    for side in a b; do
        ctl "$side" --json status >"$LAB_DIR/status.json" && [ "$(json "$LAB_DIR/status.json" "d['associations']")" = 0 ] || return 1
    done
}
is_state() { [ "$(state "$1")" = "$2" ]; }
client() {
    client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 600 --expect-end shutdown \
        --summary "$LAB_DIR/client.json"
    client_runs
}
# capture SIDE ARGUMENTS...: in the background; capture_end waits for it.
capture() {
    # Not through ctl(): the process to signal must be the program.
    "$CTL" --socket "$LAB_DIR/admin-$1.sock" --json capture "${@:2}" >"$LAB_DIR/told.json" 2>"$LAB_DIR/ctl.log" &
    ctl=$!
    lab_await 10 "no capture" is_state "$1" "running None" || fail "$(cat "$LAB_DIR/ctl.log")"
}
capture_end() { wait $ctl || fail "capture: $(cat "$LAB_DIR/ctl.log")"; }

# A port, while an association comes, plays and goes: packet by packet what tcpdump sees of the link.
lab_capture "$LAB_DIR/middle.pcap"
capture a --port untrusted -w "$LAB_DIR/port.pcapng"
lab_client --exchange "$LAB_EXCHANGE" --no-sweep >/dev/null || fail "the client"
lab_await 10 "the association is there" is_over || fail "the association does not end"
kill -TERM $ctl
capture_end
lab_stop_capture
[ "$(told "d['reason'], d['not_kept']")" = "('stopped', 0)" ] || fail "$(cat "$LAB_DIR/told.json")"
list() { awk -F '|' "$sctp { print \$10, \$11, \$12, \$13, \$6 }" "$1.table" | sort; }
look "$LAB_DIR/middle.pcap"
look "$LAB_DIR/port.pcapng"
cmp <(list "$LAB_DIR/middle.pcap") <(list "$LAB_DIR/port.pcapng") || fail "the capture is not what was on the link"
[ "$(list "$LAB_DIR/port.pcapng" | wc -l)" -gt 40 ] || fail "too few packets"
[ "$(stat -c '%a %s' "$LAB_DIR/port.pcapng")" = "600 $(told "d['octets']")" ] || fail "mode or size of the file"
comment "$LAB_DIR/port.pcapng" | grep -q 'no plaintext' || fail "no comment: $(comment "$LAB_DIR/port.pcapng")"

# Both legs of an association without a laboratory.
client
id=$(ctl a --json associations list | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["associations"][0]["association"])')
ctl a --json capture "$id" --packets 300 -w "$LAB_DIR/legs.pcapng" >"$LAB_DIR/told.json" || fail "capture of an association"
[ "$(told "d['reason'], d['packets']")" = "('packets', 300)" ] || fail "$(cat "$LAB_DIR/told.json")"
follows_schema capture "$LAB_DIR/told.json" || fail "schema"
ctl a --json captures >"$LAB_DIR/told.json"
follows_schema captures "$LAB_DIR/told.json" || fail "schema of captures"
legs=$LAB_DIR/legs.pcapng
look "$legs"
[ "$(count "$legs" 1)" -eq 300 ] || fail "number of packets"
[ "$(awk -F '|' "{ print $interface }" "$legs.table" | sort -u | sed 's/([^)]*)//')" = \
    "trusted accepted leg of association $id , port trusted
untrusted backend leg of association $id , port untrusted" ] || fail "interfaces: $(awk -F '|' "{ print $interface }" "$legs.table" | sort -u)"
[ "$(count "$legs" "$record")" -gt 50 ] || fail "no DTLS chunks"
[ "$(count "$legs" "$data_chunk")" -gt 50 ] || fail "no DATA chunks of the plain leg"
[ "$(count "$legs" "$wrong_checksum")" -eq 0 ] || fail "checksums"
[ "$(count "$legs" "$inbound")" -gt 50 ] && [ "$(count "$legs" "$outbound")" -gt 50 ] || fail "directions"

# Refused without a laboratory; nothing is left behind.
for what in --plaintext --keys; do
    code=0
    ctl a capture "$id" $what -w "$LAB_DIR/refused.pcapng" 2>"$LAB_DIR/ctl.log" || code=$?
    [ "$code" -eq 1 ] && grep -q 'laboratory only' "$LAB_DIR/ctl.log" || fail "$what without lab: $code $(cat "$LAB_DIR/ctl.log")"
    [ ! -e "$LAB_DIR/refused.pcapng" ] || fail "a file of a refused capture"
done
code=0
ctl a capture "$id" -w "$legs" 2>"$LAB_DIR/ctl.log" || code=$?
[ "$code" -eq 1 ] && grep -q 'File exists' "$LAB_DIR/ctl.log" || fail "a file that is there: $code"

# In the laboratory: plaintext, marked; keys, with which everything opens.
idb=$(ctl b --json associations list | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["associations"][0]["association"])')
plain=$LAB_DIR/plain.pcapng keys=$LAB_DIR/keys.pcapng
ctl b capture "$idb" --leg accepted --plaintext --packets 200 -w "$plain" 2>"$LAB_DIR/ctl.log" || fail "plaintext: $(cat "$LAB_DIR/ctl.log")"
comment "$plain" | grep -q 'PLAINTEXT' || fail "plaintext is not marked"
look "$plain"
[ "$(count "$plain" "$ngap")" -gt 50 ] || fail "no NGAP in plain"
[ "$(count "$plain" "$wrong_checksum")" -eq 0 ] || fail "checksums in plain"
[ "$(count "$plain" "$opened")" -gt 20 ] || fail "no epochs in plain"
[ "$(count "$plain" "$dtls_chunk")" -eq 0 ] || fail "DTLS chunks in plain"
ctl b capture "$idb" --keys --packets 200 -w "$keys" 2>"$LAB_DIR/ctl.log" || fail "keys: $(cat "$LAB_DIR/ctl.log")"
comment "$keys" | grep -q 'KEYS' || fail "keys are not marked"
# Over a file that all may read: it becomes its owner's only before the keys are in it.
for what in --plaintext --keys; do
    install -m 644 /dev/null "$LAB_DIR/open.pcapng"
    ctl b capture "$idb" $what --packets 1 --force -w "$LAB_DIR/open.pcapng" 2>"$LAB_DIR/ctl.log" || fail "$what over a file: $(cat "$LAB_DIR/ctl.log")"
    [ "$(stat -c %a "$LAB_DIR/open.pcapng")" = 600 ] || fail "$what in a file that all may read"
done
"$TOOLS/decrypt-capture" "$keys" -o "$LAB_DIR/opened.pcapng" >"$LAB_DIR/opened.json" || fail "keys in the file: $(cat "$LAB_DIR/opened.json")"
[ "$(json "$LAB_DIR/opened.json" "d['closed']")" -eq 0 ] || fail "$(cat "$LAB_DIR/opened.json")"
look "$LAB_DIR/opened.pcapng"
[ "$(count "$LAB_DIR/opened.pcapng" "$ngap && $opened")" -gt 20 ] || fail "no NGAP opened"
/usr/bin/python3 - "$plain" "$keys" "$legs" "$LAB_DIR/port.pcapng" <<'PYTHON' || fail "plaintext where none may be, or none where it should be"
import sys
from scapy.utils import RawPcapNgReader
plain, keys, *without = sys.argv[1:]
messages = set()
for packet, _ in RawPcapNgReader(plain):
    at = 32  # IPv4 and common header
    while at + 16 <= len(packet):
        kind, length = packet[at], int.from_bytes(packet[at + 2:at + 4], "big")
        if kind == 0 and packet[at + 12:at + 16] == (60).to_bytes(4, "big") and length >= 16 + 24:
            messages.add(packet[at + 16:at + length])
        at += max(length, 4) + -length % 4
octets = {name: open(name, "rb").read() for name in (plain, keys, *without)}
assert len(messages) > 5, len(messages)
assert all(message in octets[plain] for message in messages)
assert any(message in octets[keys] for message in messages)  # the plain leg's
for name in without:
    assert not any(message in octets[name] for message in messages), name
PYTHON

# A disk without room: said, and the file can be read. In a mount namespace of its own.
code=0
lab_dir=$LAB_DIR unshare -m bash -c 'mkdir "$lab_dir/full" && mount -t tmpfs -o size=64k none "$lab_dir/full" || exit 9
    "$0" --socket "$lab_dir/admin-a.sock" capture --port untrusted -w "$lab_dir/full/f" 2>"$lab_dir/ctl.log"
    code=$?; cp "$lab_dir/full/f" "$lab_dir/full.pcapng"; exit $code' "$CTL" || code=$?
[ "$code" -eq 1 ] && grep -q 'No space left' "$LAB_DIR/ctl.log" || fail "a full disk: $code $(cat "$LAB_DIR/ctl.log")"
look "$LAB_DIR/full.pcapng"
[ "$(count "$LAB_DIR/full.pcapng" "$sctp")" -gt 100 ] || fail "packets on the full disk"

# A pipe, and a client that is killed.
[ "$(ctl b capture "$idb" --packets 20 -w - 2>/dev/null | tshark -r - -T fields -e frame.number 2>/dev/null | wc -l)" -eq 20 ] || fail "a pipe"
capture a "$id" -w "$LAB_DIR/killed.pcapng"
code=0
ctl a capture "$id" -w "$LAB_DIR/second.pcapng" 2>"$LAB_DIR/ctl.log" || code=$?
[ "$code" -eq 1 ] && grep -q 'one capture at a time' "$LAB_DIR/ctl.log" || fail "two captures: $code $(cat "$LAB_DIR/ctl.log")"
kill -KILL $ctl
wait $ctl 2>/dev/null || true
lab_await 10 "the capture goes on" is_state a "ended client_gone" || fail "$(state a)"
look "$LAB_DIR/killed.pcapng"

# One that still runs when the gateway ends.
capture a "$id" -w "$LAB_DIR/last.pcapng"
lab_stop_gateway a || fail "gateway A ended with code $?"
wait $ctl 2>/dev/null || true
look "$LAB_DIR/last.pcapng"
[ "$(count "$LAB_DIR/last.pcapng" "$dtls_chunk")" -gt 0 ] || fail "the last capture"
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
audited=$(/usr/bin/python3 -c 'import json, sys
print(*(e["command"] + ":" + e["result"] for e in map(json.loads, open(sys.argv[1]))))' "$LAB_DIR/audit-a.log")
[ "$audited" = "capture:ok capture_stop:ok capture_end:stopped capture:ok capture_end:packets capture:refused capture:refused capture:ok capture_end:failed capture:ok capture:unavailable capture_end:client_gone capture:ok drain:ok capture_end:gateway_ends" ] || fail "audit log: $audited"
grep -q 'LAB: capture' "$LAB_DIR/gateway-b.log" || fail "no warning of a laboratory capture"
stop_all
