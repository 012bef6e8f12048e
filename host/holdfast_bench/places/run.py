"""Runs one plan at one place and judges it: set-up, live view, execution, verdict. What was started is always ended."""

import contextlib
import signal
import threading
import time

from ..checks import judge
from ..history import History
from .sim import SimHistory
from .sim import rig as simulated_rig
from .sim import run as simulated


def run_plan(plan, board, options, console=None):
    """(result, interrupted) of `plan` on `board` ("sim", "twin" or a board file's name). `console`: for the live view.

    Raises BenchError when the run could not begin. An interrupt ends the run, heals and tidies up; what was seen until
    then is judged, and is unknown at best.
    """
    if board == "sim":
        return _simulated(plan, options), False
    from ..live import watching
    from ..scenario.executor import Executor

    interrupted = False
    with contextlib.ExitStack() as stack:
        rig, history = begin(plan, board, options, stack)
        options.begun(history)
        with watching(history, plan, board, console, quiet=console is None):
            try:
                Executor(plan, rig, history, options.stop).run()
            except KeyboardInterrupt:
                interrupted = True
        events = list(history.events)
    return judge(events, plan, board), interrupted


def begin(plan, board, options, stack):
    """(rig, history) of a run about to begin: boards loaded and off, world, broker and witness. All of it ends with `stack`.

    Raises BenchError, Cannot when a fault of the plan cannot be made there.
    """
    _restored_at_the_end(stack)
    history = SimHistory() if board == "sim" else History()
    rig = _place(board)(plan, history, options, stack)
    rig.check(plan)
    stack.callback(_ignore_interrupts)
    history.begin()
    return rig, history


def _restored_at_the_end(stack):
    if threading.current_thread() is threading.main_thread():
        stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))


def _ignore_interrupts():
    """Tidying up is bounded; a second Ctrl-C must not leave half of it behind."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _place(board):
    if board == "sim":
        return simulated_rig
    if board == "twin":
        from .twin import rig
        return rig
    from .hil import rig_of
    return rig_of(board)


def _simulated(plan, options):
    """The whole run is over before anybody could watch it: told in one line."""
    began = time.monotonic()
    result = simulated(plan, options)
    virtual_s = max((e["t"] for e in result.events), default=0) / 1000
    options.say("%s: %.0f s of virtual time in %.1f s" % (plan["scenario"], virtual_s, time.monotonic() - began))
    return result
