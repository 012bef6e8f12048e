"""Holdfast and the clients that a package name brings, measured in one run over the packet link: recovery, detection, throughput, stalls, loss.

Each trial is a process of its own (trial.py), with namespaces, link and mosquitto to itself. What takes long runs side by side; what takes
milliseconds runs alone.
"""

import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from ..choices import choices
from ..errors import BenchError
from .figures import KINDS, Figure
from .link import NoLink

OTHERS = ("umqtt.simple", "umqtt.robust", "paho-mqtt")
OTHER_RUNS = 3          # of what takes long: half a minute of outage each
AT_ONCE = 8
CAREFULLY = 2           # of what counts milliseconds
TRIAL_LIMIT_S = 240
OUTAGES = {"recover_refused_s": "refused", "recover_blackhole_s": "blackhole", "recover_dead_flows_s": "dead_flows", "recover_wifi_s": "wifi"}
LONG = {**{name: {"test": "outage", "rtt_ms": 50, "kind": kind} for name, kind in OUTAGES.items()},
        "detect_publishing_s": {"test": "detect", "rtt_ms": 50, "every_ms": 1000}, "detect_idle_s": {"test": "detect", "rtt_ms": 50, "every_ms": 0},
        "stall_ms": {"test": "stall", "rtt_ms": 50}}
SHORT = {"first_puback_s": {"test": "first", "rtt_ms": 50}, "hundred_rtt50_s": {"test": "hundred", "rtt_ms": 50, "relay": True},
         "hundred_rtt200_s": {"test": "hundred", "rtt_ms": 200, "relay": True},
         "hundred_rtt50_direct_s": {"test": "hundred", "rtt_ms": 50}, "hundred_rtt200_direct_s": {"test": "hundred", "rtt_ms": 200}}
NOTES = {
    "first_puback_s": "start of the process included",
    "hundred_rtt50_s": "from the first SYN; 32 bytes each, bare, settings as they come but 8 KB of RTC memory, to hold them; a relay before the broker, as the bar was measured",
    "hundred_rtt200_s": "the same",
    "hundred_rtt50_direct_s": "the same without relay: mosquitto's acknowledgements are a segment each, of which its kernel sends ten before it waits",
    "hundred_rtt200_direct_s": "the same without relay",
    "recover_wifi_s": "packets vanish; Holdfast is told by its Wi-Fi, which joins in no time, the others have none",
    "stall_ms": "sampler in the same loop",
}


def available():
    """Raises NoLink with the reason where the packet link is not possible."""
    if not choices().mosquitto:
        raise NoLink("no mosquitto")
    found = subprocess.run([sys.executable, "-c", "from holdfast_bench.perf.link import Link\nLink(1).close()"], capture_output=True, text=True, timeout=30)
    if found.returncode:
        raise NoLink((found.stderr.strip().splitlines() or ["no namespaces"])[-1].rpartition("NoLink: ")[2])


def measure(runs, others, said=lambda text, done, total: None):
    """The figures of LONG and SHORT and `lost`; others: with the other clients beside. Raises NoLink."""
    available()
    clients = ("", *OTHERS) if others else ("",)
    long = [(name, client, seed) for seed in range(1, runs + 1) for client in clients for name in LONG
            if not (client and (seed > (1 if name == "stall_ms" else OTHER_RUNS) or name == "stall_ms" and client == "paho-mqtt"))]
    short = [(name, client, seed) for name in SHORT for client in clients for seed in range(1, (runs if not client else 1 if name.endswith("direct_s") else min(runs, 2)) + 1)]
    found, done = {}, 0

    def carry_out(job):
        name, client, seed = job
        return job, _trial({**(LONG.get(name) or SHORT[name]), "client": client, "seed": seed})

    for at_once, jobs in ((AT_ONCE, [job for job in long if job[0] != "stall_ms"]), (CAREFULLY, [job for job in long if job[0] == "stall_ms"])):
        with ThreadPoolExecutor(at_once) as pool:
            for job, result in pool.map(carry_out, jobs):
                found[job] = result
                done += 1
                said("%s of %s" % (job[0], job[1] or "Holdfast"), done, len(long) + len(short))
    for job in short:
        found[job] = carry_out(job)[1]
        done += 1
        said("%s of %s" % (job[0], job[1] or "Holdfast"), done, len(long) + len(short))
    figures = []
    for name in (*LONG, *SHORT):
        for client in clients:
            results = [result for (n, c, _), result in found.items() if (n, c) == (name, client)]
            if results:
                figures.append(_figure(name, client, results))
    return figures + [_lost(client, found) for client in clients]


def _trial(spec):
    """One trial's result; one that fails for the machine's sake (load, ports) is repeated once."""
    why = ""
    for _ in range(2):
        try:
            done = subprocess.run([sys.executable, "-m", "holdfast_bench.perf.trial", json.dumps(spec)], capture_output=True, text=True, timeout=TRIAL_LIMIT_S)
        except subprocess.TimeoutExpired:
            why = "no end within %d s" % TRIAL_LIMIT_S
            continue
        if done.returncode == 0 and done.stdout.strip():
            return json.loads(done.stdout.strip().splitlines()[-1])
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise BenchError("the trial %s of %s cannot be carried out: %s" % (spec["test"], spec["client"] or "Holdfast", why))


def _figure(name, client, results):
    kind = KINDS[name]
    scale = 1000 if kind.unit == "s" else 1
    values = [result["value"] for result in results]
    known = [value / scale for value in values if value is not None]
    how = "packet link between two namespaces; median of %d" % len(values)
    never = len(values) - len(known)
    if never * 2 >= len(values):
        value = None
        how += ", %d of them never (within %d s)" % (never, 75 if name.startswith("detect") else 60)
    else:
        value = round(statistics.median(known + [float("inf")] * never), 3)
        how += ", worst %s" % ("never" if never else "%g" % round(max(known), 3))
    return Figure(name, value, how + ("; " + NOTES[name] if name in NOTES else ""), client)


def _lost(client, found):
    results = [result for (name, c, _), result in found.items() if c == client and name in OUTAGES]
    lost, handed_over = (sum(result[key] or 0 for result in results) for key in ("lost", "handed_over"))
    return Figure("lost", lost, "packet link: %d messages handed over in %d outages" % (handed_over, len(results)), client)
