#!/usr/bin/env bash
# The systemd unit: systemd understands all of it, and its own judgement of the hardening stays good.
set -euo pipefail
command -v systemd-analyze >/dev/null || {
    echo "skipped: systemd-analyze is not installed"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unit=$work/sctp-gateway.service
# verify wants the programs to be there; where they are installed is the package test's concern.
sed -e "s|/usr/bin/sctp-gateway|$BUILD_ROOT/gateway/sctp-gateway|" -e '/^Documentation=/d' \
    "$SOURCE_ROOT/deploy/systemd/sctp-gateway.service" >"$unit"
said=$(systemd-analyze verify "$unit" 2>&1) || {
    echo "$said" >&2
    exit 1
}
[ -z "$said" ] || {
    echo "systemd-analyze verify: $said" >&2
    exit 1
}
# 2.2 of 10 with CAP_NET_ADMIN, CAP_NET_RAW, AF_PACKET and the host's network, which are its trade.
systemd-analyze security --offline=true --threshold=25 "$unit" | tail -n 1
