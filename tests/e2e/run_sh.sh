#!/usr/bin/env bash
# ./run.sh as a person starts it: its three results, and nothing left.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
BUILD_DIR=$BUILD_ROOT "$SOURCE_ROOT/run.sh" --out "$results" || exit 1
[ "$(json "$results/summary.json" "d['passed'] and d['messages']['verified'] >= 270")" = True ]
[ "$(json "$results/summary.json" "all(g['records']['sealed'] > 0 for g in d['gateways'].values())")" = True ]
[ "$(json "$results/summary.json" "d['protected_link_chunks']['DTLS chunk'] > 300")" = True ]
[ "$(stat -c %a "$results/keys.log")" = 600 ]
grep -q '^DTLS_CHUNK ' "$results/keys.log"
[ -s "$results/protected.pcap" ]
BUILD_DIR=$BUILD_ROOT "$SOURCE_ROOT/run.sh" --out "$results" --ipv6 --pcap "$FIXTURES/forces3.pcap" || exit 1
if BUILD_DIR=$BUILD_ROOT "$SOURCE_ROOT/run.sh" --out "$results" --pcap "$SOURCE_ROOT/README.md" >"$results/log" 2>&1; then
    exit 1
fi
grep -q 'README.md: unknown file format' "$results/log" || {
    cat "$results/log"
    exit 1
}
if "$SOURCE_ROOT/run.sh" --nosuch 2>/dev/null; then exit 1; fi
"$SOURCE_ROOT/run.sh" --help
# Namespaces carry the pid of their maker; none of a maker that has ended may be there.
for name in $(ip netns list | awk '/^sdg[0-9]+[a-z]/ { print $1 }'); do
    pid=${name#sdg}
    [ -d "/proc/${pid%%[a-z]*}" ] || {
        echo "left behind: $name"
        exit 1
    }
done
