#!/usr/bin/env bash
# A backend that is not there: the accepted association is aborted with a log line that names the
# backend, the gateways live on, and the next association works once the backend is back.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

lab_begin
lab_configs
lab_gateway b
lab_gateway a
if lab_client --exchange "$LAB_EXCHANGE" --no-sweep --timeout 30 2>"$LAB_DIR/noticed"; then
    fail "the client got answers from nobody"
fi
cat "$LAB_DIR/noticed"
grep -q 'aborted the association' "$LAB_DIR/noticed" || fail "the client was not told by an ABORT"
lab_await 10 "no log line" grep -q 'server' "$LAB_DIR/gateway-b.log" || fail "gateway B's log does not name the backend"

lab_server
lab_client --exchange "$LAB_EXCHANGE" --no-sweep || fail "the association after that"

# And the other gateway gone: A tells its client within connect_timeout_ms.
lab_stop_gateway b || fail "gateway B ended with code $?"
if lab_client --exchange "$LAB_EXCHANGE" --no-sweep --timeout 30 2>"$LAB_DIR/noticed"; then
    fail "the client got answers without gateway B"
fi
cat "$LAB_DIR/noticed"
grep -q 'aborted the association' "$LAB_DIR/noticed" || fail "gateway A did not abort the accepted association"
lab_gateway b
lab_client --exchange "$LAB_EXCHANGE" --no-sweep || fail "the association after gateway B came back"
stop_all
