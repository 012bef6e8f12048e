"""Recovery and detection in virtual time: the stock firmware in the simulation, round trip 50 ms, several seeds each.

A figure is the median over the seeds, the worst stands in `how`. The instant of an outage falls anywhere in the node's own
rhythms, drawn from the seed.
"""

import random
import statistics

from ..checks import judge
from ..checks.ledger import numbered
from ..sim import stock_spec
from ..sim.runner import run
from .figures import Figure
from .sizes import PLAIN

ONE_WAY_MS = 25
OUTAGE_MS = 20_000
SETTLE_MS = 25_000      # the node has been useful for a while when the outage begins
CONFIG = {"app": {"period_ms": 1000, "topic": "sensor/temp"}}

# name -> faults that hold for the outage, momentary ones at its end
OUTAGES = {
    "recover_refused_s": (("refused",), ()),
    "recover_blackhole_s": (("blackhole",), ()),
    "recover_dead_flows_s": (("blackhole",), ("half_open",)),
    "recover_wifi_s": (("ap_gone",), ()),
}


def measure(seeds, said=lambda text: None):
    """The recover_*, detect_* figures and `lost`, over `seeds`."""
    figures, lost, handed_over = [], 0, 0
    for name, (lasting, momentary) in OUTAGES.items():
        said(name)
        values = []
        for seed in seeds:
            plan = _plan(seed, lasting, momentary)
            events = run(_spec(plan)).events()
            values.append(_recovered_s(events))
            result = judge(events, plan, "sim")
            lost += result.numbers["lost"]
            handed_over += result.numbers["accepted"]
        figures.append(_figure(name, values))
    figures.append(Figure("lost", lost, "%d messages handed over in %d simulated outages" % (handed_over, len(OUTAGES) * len(seeds))))
    figures += throughput(said)
    for name, period_ms in (("detect_publishing_s", 1000), ("detect_idle_s", 3_600_000)):
        said(name)
        values = []
        for seed in seeds:
            plan = _plan(seed, (), ("half_open",), period_ms)
            values.append(_detected_s(run(_spec(plan)).events()))
        figures.append(_figure(name, values))
    return figures


def throughput(said=lambda text: None):
    """hundred_*, first_puback_s and stall_ms; virtual time has no chance in it, one run each will do."""
    figures = []
    for name, one_way_ms in (("hundred_rtt50_s", 25), ("hundred_rtt200_s", 100)):
        said(name)
        events = _application(100, 0, 30_000, one_way_ms)
        dialled = next(e["t"] for e in events if e["ev"] == "dial")
        arrived = [e["t"] for e in events if e["ev"] == "recv" and e["topic"].endswith("/s")]
        value = (arrived[99] + one_way_ms - dialled) / 1000 if len(arrived) >= 100 else None
        figures.append(Figure(name, value, "simulation, virtual time: TCP as on the chip, 5760 bytes on their way at most; 6 bytes each, in the JSON envelope"))
    said("first_puback_s")
    events = _application(1, 0, 10_000, ONE_WAY_MS)
    dialled = next(e["t"] for e in events if e["ev"] == "dial")
    arrived = next(e["t"] for e in events if e["ev"] == "recv" and e["topic"].endswith("/s"))
    figures.append(Figure("first_puback_s", (arrived + ONE_WAY_MS - dialled) / 1000, "simulation, virtual time: from the first SYN, the Wi-Fi being up"))
    said("stall_ms")
    outage = [_fault("blackhole", 30_000, False), {"id": "blackhole.end", "after": "ready", "delay_ms": 60_000, "do": "end", "of": "blackhole"}]
    events = _application(0, 1000, 90_000, ONE_WAY_MS, outage)
    figures.append(Figure("stall_ms", max([e["ms"] for e in events if e["ev"] == "stall"], default=0), "simulation, virtual time"))
    return figures


def _application(queued, every_ms, run_ms, one_way_ms, actions=()):
    """The events of a run of plain/simulated.py."""
    plan = _plan(1, (), ())
    plan["actions"] += [{**action, "boards": ["b1"]} for action in actions]
    spec = _spec({**plan, "run_ms": run_ms, "deadline_ms": run_ms + 100_000, "drain_ms": 1000,
                  "config": {"verbose": False, "app": {"queued": queued, "every_ms": every_ms}}})
    spec.world = {**(spec.world or {}), "delay_ms": one_way_ms}
    spec.main = PLAIN / "simulated.py"
    return run(spec).events()


def _spec(plan):
    """An open access point, which lets a station in within 30 ms: association hardly counts, as it did not for the other clients."""
    spec = stock_spec(plan, delay_ms=ONE_WAY_MS)
    spec.wifi = {**spec.wifi, "key": ""}
    spec.config["wifi"] = [{"ssid": spec.wifi["ssid"], "key": None}]
    return spec


def _plan(seed, lasting, momentary, period_ms=1000):
    draw = random.Random(seed)
    begin_ms = SETTLE_MS + draw.randrange(10_000)
    end_ms = begin_ms + OUTAGE_MS + draw.randrange(2_000)
    actions = [{"id": "ready", "after": "start", "delay_ms": 0, "do": "expect", "what": "the first message", "within_ms": 45_000,
                "event": {"src": "broker", "ev": "recv"}}]
    for fault in lasting:
        actions.append(_fault(fault, begin_ms, False))
    for fault in momentary:
        actions.append(_fault(fault, end_ms if lasting else begin_ms, True))
    for fault in lasting:
        actions.append({"id": fault + ".end", "after": "ready", "delay_ms": end_ms, "do": "end", "of": fault})
    for action in actions:
        action["boards"] = ["b1"]
    return {"scenario": "perf", "seed": seed, "boards": ["b1"], "config": {**CONFIG, "app": {**CONFIG["app"], "period_ms": period_ms}},
            "actions": actions, "run_ms": end_ms + 60_000, "deadline_ms": end_ms + 200_000, "drain_ms": 60_000, "bounds": {},
            "sample_ms": period_ms}


def _fault(name, at_ms, momentary):
    return {"id": name, "after": "ready", "delay_ms": at_ms, "do": "fault", "fault": name, "args": {}, "momentary": momentary, "resets": False}


def _recovered_s(events):
    """From the end of the outage to the first PUBACK of a message of the application at the node; None: never."""
    healed = next(e["t"] for e in events if e["src"] == "bench" and e["ev"] == "end")
    acked = [e["t"] + ONE_WAY_MS for e in events if e["src"] == "broker" and e["ev"] == "recv" and numbered(e) and e["t"] >= healed]
    return (acked[0] - healed) / 1000 if acked else None


def _detected_s(events):
    """From the break to the end of the session at the node; None: never."""
    broken = next(e["t"] for e in events if e["ev"] == "fault")
    left = [e["t"] for e in events if e["ev"] == "state" and e["new"] in ("backoff", "down", "dialing", "error") and e["t"] >= broken]
    return (left[0] - broken) / 1000 if left else None


def _figure(name, values):
    known = [v for v in values if v is not None]
    how = "simulation, virtual time, round trip %d ms; median of %d seeds" % (2 * ONE_WAY_MS, len(values))
    if not known or len(known) < len(values):
        return Figure(name, None, how + "; %d never" % (len(values) - len(known)))
    return Figure(name, round(statistics.median(known), 3), how + ", worst %.3f" % max(known))


def fault_mix(seed, run_ms):
    """A plan with an outage of 10 to 60 s every two minutes, of every kind in turn."""
    draw = random.Random(seed)
    kinds = ("ap_gone", "blackhole", "refused", "broker_stopped", "loss")
    plan = _plan(seed, (), ())
    for n, at_ms in enumerate(range(60_000, run_ms, 120_000)):
        kind, own_id = kinds[n % len(kinds)], "%s-%d" % (kinds[n % len(kinds)], n)
        plan["actions"].append({**_fault(kind, at_ms + draw.randrange(20_000), False), "id": own_id, "boards": ["b1"]})
        plan["actions"].append({"id": own_id + ".end", "after": own_id, "delay_ms": draw.randrange(10_000, 60_000), "do": "end", "of": own_id, "boards": ["b1"]})
    return {**plan, "run_ms": run_ms, "deadline_ms": run_ms + 300_000}
