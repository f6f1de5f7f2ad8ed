#!/usr/bin/env bash
# One restart store, looked after by an operator: a second start of a gateway by mistake leaves the first one and
# its store alone; a key is made for a token; and rows that were written under one key-encryption key are sealed anew under another by
# root, for a gateway that runs as another user and knows the new key only.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
COUNT=3 USER_OF_A=nobody
LAB_TRUNK="restart: true"

of() {
    kill -USR1 "${LAB_PID_OF[gateway-a]}"
    sleep 0.1
    json "$LAB_DIR/run/stats-a.json" "$1" 2>/dev/null || true
}
is() { [ "$(of "$1")" = "$2" ]; }
# Grows whenever somebody acquires the group.
lease_epoch() {
    python3 -c 'import sqlite3, sys
print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute("SELECT epoch FROM lease").fetchone()[0])' "$LAB_DIR/store-a/restart.db"
}
own() { chown "$USER_OF_A:" "$@"; }

lab_begin
lab_configs
lab_restart_stores
mkdir "$LAB_DIR/run"
sed -i '/^lab:/d; s/^stats_file: /&run\//' "$LAB_DIR/gateway-a.yaml"
echo "security: { user: $USER_OF_A }" >>"$LAB_DIR/gateway-a.yaml"
chmod 0711 "$LAB_DIR"
own "$LAB_DIR"/{run,pki,store-a} "$LAB_DIR"/pki/{gateway-a,ca}.* "$LAB_DIR"/store-a/kek "$LAB_DIR"/gateway-a.yaml
lab_server
lab_gateway b
lab_gateway a
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --associations "$COUNT" --hold 15 --timeout 30 --summary "$LAB_DIR/client.json"
lab_await 30 "restart keys are not kept" is "d['restart_store']['kept']" "$COUNT" || fail "kept: $(of "d['restart_store']")"

code=0
lab_in a "$LAB_GATEWAY" --config "$LAB_DIR/gateway-a.yaml" >"$LAB_DIR/second.log" 2>&1 || code=$?
[ "$code" -eq 1 ] || fail "a second start ended with code $code"
grep -q "process ${LAB_PID_OF[gateway-a]} is the gateway of owner gateway in group default" "$LAB_DIR/second.log" ||
    fail "it does not say who is there: $(cat "$LAB_DIR/second.log")"
lab_alive gateway-a || fail "the second start has ended the first gateway"
[ "$(lease_epoch)" -eq 1 ] || fail "the second start has touched the store: lease epoch $(lease_epoch)"

lab_stop gateway-a QUIT || fail "gateway A left with code $?"
# The new one is of a token, for which the RSA key in a file stands here.
(umask 077 && openssl genrsa -out "$LAB_DIR/store-a/token.pem" 2048 2>/dev/null)
own "$LAB_DIR/store-a/token.pem"
if "$LAB_GATEWAY" --make-restart-key "$LAB_DIR/gateway-a.yaml" 2>"$LAB_DIR/made.log"; then fail "a key for a token that there is not"; fi
grep -q 'restart.key names no token' "$LAB_DIR/made.log" || fail "it does not say why: $(cat "$LAB_DIR/made.log")"
sed -i "s|key: { file: store-a/kek }|key: { token: \"file:$LAB_DIR/store-a/token.pem\", wrapped_file: store-a/kek2 }|" "$LAB_DIR/gateway-a.yaml"
"$LAB_GATEWAY" --make-restart-key "$LAB_DIR/gateway-a.yaml" >"$LAB_DIR/made.log" 2>&1 || fail "no key: $(cat "$LAB_DIR/made.log")"
if "$LAB_GATEWAY" --make-restart-key "$LAB_DIR/gateway-a.yaml" >"$LAB_DIR/made.log" 2>&1; then fail "the key has been replaced"; fi
cp "$LAB_DIR/gateway-a.yaml" "$LAB_DIR/rotation.yaml"
sed -i 's|^  key: .*|&\n  former_keys: [{ file: store-a/kek }]|' "$LAB_DIR/rotation.yaml"
rows=$("$LAB_GATEWAY" --rotate-restart-keys "$LAB_DIR/rotation.yaml" 2>"$LAB_DIR/rotation.log") ||
    fail "the rotation: $(cat "$LAB_DIR/rotation.log")"
[ "$rows" = "$COUNT rows are sealed under restart.key now" ] || fail "rotated: $rows"
foreign=$(find "$LAB_DIR/store-a" ! -user "$USER_OF_A")
[ -z "$foreign" ] || fail "not the gateway's any more: $foreign"
lab_gateway a
lab_await 30 "not restored" is "d['relay']['pairs_restored']" "$COUNT" || fail "restored: $(of "d['relay']")"
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
[ "$(json "$LAB_DIR/client.json" "d['restarts']")" -eq "$COUNT" ] || fail "the client saw other restarts"
stop_all
