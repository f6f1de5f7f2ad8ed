#!/usr/bin/env python3
"""The end of ./run.sh: joins what all programs counted into summary.json and prints a short table.

Usage: run_report.py CLIENT.json SERVER.json STATS-A.json STATS-B.json CHUNKS.json OUT.json
A gateway's statistics hold at least "records": {"sealed", "opened"} and "drops": {reason: number}.
"""
import json
import sys


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return {}


def gateway(stats):
    drops = {name: count for name, count in stats.get("drops", {}).items() if count}
    records = stats.get("records", {})
    return {"records": {"sealed": records.get("sealed"), "opened": records.get("opened")},
            "drops": drops}


def main():
    client, server, a, b, chunks = (load(path) for path in sys.argv[1:6])
    summary = {
        "passed": bool(client.get("passed")),
        "messages": client.get("messages"),
        "octets": client.get("octets"),
        "round_trip_us": client.get("round_trip_us"),
        "phases": client.get("phases"),
        "errors": client.get("errors"),
        "server": {key: server.get(key) for key in
                   ("associations", "messages", "octets", "ended_by_shutdown", "ended_by_abort")},
        "gateways": {"a": gateway(a), "b": gateway(b)},
        "protected_link_chunks": chunks,
    }
    with open(sys.argv[6], "w", encoding="utf-8") as file:
        json.dump(summary, file, indent=2)
        file.write("\n")

    print(f"{'phase':<24} {'messages':>9} {'octets':>12} {'p50 us':>9} {'p90 us':>9} "
          f"{'p99 us':>9} {'max us':>9}")
    rows = list(client.get("phases") or [])
    if rows:
        rows.append({"name": "all", "messages": client["messages"]["verified"],
                     "octets": client["octets"], "round_trip_us": client["round_trip_us"]})
    for row in rows:
        trip = row["round_trip_us"]
        print(f"{row['name']:<24} {row['messages']:>9} {row['octets']['sent']:>12} "
              f"{trip['p50']:>9.0f} {trip['p90']:>9.0f} {trip['p99']:>9.0f} {trip['max']:>9.0f}")
    for name in ("a", "b"):
        records = summary["gateways"][name]["records"]
        drops = summary["gateways"][name]["drops"]
        print(f"gateway {name}: {records['sealed']} records sealed, {records['opened']} opened; drops: "
              + (", ".join(f"{reason} {count}" for reason, count in drops.items()) or "none"))
    print("protected link: " + ", ".join(f"{count} {kind}" for kind, count in chunks.items()))
    return 0 if summary["passed"] and a and b else 1


if __name__ == "__main__":
    sys.exit(main())
