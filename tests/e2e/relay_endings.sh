#!/usr/bin/env bash
# SHUTDOWN and ABORT of one leg become SHUTDOWN and ABORT of the other, whoever starts.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

ended() { json "$LAB_DIR/server.json" "d['$1']"; }

lab_pair
lab_client --exchange "$LAB_EXCHANGE" --no-sweep || fail "SHUTDOWN by the client"
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --abort || fail "ABORT by the client"
# The ABORT needs a moment to get through.
lab_await 10 "the server saw no ABORT" grep -q 'aborted by the peer' "$LAB_DIR/server.log" || fail "ABORT did not get through"
lab_stop_server || fail "the server ended with code $?"
[ "$(ended ended_by_shutdown)" -eq 1 ] || fail "the server saw no SHUTDOWN"
[ "$(ended ended_by_abort)" -eq 1 ] || fail "the server saw no ABORT"

LAB_SERVER_OPTIONS=(--abort-after 9)
lab_server
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --expect-end abort || fail "ABORT by the server"
lab_stop_server || fail "the server ended with code $?"

LAB_SERVER_OPTIONS=(--shutdown-after 9)
lab_server
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --expect-end shutdown || fail "SHUTDOWN by the server"
lab_stop_server || fail "the server ended with code $?"
[ "$(ended ended_by_shutdown)" -eq 1 ] || fail "the server's SHUTDOWN did not finish"

LAB_SERVER_OPTIONS=()
lab_server
lab_client --exchange "$LAB_EXCHANGE" --no-sweep --hold 3 || fail "an idle association"
stop_all
