#!/usr/bin/env bash
# The gateway as a service: what it tells its supervisor, and what it may still do once it runs.
#   service.sh [USER]     USER: start as root, become that user (security.user)
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
user=${1:-}

lab_begin
lab_configs
mkdir "$LAB_DIR/run"
cat >>"$LAB_DIR/gateway-a.yaml" <<YAML
admin: { socket: run/admin.sock, audit_log: run/audit.log }
metrics: { port: 9641 }
workers: { count: 2 }
YAML
sed -i '/^lab:/d; s/^stats_file: /&run\//' "$LAB_DIR/gateway-a.yaml"
if [ -n "$user" ]; then
    echo "security: { user: $user }" >>"$LAB_DIR/gateway-a.yaml"
    chmod 0711 "$LAB_DIR"
    chown "$user:" "$LAB_DIR"/run "$LAB_DIR"/pki "$LAB_DIR"/pki/gateway-a.* "$LAB_DIR"/pki/ca.* "$LAB_DIR/gateway-a.yaml"
fi
lab_in a ip link set lo up

# The supervisor's end: one line a datagram, "|" for the ends of lines in it.
python3 - "$LAB_DIR/notify.sock" >"$LAB_DIR/notify.log" 2>&1 <<'PYTHON' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
print('listening', flush=True)
while True:
    print(s.recv(4096).decode().replace('\n', '|'), flush=True)
PYTHON
LAB_PID_OF["supervisor"]=$!
told() { grep -qE -- "$1" "$LAB_DIR/notify.log"; }
lab_await 10 "the supervisor's end" told '^listening' || fail "no socket"

lab_server
lab_gateway b
RUNTIME_DIRECTORY=$LAB_DIR/run NOTIFY_SOCKET=$LAB_DIR/notify.sock WATCHDOG_USEC=1000000 lab_gateway a
lab_await 5 "no READY" told '^READY=1\|STATUS=0 associations$' || fail "not ready"
lab_await 5 "no WATCHDOG" told '^WATCHDOG=1$' || fail "no sign of life"
pid=${LAB_PID_OF[gateway-a]}

# Every thread, DPDK's and the HTTP server's too.
threads=0
for status in /proc/"$pid"/task/*/status; do
    threads=$((threads + 1))
    for line in 'Seccomp:	2' 'NoNewPrivs:	1' 'CapEff:	0000000000000000' 'CapPrm:	0000000000000000' 'CapAmb:	0000000000000000'; do
        grep -qxF "$line" "$status" || fail "a thread without '$line': $(grep -E 'Name|Cap|Seccomp:|NoNew' "$status")"
    done
    # A call that is refused while SIGSYS (31) is blocked would end the process.
    [ $((0x$(awk '/^SigBlk/ { print $2 }' "$status") >> 30 & 1)) -eq 0 ] || fail "SIGSYS is blocked: $(grep Name "$status")"
done
[ "$threads" -ge 6 ] || fail "only $threads threads were looked at"
[ -z "$user" ] || [ "$(awk '/^Uid/ { print $2 $3 $4 $5 }' "/proc/$pid/status")" = "$(id -u "$user" | sed 's/.*/&&&&/')" ] ||
    fail "not $user: $(grep Uid "/proc/$pid/status")"

# It does its work like that: traffic, commands, files read again, statistics.
lab_client --exchange "$LAB_EXCHANGE" --no-table --summary "$LAB_DIR/client.json" || fail "the exchange"
ctl() { "$BUILD_ROOT/tools/ctl/sctp-gateway-ctl" --socket "$LAB_DIR/run/admin.sock" "$@"; }
ctl status >/dev/null || fail "status"
ctl reload >/dev/null || fail "reload: $(tail -n 3 "$LAB_DIR/gateway-a.log")"
kill -HUP "$pid"
lab_await 5 "no RELOADING" told '^RELOADING=1\|MONOTONIC_USEC=[0-9]+$' || fail "reload is not told"
kill -USR1 "$pid"
lab_await 5 "no statistics" test -s "$LAB_DIR/run/stats-a.json" || fail "statistics"
# A disk that is full, and a place where no file can be made: the old file stays, the log says why.
cp "$LAB_DIR/run/stats-a.json" "$LAB_DIR/stats-before.json"
unwritten() { grep -q "statistics cannot be written: $1" "$LAB_DIR/gateway-a.log"; }
ln -s /dev/full "$LAB_DIR/run/stats-a.json.new"
kill -USR1 "$pid"
lab_await 5 "statistics on a full disk" unwritten 'No space left on device' || fail "statistics on a full disk: $(tail -n 3 "$LAB_DIR/gateway-a.log")"
mkdir -p "$LAB_DIR/run/stats-a.json.new/not-empty"
kill -USR1 "$pid"
lab_await 5 "statistics without a place" unwritten 'Is a directory' || fail "statistics without a place: $(tail -n 3 "$LAB_DIR/gateway-a.log")"
cmp "$LAB_DIR/run/stats-a.json" "$LAB_DIR/stats-before.json" || fail "the old statistics have gone"
rm -r "$LAB_DIR/run/stats-a.json.new"
# Not through a pipe: grep -q ends at its line, and curl fails for want of a reader.
metrics=$(lab_in a curl -sf http://127.0.0.1:9641/metrics) || fail "no metrics"
grep -qx 'sctp_gateway_system_calls_refused_total 0' <<<"$metrics" || fail "system calls were refused: $(grep refused "$LAB_DIR/gateway-a.log")"
! grep -q 'nothing is changed' "$LAB_DIR/gateway-a.log" || fail "the certificates could not be read again"

lab_stop_gateway a || fail "gateway A ended with code $?"
lab_await 5 "no STOPPING" told '^STOPPING=1$' || fail "stopping is not told"
[ ! -e "$LAB_DIR/run/admin.sock" ] || fail "the socket is left behind"
lab_stop supervisor || true
stop_all
