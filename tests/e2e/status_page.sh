#!/usr/bin/env bash
# The status page in a real browser, with a gateway that relays: the token, live figures, a peer
# whose name is markup, the content security policy, what it says when the gateway is gone.
# SCREENSHOTS names a folder for pictures.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
command -v chromium >/dev/null && command -v chromedriver >/dev/null || skip "chromium and chromium-driver are not installed"

lab_begin
lab_configs
# The other gateway's certificate has a second name, which is markup.
LAB_CA_MORE='URI:<img src=x onerror=document.title=1><script>document.title=2</script>' \
    "$SOURCE_ROOT/tests/lab-ca.sh" "$LAB_DIR/pki" gateway-b
cat >>"$LAB_DIR/gateway-a.yaml" <<YAML
metrics: { port: 9641, token_file: token }
YAML
(umask 077 && echo lab-token >"$LAB_DIR/token")
lab_in a ip link set lo up
lab_server
lab_gateway b
lab_gateway a
lab_spawn client c "$LAB_ENDPOINT" client --connect "$(lab_at "$LAB_A" "$LAB_PORT")" --local "$(lab_at "$LAB_CLIENT" 0)" \
    --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 200
client_runs

# In a PID namespace, so that no part of the browser is left behind however this ends.
mkdir "$LAB_DIR/browser"
HOME=$LAB_DIR/browser lab_spawn chromedriver a unshare --pid --fork --kill-child --mount-proc chromedriver --port=9515
lab_in a python3 "$SOURCE_ROOT/tests/e2e/status_page.py" before "$LAB_DIR/browser" \
    "$SOURCE_ROOT/tests/fixtures/admin-answers.schema.json" || fail "the page"
lab_stop client || true
lab_stop_gateway a || fail "gateway A ended with code $?"
lab_in a python3 "$SOURCE_ROOT/tests/e2e/status_page.py" after "$LAB_DIR/browser" || fail "the page without a gateway"
lab_stop chromedriver KILL || true # unshare waits for its child whatever else it is told
stop_all
