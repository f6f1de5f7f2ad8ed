"""What a soak has shown: judges the events of clients and gateways by what each fault may do."""
import statistics

from faults import ENDS, IN_FLIGHT
from picture import CLIENTS, DAY_OF_REKEYS, LOSE_AFTER_MS, WINDOWS

ONE_PACKET = ("dialogue-tls13", "fast-preshared")
ASSOCIATIONS = {name: count for name, _, _, count, _ in CLIENTS}
SETTLE_MS = 4000  # after a fault that ends associations: they come up again
RECOVERY_LIMIT_MS = 20000
GROWTH_KIB, GROWTH_PART = 3072, 0.02  # of resident memory after warm-up: the larger one
# Never dropped for these reasons, whatever happens on the links; and counters that stay at zero.
NEVER_DROPPED = ("seal_no_key", "no_mbuf", "send_key_exhausted", "receive_key_exhausted")
NEVER_COUNTED = (("relay", "messages_refused"), ("bridge", "send_no_mbuf"), ("bridge", "send_too_long"),
                 ("sctp", "output_refused"), ("restart_store", "damaged"))


def _window(timeline, promises, since, at):
    """The fault that explains what was begun at since and happened at at, if one does."""
    for fault in timeline:
        if fault["promise"] in promises and fault["from_ms"] - LOSE_AFTER_MS <= since <= fault["settled_ms"] and \
                at >= fault["from_ms"]:
            return fault
    return None


def _events_of(name, summary, timeline, failures):
    """Judges the events of one client; what each fault cost is put into the timeline."""
    late = {(e["association"], e["detail"], e["since_ms"]) for e in summary.get("events", []) if e["what"] == "late"}
    for event in summary.get("events", []):
        what, since, at = event["what"], event["since_ms"], event["at_ms"]
        if what in ("late", "up", "restarted", "silence"):
            continue
        if what == "lost" and (event["association"], event["detail"], since) in late:
            continue
        fault = _window(timeline, (IN_FLIGHT, ENDS), since, at)
        if fault is None:
            failures.append(f"{name}, association {event['association']}: {what} without a fault that may do that, at "
                            f"{at} (since {since}): {event['detail']}")
            continue
        cost = fault["cost"].setdefault(what, {})
        key = f"{name}/{event['association']}"
        cost[key] = cost.get(key, 0) + 1
    for error in summary.get("errors", []):
        failures.append(f"{name}: {error}")
    counts = summary["messages"]
    if counts["verified"] + counts["lost"] != counts["sent"]:
        failures.append(f"{name}: {counts} do not add up")


def _recoveries(timeline, summaries):
    """How long after each fault's end every client had its answers again."""
    for fault in timeline:
        worst, silent, whose = 0, 0, ""
        for name, summary in summaries.items():
            for event in summary.get("events", []):
                if event["what"] == "silence" and event["since_ms"] <= fault["to_ms"] < event["at_ms"]:
                    silent += 1
                    if event["at_ms"] - fault["to_ms"] > worst:
                        worst = event["at_ms"] - fault["to_ms"]
                        whose = f"{name}/{event['association']} ({event['detail']})"
        fault["recovery_ms"], fault["silent_associations"], fault["recovered_last"] = worst, silent, whose


def _slope(points):
    """KiB a minute, by least squares."""
    if len(points) < 3:
        return 0.0
    xs, ys = [p[0] / 60000 for p in points], [p[1] for p in points]
    return statistics.linear_regression(xs, ys).slope if len(set(xs)) > 1 else 0.0


def _memory(gateway, samples, failures):
    """One entry for each life of a gateway process that was long enough to tell something."""
    out = []
    for pid in dict.fromkeys(s["pid"] for s in samples):
        life = [s for s in samples if s["pid"] == pid]
        if len(life) < 40:
            continue
        settled = life[max(20, len(life) // 4):]
        quarter = max(5, len(settled) // 4)
        first, last = settled[:quarter], settled[-quarter:]
        before, after = (statistics.median(s["rss_kib"] for s in part) for part in (first, last))
        one = {"gateway": gateway, "pid": pid, "seconds": len(life), "rss_kib_before": before, "rss_kib_after": after,
               "slope_kib_per_minute": round(_slope([(s["at_ms"], s["rss_kib"]) for s in settled]), 1)}
        for what in ("descriptors", "threads"):
            one[what] = [max(s[what] for s in part) for part in (first, last)]
            if one[what][1] > one[what][0] + (3 if what == "descriptors" else 0):
                failures.append(f"gateway {gateway} (process {pid}): {what} grew from {one[what][0]} to {one[what][1]}")
        if after - before > max(GROWTH_KIB, GROWTH_PART * before):
            failures.append(f"gateway {gateway} (process {pid}): memory grew from {before:.0f} to {after:.0f} KiB")
        out.append(one)
    return out


def _counters(gateway, figures, failures):
    for reason in NEVER_DROPPED:
        if figures["drops"].get(reason, 0):
            failures.append(f"gateway {gateway} dropped {figures['drops'][reason]} packets: {reason}")
    for section, name in NEVER_COUNTED:
        if figures.get(section, {}).get(name, 0):
            failures.append(f"gateway {gateway}: {section}.{name} is {figures[section][name]}")
    if figures["relay"]["pairs"] or figures["associations"]["now"]:
        failures.append(f"gateway {gateway}: {figures['relay']['pairs']} pairs and {figures['associations']['now']} "
                        "associations are left")


def judge(timeline, summaries, churn, samples, figures, rekeys):
    """(report, failures); figures: of each gateway at the end; rekeys: epochs made, by client of method 192 and 1."""
    failures = []
    for fault in timeline:
        fault["cost"] = {}
    for name, summary in summaries.items():
        if summary is None:
            failures.append(f"{name}: no summary")
        else:
            _events_of(name, summary, timeline, failures)
    summaries = {name: s for name, s in summaries.items() if s is not None}
    _recoveries(timeline, summaries)
    for fault in timeline:
        if fault["recovery_ms"] > RECOVERY_LIMIT_MS:
            failures.append(f"{fault['name']} ({fault['text']}): answers came only {fault['recovery_ms']} ms "
                            f"after it, to {fault['recovered_last']}")
        if fault["promise"] != IN_FLIGHT:
            continue
        # Messages of one packet are never relayed in part, so their associations come back. Only a crash in
        # the middle of a rekey may cost them, too.
        for key in fault["cost"].get("ended", {}):
            if key.split("/")[0] in ONE_PACKET and fault["name"] != "kill-and-rekey":
                failures.append(f"{fault['name']} ({fault['text']}): {key} did not come back")
        for key, lost in fault["cost"].get("lost", {}).items():
            # Nothing is lost but what was under way; as often as it was given up, others could be sent.
            times = 1 + -(-(fault["settled_ms"] - fault["from_ms"]) // LOSE_AFTER_MS)
            most = times * WINDOWS.get(key.split("/")[0], 8)
            if lost > most:
                failures.append(f"{fault['name']} ({fault['text']}): {key} lost {lost} messages, of {most} in flight")
    for run in churn:
        if run["code"] == 0 or any(f["promise"] in (IN_FLIGHT, ENDS) and f["from_ms"] <= run["to_ms"] and
                                   run["from_ms"] <= f["settled_ms"] for f in timeline):
            continue
        failures.append(f"associations to port {run['port']} from {run['from_ms']} to {run['to_ms']}: {run['said'][-300:]}")
    memory = []
    for gateway, series in samples.items():
        memory += _memory(gateway, series, failures)
        if figures.get(gateway):
            _counters(gateway, figures[gateway], failures)
        else:
            failures.append(f"gateway {gateway}: no figures at the end")
    messages = {key: sum(s["messages"][key] for s in summaries.values()) for key in ("sent", "verified", "lost")}
    messages["in short associations"] = sum(run["messages"] for run in churn)
    report = {
        "passed": not failures,
        "messages": messages,
        "mismatches": sum(len(s.get("errors", [])) for s in summaries.values()),
        "associations": sum(ASSOCIATIONS.values()),
        "short_clients": len(churn),
        "rekeys": rekeys,
        "days_of_rekeys": round(min(rekeys.values()) / DAY_OF_REKEYS, 1) if rekeys else 0,
        "memory": memory,
        "failures": failures,
    }
    return report, failures
