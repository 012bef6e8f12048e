"""Carries out several runs, some of them at once where the place allows it, and hands out results in the order wanted.

Twins are processes that mostly sleep: several run side by side. Real boards take turns. What cannot run here is skipped with the
reason, when it was not asked for by name.
"""

import os
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from ..boards.boardfile import VIRTUAL
from ..checks.result import failed_to_run, skipped
from ..errors import BenchError, Cannot
from .options import TOGETHER, Options
from .run import run_plan

TWINS_AT_ONCE_PER_CORE = 3
LOOK_S = 0.2


@dataclass(frozen=True)
class Wanted:
    """One run to be carried out."""

    plan: dict
    board: str
    options: Options
    by_name: bool = True  # asked for by name: that it cannot run is then an answer, not a skip
    cannot: str = ""  # known beforehand: why it does not run here

    @property
    def label(self):
        return "%s on %s" % (self.plan["scenario"], self.board)


def places_for(boards, ports, needed, strict=True):
    """[(place, its ports)] for a scenario that needs so many boards, out of --board and --port in the order given.

    sim and twin are a place each and have no ports. One real board named once stands for as many of its kind as are needed; named as often as the
    scenario needs boards, they are one place together. strict: more ports than are used are an error. Raises BenchError.
    """
    real = [name for name in boards if name not in VIRTUAL]
    if ports and not real:
        raise BenchError("--port is for real boards: %s needs none" % " and ".join(dict.fromkeys(boards)))
    if needed == 1 or not real:
        groups = [[name] for name in real]
    elif len(real) in (1, needed):
        groups = [real]
    else:
        raise BenchError("this scenario needs %d boards at once, and %d were named: --board once (all of that kind) or %d times, and --port for each" % (
            needed, len(real), needed))
    if strict and len(ports) > needed * len(groups):
        raise BenchError("%d ports were given, and %d %s wanted: %s" % (len(ports), needed * len(groups), "is" if needed * len(groups) == 1 else "are", ", ".join(ports)))
    found, at = {}, 0
    for group in groups:
        place = group[0] if len(set(group)) == 1 else TOGETHER.join(group)
        found.setdefault(group[0], []).append((place, tuple(ports[at:at + needed])))
        at += needed
    places = []
    for name in boards:
        if name in VIRTUAL:
            places.append((name, ()))
        elif found.get(name):
            places.append(found[name].pop(0))
    return places


def jobs_for(wanted, jobs=None):
    """How many of these run at once: `jobs`, or what the places allow."""
    if any(w.board not in ("sim", "twin") for w in wanted):
        return 1
    cores = os.cpu_count() or 1
    return min(len(wanted) or 1, jobs or (cores * TWINS_AT_ONCE_PER_CORE if any(w.board == "twin" for w in wanted) else cores))


def run_several(wanted, jobs, begun=lambda w, history: None, done=lambda w, result: None):
    """[(result, plan)] in the order of `wanted`, and whether it was interrupted. `begun` and `done` are called as runs begin and end,
    in any thread. Ctrl-C ends what is under way and leaves out the rest."""
    stop, results = threading.Event(), {}

    def one(index, w):
        if stop.is_set():
            return
        if w.cannot:
            result = skipped(w.plan["scenario"], w.board, w.plan["seed"], w.cannot)
        else:
            try:
                result, _ = run_plan(w.plan, w.board, replace(w.options, stop=stop, begun=lambda history: begun(w, history)))
            except Cannot as e:
                if w.by_name:
                    raise
                result = skipped(w.plan["scenario"], w.board, w.plan["seed"], str(e))
            except BenchError as e:
                if len(wanted) == 1:
                    raise
                result = failed_to_run(w.plan["scenario"], w.board, w.plan["seed"], str(e))  # the others go on
        results[index] = result
        done(w, result)

    interrupted, error = False, None
    with ThreadPoolExecutor(jobs) as pool:
        # The longest first: they decide when everything is done.
        longest_first = sorted(enumerate(wanted), key=lambda entry: -entry[1].plan.get("expected_ms", 0)) if jobs > 1 else enumerate(wanted)
        running = {pool.submit(one, index, w) for index, w in longest_first}
        while running:
            try:
                finished, running = wait(running, LOOK_S, FIRST_COMPLETED)
                for future in finished:
                    if future.exception() is not None and error is None:
                        error = future.exception()
                        stop.set()
            except KeyboardInterrupt:
                interrupted = True
                stop.set()
    if error is not None:
        raise error
    return [(results[i], wanted[i].plan) for i in sorted(results)], interrupted
