#!/usr/bin/env bash
# SCTP and DTLS chunk conformance from outside: scripted packets at a real gateway, case by case.
#   run.sh plain|protected [CASE...]
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
/usr/bin/python3 -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
GROUP=$1
shift

#   c scripted node --- a gateway --- s scripted backend
lab_start ipv4 c a s
lab_link c cl0 a ga0
lab_link a ga1 s sv0
lab_bare_up a ga0
lab_bare_up a ga1
lab_host c cl0 10.1.0.10
lab_host s sv0 10.3.0.10
/usr/bin/python3 "$SOURCE_ROOT/tests/conformance/conformance.py" configure "$GROUP" "$LAB_DIR"
lab_gateway a
code=0
/usr/bin/python3 "$SOURCE_ROOT/tests/conformance/conformance.py" run "$GROUP" "$LAB_DIR" "sdg$$" "$@" || code=$?
lab_alive gateway-a || fail "the gateway has ended"
lab_stop_gateway a || fail "the gateway ended with code $?"
[ "$code" -eq 0 ] || fail "not all cases are as they should be"
