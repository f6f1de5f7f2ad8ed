#!/usr/bin/env bash
# docs/quick-start.md: its commands as they stand, one after the other, in a tree of links.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

page=$SOURCE_ROOT/docs/quick-start.md
hosts=(sdg-client sdg-a sdg-b sdg-server)
for host in "${hosts[@]}"; do
    if ip netns list | grep -qE "^$host( |\$)"; then
        skip "the namespace $host is there already: somebody is trying the quick start"
    fi
done

tree=$(mktemp -d)
tidy() {
    local code=$? file
    for file in "$tree"/quick-start/*.pid; do
        [ ! -f "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
    for host in "${hosts[@]}"; do ip netns delete "$host" 2>/dev/null || true; done
    rm -rf "$tree"
    exit "$code"
}
trap tidy EXIT
for folder in config endpoint tests tools; do ln -s "$SOURCE_ROOT/$folder" "$tree/$folder"; done
ln -s "$BUILD_ROOT" "$tree/build"

awk '/^```sh$/ { code = 1; next } /^```$/ { code = 0 } code' "$page" >"$tree/commands"
[ "$(wc -l <"$tree/commands")" -gt 50 ]
cd "$tree"
if ! timeout 90 bash -euo pipefail ./commands >output 2>&1; then
    cat output
    tail -n 20 quick-start/*.log 2>/dev/null
    exit 1
fi
cat output

# What the page says one sees.
grep -q 'DTLS' output
grep -q 'NGSetup' output
grep -qE '"(opened|records)"' output
if ip netns list | grep -qE '^sdg-(client|a|b|server)( |$)'; then
    echo "the last step leaves namespaces" >&2
    exit 1
fi
[ ! -e quick-start ]
