#!/usr/bin/env bash
# A peer who makes associations come and go cannot fill the disk with log lines: those over the
# limit are counted and told of in one line for many. JSON lines of association events have fields.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

LAB_METHOD=preshared LAB_EXTRA='log: { format: json, lines_per_second: 1, modules: { keymgmt: error } }'
lab_pair
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
