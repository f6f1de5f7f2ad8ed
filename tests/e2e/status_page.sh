#!/usr/bin/env bash
# The status page in a real browser, with a gateway that relays: the token, live figures, a peer
# whose name is markup, the content security policy, what it says when the gateway is gone.
# SCREENSHOTS names a folder for pictures. PICTURE names a file: then there is no test, but minutes of
# traffic for a picture: docs/status-page.png.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
command -v chromium >/dev/null && command -v chromedriver >/dev/null || skip "chromium and chromium-driver are not installed"

lab_begin
lab_configs
# The other gateway's certificate has a second name, which is markup.
[ -n "${PICTURE:-}" ] || LAB_CA_MORE='URI:<img src=x onerror=document.title=1><script>document.title=2</script>' \
    "$SOURCE_ROOT/tests/lab-ca.sh" "$LAB_DIR/pki" gateway-b
cat >>"$LAB_DIR/gateway-a.yaml" <<YAML
metrics: { port: 9641, token_file: token }
YAML
(umask 077 && echo lab-token >"$LAB_DIR/token")
lab_in a ip link set lo up
lab_server
lab_gateway b
lab_gateway a
# plays NAME AFTER ARGUMENTS...: a client that begins after so many seconds and goes on until it is stopped.
# shellcheck disable=SC2016 # the other shell expands it
after='sleep "$0"; exec "$@"'
plays() {
    lab_spawn "$1" c bash -c "$after" "$2" "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_A" "$LAB_PORT")" \
        --local "$(lab_at "$LAB_CLIENT" 0)" --exchange "$LAB_EXCHANGE" --no-sweep --duration 200 "${@:3}"
}
plays client 0 --pace 1
client_runs

# In a PID namespace, so that no part of the browser is left behind however this ends.
mkdir "$LAB_DIR/browser"
HOME=$LAB_DIR/browser lab_spawn chromedriver a unshare --pid --fork --kill-child --mount-proc chromedriver --port=9515
if [ -n "${PICTURE:-}" ]; then
    plays nodes 0 --associations 3 --pace 6
    plays more 60 --associations 2 --pace 4
    mac=$(lab_in a cat /sys/class/net/ga0/address)
    for begin in 75 110; do
        lab_spawn "damage-$begin" c bash -c "$after" $begin "$BUILD_ROOT/tests/e2e/sctp-flood" bad-checksum --interface cl0 \
            --to "$LAB_A" --to-mac "$mac" --seconds 14 --rate $((begin / 5))
    done
    lab_in a python3 "$SOURCE_ROOT/tests/e2e/status_page.py" picture "$LAB_DIR/browser" "$PICTURE" || fail "the picture"
    lab_stop chromedriver KILL || true
    exit 0
fi
lab_in a python3 "$SOURCE_ROOT/tests/e2e/status_page.py" before "$LAB_DIR/browser" \
    "$SOURCE_ROOT/tests/fixtures/admin-answers.schema.json" || fail "the page"
lab_stop client || true
lab_stop_gateway a || fail "gateway A ended with code $?"
lab_in a python3 "$SOURCE_ROOT/tests/e2e/status_page.py" after "$LAB_DIR/browser" || fail "the page without a gateway"
lab_stop chromedriver KILL || true # unshare waits for its child whatever else it is told
stop_all
