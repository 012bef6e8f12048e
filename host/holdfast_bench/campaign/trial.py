"""One seed: drawn, carried out, judged. What a worker does; everything in and out can be pickled."""

import time
from dataclasses import dataclass, field

from ..checks import judge
from ..errors import BenchError
from ..scenario import compile_plan
from ..sim import stock_spec
from ..sim.runner import run
from .draw import draw

LIMIT_S_PER_H = 1200    # of real time, for each virtual hour, on a machine with much else to do (sim/runner.py notices one that does not go on); and
LIMIT_S = 300


@dataclass
class Trial:
    """What a seed came to. `findings`: [{law, verdict, text, t}]; `trouble`: why it could not be carried out."""

    seed: int
    verdict: str
    numbers: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)
    virtual_ms: int = 0
    real_s: float = 0.0
    faults: list = field(default_factory=list)


def carry_out(scenario, name, seed, firmware=None, folder=None):
    """(Result, Outcome) of a scenario in the simulation. Raises BenchError."""
    plan = compile_plan(scenario, name, seed)
    outcome = run(stock_spec(plan, firmware), folder=folder, limit_s=LIMIT_S + LIMIT_S_PER_H * plan["deadline_ms"] / 3_600_000)
    return judge(outcome.events(), plan, "sim"), outcome


def trial(seed, hours, firmware=None):
    """The Trial of a seed. A run that cannot be carried out is a Trial of verdict "unknown", never an exception."""
    drawn = draw(seed, hours)
    faults = [step.fault for step in drawn.scenario.step]
    began = time.monotonic()
    try:
        result, outcome = carry_out(drawn.scenario, drawn.name, seed, firmware)
    except BenchError as e:
        return Trial(seed, "unknown", findings=[{"law": "run", "verdict": "unknown", "text": str(e), "t": None}],
                     real_s=time.monotonic() - began, faults=faults)
    findings = [{"law": f.law, "verdict": f.verdict, "text": f.text, "t": f.t} for f in result.findings]
    return Trial(seed, result.verdict, result.numbers, findings, outcome.virtual_ms, outcome.real_s, faults)
