#!/usr/bin/env bash
# A peer who makes associations come and go cannot fill the disk with log lines: those over the
# limit are counted and told of in one line for many. Lines of association events have fields: in
# JSON (gateway A), and in the journal when standard error leads there (gateway B).
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

LAB_METHOD=preshared LAB_EXTRA='log: { format: json, lines_per_second: 1, modules: { keymgmt: error } }'
lab_begin
lab_configs
sed -i 's/format: json, //' "$LAB_DIR/gateway-b.yaml"

# A journal of our own: ip netns exec gives each command mounts of its own.
python3 - "$LAB_DIR/journal.sock" >"$LAB_DIR/journal.txt" <<'PYTHON' &
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    lines = s.recv(65536).decode().splitlines()
    print(json.dumps(dict(line.split('=', 1) for line in lines)), flush=True)
PYTHON
LAB_PID_OF["journal"]=$!
cat >"$LAB_DIR/with-journal" <<SHELL
#!/bin/sh
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && ln -s "$LAB_DIR/journal.sock" /run/systemd/journal/socket
export JOURNAL_STREAM=\$(stat -L -c %d:%i /proc/self/fd/2)
exec "$LAB_GATEWAY" "\$@"
SHELL
chmod +x "$LAB_DIR/with-journal"
lab_await 10 "the journal" test -S "$LAB_DIR/journal.sock" || fail "no journal"

lab_server
LAB_GATEWAY=$LAB_DIR/with-journal lab_gateway b
lab_gateway a
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --no-table --associations 150 \
    --summary "$LAB_DIR/client.json" || fail "the exchange"
stop_all

python3 - "$LAB_DIR/gateway-a.log" <<'PYTHON' || fail "gateway A's log"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
relay = [line for line in lines if line['module'] == 'relay']
notices = [line for line in relay if 'similar lines suppressed' in line['text']]
events = [line for line in relay if line not in notices]
told = sum(int(line['suppressed']) for line in notices)
# Both legs of 150 associations come up and close. A kind of event (four of them) may have 12 lines
# at once and one in four seconds, the module 50 and one a second.
assert len(events) + told >= 600, (len(events), told)
assert 20 <= len(events) <= 130, len(events)
assert len(notices) <= 40, notices
assert all(line['level'] == 'error' for line in lines if line['module'] == 'keymgmt')
up = next(line for line in events if line.get('event') == 'leg_up' and line['leg'] == 'backend')
assert up['association'].isdigit() and up['listener'] == 'nodes' and up['backend'] == 'gateway-b', up
assert int(up['local_tag'], 16) and int(up['peer_tag'], 16) and up['peer'].endswith(']:38412'), up
closed = next(line for line in events if line.get('event') == 'leg_closed')
assert closed['local_tag'] and closed['association'], closed
print(f'{len(events)} of {len(events) + told} lines, {len(notices)} notices')
PYTHON

lab_stop journal || true
# What the journal did not take at once is on standard error, with the priority that systemd reads there.
! grep -vE '^<[3467]>[a-z]+: ' "$LAB_DIR/gateway-b.log" || fail "gateway B wrote something else to standard error"
python3 - "$LAB_DIR/journal.txt" <<'PYTHON' || fail "gateway B's journal"
import json, sys
entries = [json.loads(line) for line in open(sys.argv[1])]
assert all(e['SYSLOG_IDENTIFIER'] == 'sctp-gateway' and e['PRIORITY'] in '3467' for e in entries)
up = next(e for e in entries if e.get('SDG_EVENT') == 'leg_up' and e['SDG_LEG'] == 'accepted')
assert up['SDG_ASSOCIATION'].isdigit() and up['SDG_LISTENER'] == 'gateway-a' and int(up['SDG_PEER_TAG'], 16), up
assert any('similar lines suppressed' in e['MESSAGE'] for e in entries)
print(len(entries), 'journal entries')
PYTHON
