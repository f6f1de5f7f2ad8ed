#!/usr/bin/env bash
# The alert rules pass promtool, and every metric that they and the dashboard use is one that the
# gateway has.
set -euo pipefail
cd "$SOURCE_ROOT"
command -v promtool >/dev/null || { echo "skipped: promtool (package prometheus) is not installed"; exit 77; }
promtool check rules deploy/prometheus/sctp-gateway.rules.yaml
python3 - <<'PYTHON'
import json, re
known = set()
for name, kind in re.findall(r'"([a-z_]+)",\s*Type::(counter|gauge)', open('gateway/figures.cpp').read()):
    known.add('sctp_gateway_' + name + ('_total' if kind == 'counter' else ''))
source = open('gateway/figures.cpp').read()
for name in re.findall(r'\{"(worker_[a-z_]+)", &C', source) + re.findall(r'"(port_(?:re|tr)[a-z_]+)"', source) \
        + re.findall(r'(?:count|both)\("([a-z_]+)"', source):
    known.add('sctp_gateway_' + name + '_total')
known |= {'sctp_gateway_' + name for name in re.findall(r'gauge\(\s*"([a-z_]+)"', source)}
rules = open('deploy/prometheus/sctp-gateway.rules.yaml').read()
dashboard = open('deploy/grafana/sctp-gateway.json').read()
json.loads(dashboard)
used = set(re.findall(r'sctp_gateway_[a-z_]+', rules + dashboard))
assert len(used) > 10, used
assert used <= known, f'not metrics of the gateway: {sorted(used - known)}'
print(f'{len(used)} metrics used, all known')
PYTHON
