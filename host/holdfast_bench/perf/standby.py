"""The switch to a backup broker whose connection is kept at the ready, in the simulation: how many round trips it takes, and how many without."""

import random
import statistics

from ..checks.ledger import numbered
from ..sim import idle_plan, stock_spec
from ..sim.runner import run
from .figures import Figure

ONE_WAY_MS = (25, 100)
PERIOD_MS = 50          # there is always something to acknowledge
BACKUP = 1              # number of the second broker in the history


def measure(seeds, said=lambda text: None):
    figures = []
    for name, standby_s in (("standby_switch_rtts", 60), ("cold_switch_rtts", 0)):
        said(name)
        values = [_round_trips(seed, one_way_ms, standby_s) for seed in seeds for one_way_ms in ONE_WAY_MS]
        known = [v for v in values if v is not None]
        how = "simulation, virtual time: broker stopped, %d seeds, round trips of %s ms" % (len(values) // len(ONE_WAY_MS), " and ".join(str(2 * ms) for ms in ONE_WAY_MS))
        if len(known) < len(values):
            figures.append(Figure(name, None, how + "; %d never" % (len(values) - len(known))))
        else:
            figures.append(Figure(name, round(statistics.median(known), 2), how + "; worst %.2f" % max(known)))
    return figures


def _round_trips(seed, one_way_ms, standby_s):
    """From the end of the connection being known to the first message that the other broker has acknowledged; None: never."""
    at_ms = 20_000 + random.Random(seed).randrange(5_000)
    plan = idle_plan(at_ms + 30_000, seed)
    plan["config"] = {"standby_s": standby_s, "app": {"period_ms": PERIOD_MS}}
    plan["actions"] = [{"id": "broker_stopped", "after": "start", "delay_ms": at_ms, "do": "fault", "fault": "broker_stopped", "args": {"which": 1},
                        "momentary": False, "resets": False, "boards": ["b1"]}]
    events = run(stock_spec(plan, brokers=2, delay_ms=one_way_ms)).events()
    known = next((e["t"] for e in events if e["ev"] == "err" and e["t"] >= at_ms), None)
    arrived = next((e["t"] for e in events if e["src"] == "broker" and e["ev"] == "recv" and e.get("broker") == BACKUP and numbered(e)), None)
    return None if known is None or arrived is None else (arrived + one_way_ms - known) / (2 * one_way_ms)
