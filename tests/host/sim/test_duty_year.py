"""R19, R31: months of a battery node on the simulation, with resets of every kind at the worst moments of its wakes, torn writes, power cuts and
outages of days. What it accepted is delivered, or reported dropped, or was lost with memory that promised no more."""

import random

import pytest

from holdfast_bench.checks import judge
from holdfast_bench.sim import stock_spec
from holdfast_bench.sim.runner import run

HOUR_MS = 3_600_000
KEEPS_MEMORY = ("software", "panic", "task_wdt")
MOMENTS = ("rtc_write", "rtc_written", "boot", "connect", "received", "data_up", "data_down", "joined", "got_ip")


def trouble(rng, days):
    """Actions of a plan: about one reset a day at a wake, and now and then an outage of hours to days."""
    actions = []
    at_ms = 6 * HOUR_MS

    def fault(name, momentary, resets, delay_ms=None, **fields):
        own = "%s-%d" % (name, len(actions))
        actions.append({"id": own, "after": "ready", "delay_ms": at_ms if delay_ms is None else delay_ms, "do": "fault", "fault": name, "args": fields.pop("args", {}),
                        "boards": ["b1"], "momentary": momentary, "resets": resets, "patience_ms": 12 * HOUR_MS, **fields})
        return own

    while at_ms < (days - 1) * 24 * HOUR_MS:
        kind = rng.random()
        if kind < 0.55:
            fault("reset", True, True, args={"kind": rng.choice(KEEPS_MEMORY)}, moment=rng.choice(MOMENTS), nth=rng.choice((1, 1, 2, 3)))
        elif kind < 0.8:
            fault("power_cut_mid_write", True, True, moment="rtc_write", nth=rng.choice((1, 1, 2, 3, 5)))
        elif kind < 0.88:
            fault("reset", True, True, args={"kind": rng.choice(("en", "brownout"))}, moment=rng.choice(MOMENTS))
        elif kind < 0.94:
            own = fault(rng.choice(("ap_gone", "broker_stopped")), False, False)
            actions.append({"id": own + ".end", "after": own, "delay_ms": rng.randrange(2, 60) * HOUR_MS, "do": "end", "of": own, "boards": ["b1"]})
        else:
            own = fault("power_cut", False, True)
            actions.append({"id": own + ".end", "after": own, "delay_ms": rng.randrange(1, 600) * 60_000, "do": "end", "of": own, "boards": ["b1"], "resets": True})
        at_ms += rng.randrange(2, 46) * HOUR_MS
    return actions


def plan_of(seed, days, **app):
    ready = {"id": "ready", "after": "start", "delay_ms": 0, "do": "expect", "what": "the first message", "within_ms": 60_000, "boards": ["b1"],
             "event": {"src": "broker", "ev": "recv"}}
    run_ms = days * 24 * HOUR_MS
    return {"scenario": "duty year", "seed": seed, "boards": ["b1"], "config": {"app": {"duty": app}}, "run_ms": run_ms, "drain_ms": 72 * HOUR_MS,
            "deadline_ms": run_ms + 96 * HOUR_MS, "actions": [ready, *trouble(random.Random(seed), days)], "bounds": {}}


def live_through(seed, days, folder, **app):
    plan = plan_of(seed, days, **app)
    outcome = run(stock_spec(plan, drift_ppm=300), folder=folder, limit_s=3000)
    result = judge(outcome.events(), plan, "sim")
    numbers = result.numbers
    print("seed %d, %d days in %.0f s: %s" % (seed, days, outcome.real_s, numbers))
    assert result.verdict == "good", result.findings[:5]
    # (A drop may be reported for a number that no message got: the write that would have told was torn.)
    missing = numbers["accepted"] - numbers["delivered"] - numbers["beyond_promise"]
    assert numbers["lost"] == 0 and 0 <= missing <= numbers["reported_dropped"]
    return numbers


def test_a_week_of_wakes_resets_and_outages_adds_up(tmp_path):
    numbers = live_through(1, 7, tmp_path, period_s=3600, upload_every=6)
    assert numbers["wakes"] > 130 and numbers["resets"] > numbers["wakes"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", (2, 3))
def test_a_year_adds_up(tmp_path, seed):
    numbers = live_through(seed, 365, tmp_path, period_s=3600, upload_every=6)
    assert numbers["wakes"] > 8000
