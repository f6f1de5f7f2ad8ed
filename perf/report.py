#!/usr/bin/env python3
"""Plots (SVG, by gnuplot) and a one-page report of what perf/run.sh has left in a folder: report.py DIR"""
import os
import subprocess
import sys

import results

folder = sys.argv[1]
data = results.load(folder)
AES = "TLS_AES_128_GCM_SHA256"
# Of a worker, AEAD first, in the order of the way in and of the way out.
STAGES = ("open", "seal", "receive_port", "parse", "checksum_in", "lookup", "prepare_open", "deliver",
          "take", "prepare_seal", "checksum_out", "route", "transmit_port")
COLOURS = ("1f5fa8", "5b9bd5", "7f7f7f", "c0504d", "9bbb59", "8064a2", "f79646", "4bacc6",
           "bfbfbf", "ffc000", "6aa84f", "a64d79", "404040")


def rows(name, **wanted):
    return [row for row in data.get(name, {}).get("results", [])
            if all(row.get(key) == value for key, value in wanted.items())]


def plot(name, title, ylabel, labels, series, stacked=False):
    """series: [(name, values)]; None: no figure. Bars beside or on top of each other."""
    lines = ['"" ' + " ".join(f'"{title}"' for title, _ in series)]
    for index, label in enumerate(labels):
        values = [values[index] for _, values in series]
        lines.append(f'"{label}" ' + " ".join("?" if value is None else f"{value:.4g}" for value in values))
    style = "histogram rowstacked" if stacked else "histogram clustered gap 1"
    colours = "\n".join(f'set linetype {i + 1} lc rgb "#{colour}"' for i, colour in enumerate(COLOURS))
    script = f"""
set terminal svg size 900,420 font "sans-serif,12" background "white"
set output "{os.path.join(folder, name + '.svg')}"
set title "{title}"
set ylabel "{ylabel}"
set style data histogram
set style {style}
set style fill solid 0.85 border -1
set boxwidth {0.6 if stacked else 0.9}
set key outside right top autotitle columnheader
set yrange [0:*]
set grid ytics
set xtics rotate by -30
{colours}
set datafile missing "?"
$data << EOD
{chr(10).join(lines)}
EOD
plot for [i=2:{len(series) + 1}] $data using i:xtic(1)
"""
    subprocess.run(["gnuplot", "-"], input=script, text=True, check=True)
    return f"![{title}]({name}.svg)\n"


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
                     + ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]) + "\n"


def number(value, form="{:.2f}"):
    return "–" if value is None else form.format(value)


out = ["# What the data plane costs\n"]
machine = data.get("machine", {})
out.append(f"Measured on {machine.get('cpu', 'an unknown processor')}{' (virtual machine)' if machine.get('virtual') else ''}, "
           f"{machine.get('cpus', '?')} CPUs, {', '.join(machine.get('vector', []))}. Ratios are of speeds and from one run each: 1.00 is as fast as "
           "what it is held against. Cycles are those of the time stamp counter.\n")

if "record" in data:
    out.append("## Record layer\n\nSeal and open in bursts of 32, everything that a record needs included, beside IPsec-MB's AEAD calls alone on the same "
               "octets (*floor*: the faster of its two APIs), OpenSSL EVP doing the same record work, and our record layer with its AEAD on the DPDK device "
               f"{data['record'].get('crypto_device') or '(none)'}. One key.\n")
    sizes = [64, 256, 1400, "mix"]
    lines = []
    for suite in dict.fromkeys(row["suite"] for row in data["record"]["results"]):
        for direction in ("seal", "open"):
            for size in sizes:
                for row in rows("record", suite=suite, direction=direction, octets=size, keys=1):
                    lines.append((suite.removeprefix("TLS_"), direction, size, f"{row['batch_ns']:.1f}", number(row["batch_to_floor"]),
                                  number(row.get("batch_to_evp")), number(row.get("batch_to_device"))))
    out.append(table(("suite", "", "octets", "ns", "to floor", "to EVP", "to device"), lines))
    labels = [f"{direction} {size}" for direction in ("seal", "open") for size in sizes]
    chosen = [(rows("record", suite=AES, direction=d, octets=s, keys=1) or [{}])[0] for d in ("seal", "open") for s in sizes]
    out.append(plot("record", "AES-128-GCM, one key, by octets of content", "ns per record", labels,
                    [(title, [row.get(field) for row in chosen]) for title, field in
                     (("record layer", "batch_ns"), ("IPsec-MB direct", "direct_ns"), ("IPsec-MB job", "job_ns"),
                      ("crypto device", "device_ns"), ("OpenSSL EVP", "evp_ns"))]))
    keys = sorted({row["keys"] for row in data["record"]["results"]})
    out.append("Keys in a burst, AES-128-GCM, 256 octets: "
               + "; ".join(f"{n}: seal {rows('record', suite=AES, direction='seal', octets=256, keys=n)[0]['batch_ns']:.1f} ns, "
                           f"open {rows('record', suite=AES, direction='open', octets=256, keys=n)[0]['batch_ns']:.1f} ns" for n in keys
                           if rows("record", suite=AES, direction="seal", octets=256, keys=n)) + ".\n")

if "worker" in data:
    out.append("## One worker\n\nFrom the port to the control thread's ring and back, beside its floor: the sum of AEAD call, a 32nd of the mask job, one CRC32c, the bulk "
               "look-up and testpmd's io forward, each measured in the same run.\n")
    lines = [(row["port"], row["path"], row["octets"], row["associations"], f"{row['clear_cycles']:.0f}", f"{row['protected_cycles']:.0f}",
              f"{row['protected_packets_per_second'] / 1e6:.1f}", number(row.get("floor", {}).get("sum_cycles"), "{:.0f}"), number(row.get("to_floor")))
             for row in data["worker"]["results"]]
    out.append(table(("port", "", "octets", "associations", "clear", "protected", "M packets/s", "floor", "to floor"), lines))
    for row in data["worker"].get("workers", []):
        out.append(f"{row['workers']} worker(s) at once: {row['cycles']:.0f} cycles per packet each, {row['to_one']:.2f} times the packets of one.\n")
    if "cache_line_cycles" in data["worker"]:
        out.append(f"One cache line from core to core: {data['worker']['cache_line_cycles']:.0f} cycles.\n")
    for row in data["worker"].get("hop", []):
        out.append(f"Ring hop on the way to {row['path']}, {row['octets']} octets: {row['cycles']:.0f} cycles per packet ({row['first_worker_cycles']:.0f} on the first core, "
                   f"{row['second_worker_cycles']:.0f} on the second; {row['direct_cycles']:.0f} on one core without a hop).\n")

if "worker-stages" in data:
    chosen = [row for row in rows("worker-stages", port="net_ring") if "stages" in row]
    stages = [stage for stage in STAGES if any(row["stages"][stage] >= 1 for row in chosen)]
    out.append(plot("stages", "Cycles of one worker, by stage", "cycles per packet",
                    [f"{row['path'][:2]} {row['octets']}/{row['associations']}" for row in chosen],
                    [(stage.replace("_", " "), [row["stages"][stage] for row in chosen]) for stage in stages], stacked=True))
    out.append("(re: receive, tr: transmit; octets/associations. Reading the counter between the stages costs about 10 cycles a packet.)\n")

if "worker-device" in data:
    out.append("With the AEAD on a DPDK crypto device the same worker takes: "
               + "; ".join(f"{row['port']} {row['path']} {row['octets']}: {row['protected_cycles']:.0f} cycles" for row in data["worker-device"]["results"]) + ".\n")

if "table" in data:
    memory = data["table"]["memory"]
    out.append("## Association table\n\nLook-up in bursts of 32, cycles per key: "
               + ", ".join(f"{row['associations']:,}: {row['cycles']:.0f}" for row in data["table"]["lookup"]) + ".\n")
    out.append(f"{memory['associations']:,} associations with one epoch take {memory['all']:.0f} octets each: {memory['expanded_aead_keys']:.0f} for the two expanded "
               f"AEAD keys, {memory['beside_aead_keys']:.0f} for everything else in the data plane.\n")
    out.append("Epochs installed while a worker seals for random associations: "
               + "; ".join(f"{row['associations']:,} associations: {row['installs_per_second']:,.0f} a second, the worker at {row['cycles_while_installing']:.0f} cycles per packet "
                           f"({row['cycles_alone']:.0f} undisturbed)" for row in data["table"]["installs"]) + ".\n")

traffic = [name for name in data if name.startswith("traffic-")]
if traffic:
    out.append("## Under a traffic generator\n\nForwarder and generator share this machine's CPUs (perf/pktgen); no packet is lost, because at most a window of them is on its way.\n")
    lines = [(name.removeprefix("traffic-"), run["direction"], run["mix"], f"{run['packets_per_s'] / 1e6:.2f}", f"{run['forwarder_cycles_per_packet']:.0f}", run["lost"])
             for name in traffic for run in data[name]["runs"] if str(run["mix"]) in ("256", "1400", "imix")]
    out.append(table(("ports", "", "octets", "M packets/s", "forwarder's cycles per packet", "lost"), lines))

if "crypto-perf" in data:
    out.append("## dpdk-test-crypto-perf\n\nAES-128-GCM encryption on crypto_aesni_mb, bursts of 32, as DPDK measures it (no record work): "
               + ", ".join(f"{row['octets']} octets {row['ns']:.1f} ns" for row in data["crypto-perf"]["results"]) + ".\n")

with open(os.path.join(folder, "report.md"), "w") as report:
    report.write("\n".join(out))
print(os.path.join(folder, "report.md"))
