#!/usr/bin/env bash
# usrsctp measures with gettimeofday(): it must get the program's own, which does not jump with the calendar.
set -euo pipefail
gateway=$BUILD_ROOT/gateway/sctp-gateway
bound=$(LD_DEBUG=bindings LD_BIND_NOW=1 "$gateway" --version 2>&1 | grep 'libusrsctp.*gettimeofday') || {
    echo "FAILED: libusrsctp binds no gettimeofday" >&2
    exit 1
}
echo "$bound"
grep -q "to $gateway .*gettimeofday" <<<"$bound" || {
    echo "FAILED: libusrsctp takes the C library's gettimeofday" >&2
    exit 1
}
