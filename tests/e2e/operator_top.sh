#!/usr/bin/env bash
# `sctp-gateway-ctl top` in a terminal (tmux): shows a gateway that relays, follows keys, resizes,
# survives the gateway's restart; refuses what is no terminal.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1
command -v tmux >/dev/null || skip "tmux is not installed"
CTL=$BUILD_ROOT/tools/ctl/sctp-gateway-ctl

lab_begin
lab_configs
cat >>"$LAB_DIR/gateway-a.yaml" <<YAML
admin: { socket: admin.sock, audit_log: audit.log }
YAML
export SCTP_GATEWAY_SOCKET=$LAB_DIR/admin.sock

code=0
"$CTL" top </dev/null 2>"$LAB_DIR/noticed" || code=$?
[ "$code" -eq 2 ] && grep -q 'top needs a terminal' "$LAB_DIR/noticed" || fail "without a terminal: code $code"

terminal() { tmux -S "$LAB_DIR/tmux" -f /dev/null "$@"; }
screen() { terminal capture-pane -p; }
shows() { screen | grep -q -- "$1"; }
shows_not() { ! screen | grep -q -- "$1"; }
await() { lab_await 15 "$1 on the screen" shows "$1" || { screen >&2; fail "the screen does not show: $1"; }; }
press() { terminal send-keys "$@"; }

lab_spawn tmux a tmux -S "$LAB_DIR/tmux" -f /dev/null -D
lab_await 10 "tmux" test -S "$LAB_DIR/tmux"
terminal new-session -d -x 160 -y 40 "env LC_ALL=C.UTF-8 '$CTL' top; echo ended with \$?; exec sleep 60"
await 'not reached, trying again'
await 'no such socket'
lab_server
lab_gateway b
lab_gateway a
client_begin --exchange "$LAB_EXCHANGE" --no-sweep --pace 1 --duration 60 --expect-end shutdown \
    --summary "$LAB_DIR/client.json"
await 'ready'
await '1 associations, 1 relaying'
await 'dns:gateway-b.lab'
moves() { screen | grep -Eq 'to backend +[1-9][0-9.]*k? msg/s'; }
lab_await 15 "rates" moves || { screen >&2; fail "no rates"; }
worker() { screen | grep -Eq '^ +0 +[0-9.]+k? +[0-9.]+k? +[0-9.]+k? +[0-9.]+[kM]? +[0-9.]+%'; }
lab_await 15 "a worker's figures" worker || { screen >&2; fail "no figures of worker 0"; }
await '1-1 of 1'

press '/' 'no such peer' Enter
await 'none matching "no such peer"'
press Escape
await '1-1 of 1'
press '>'
await 'vBIT/S'
press r
await '^.*\^BIT/S'
press h
await 'this text'
press h
press Space
await 'paused'
press Space
await 'every 1 s'
press '+'
await 'every 0.5 s'

terminal resize-window -x 100 -y 14
await '1-1 of 1'
[ "$(screen | awk '{ if (length($0) > most) most = length($0) } END { print most }')" -le 100 ] || fail "wider than the terminal"
terminal resize-window -x 30 -y 5
await '40x8 at least'
terminal resize-window -x 160 -y 40
await 'dns:gateway-b.lab'

"$CTL" close "$(screen | awk '/relaying +[0-9.-]/ { print $1; exit }')" || fail "the number in front is not the association's"
client_end || fail "the client: $(tail -n 5 "$LAB_DIR/client.log")"
await '0 associations, 0 relaying'
lab_stop_gateway a || fail "gateway A ended with code $?"
await 'not reached, trying again'
lab_gateway a
await 'every 0.5 s'
shows_not 'not reached' || fail "it does not come back"
press q
await 'ended with 0'
lab_stop tmux || true
stop_all
