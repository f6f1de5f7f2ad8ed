#!/usr/bin/env bash
# Ports of other kinds than af_packet: the examples for net_null, net_pcap and memif start, run, take what
# a capture holds, and stop.
. "$SOURCE_ROOT/tests/e2e/prelude.sh" || exit 1

# receives NAME STATS: its statistics, written now, show packets.
receives() {
    kill -USR1 "${LAB_PID_OF[$1]}"
    [ -f "$2" ] && [ "$(json "$2" "d['workers'][0]['received']")" -gt 0 ]
}

lab_begin
for example in net-null net-pcap memif; do
    folder=$LAB_DIR/$example
    mkdir "$folder"
    cp "$SOURCE_ROOT/config/examples/$example.yaml" "$folder"
    (
        umask 077
        for file in trunk.psk lab.psk; do echo "psk: $(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')" >"$folder/$file"; done
    )
    cp "$FIXTURES/isup.pcap" "$folder/in.pcap"
    # Devices name files and sockets relative to where the gateway runs, or below /run and /tmp.
    sed -i -E "s#(rx_pcap|tx_pcap|socket)=([^,\"]*/)?([^,\"]+)#\\1=$folder/\\3#g" "$folder/$example.yaml"
    sed -i 's/iface=eth1/iface=ga0/' "$folder/$example.yaml"
    for input in $(sed -nE 's#.*rx_pcap=([^,"]+).*#\1#p' "$folder/$example.yaml"); do
        [ -f "$input" ] || cp "$FIXTURES/isup.pcap" "$input"
    done
    grep -q '^stats_file' "$folder/$example.yaml" || echo "stats_file: stats.json" >>"$folder/$example.yaml"
    lab_spawn "$example" a "$LAB_GATEWAY" --config "$folder/$example.yaml"
    lab_await 20 "$example is not ready" grep -q 'ready:' "$LAB_DIR/$example.log" || fail "$example"
    stats=$folder/$(sed -nE 's/^stats_file: *([^ ]+).*/\1/p' "$folder/$example.yaml")
    case $example in
        net-pcap | net-null) lab_await 10 "$example receives nothing" receives "$example" "$stats" || fail "$example" ;;
    esac
    lab_stop "$example" || fail "$example ended with code $?"
    [ "$(json "$stats" "len(d['ports'])")" -eq 2 ] || fail "the ports of $example"
    echo "ok: $example"
done
