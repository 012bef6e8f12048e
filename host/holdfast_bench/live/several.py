"""Shows several runs that go on at once: a row each on a terminal, otherwise a line when one ends. Writes to the terminal only."""

import contextlib
import threading

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .tally import Tally
from .view import REFRESH_S, STATE_STYLE

VERDICT_STYLE = {"good": "bold green", "bad": "bold red", "unknown": "bold yellow"}


class Board:
    """What is known of the runs. `begun` and `done` may be called from any thread."""

    def __init__(self, console, wanted):
        self.console, self._wanted = console, wanted
        self._going, self._results, self._lock = {}, {}, threading.Lock()

    def begun(self, w, history):
        with self._lock:
            self._going[id(w)] = [w, history, Tally(w.plan), 0]

    def done(self, w, result):
        with self._lock:
            self._going.pop(id(w), None)
            self._results[id(w)] = result
            count = len(self._results)
        line = Text("%3d/%d  " % (count, len(self._wanted)), style="dim")
        line.append("skipped" if result.skipped else result.verdict, style="dim" if result.skipped else VERDICT_STYLE[result.verdict])
        line.append("  %s" % w.label)
        for f in result.findings[:1]:
            line.append("  %s" % f.text[:160], style="dim")
        self.console.print(line, soft_wrap=True)

    def render(self):
        rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("", "run", "", "connection", "waiting", "faults under way"):
            rows.add_column(column)
        with self._lock:
            going = list(self._going.values())
        for entry in going:
            w, history, tally, read = entry
            events = history.events
            while read < len(events):
                tally.take(events[read])
                read += 1
            entry[3] = read
            now, ends = history.now_ms(), w.plan.get("expected_ms") or w.plan["deadline_ms"]
            states = Text(" ").join(Text(b.state, style=STATE_STYLE.get(b.state, "")) for b in tally.boards.values())
            rows.add_row("%5.0f s" % (now / 1000), Text(w.label, style="bold"), ProgressBar(total=ends, completed=min(now, ends), width=20), states,
                         str(sum(b.waiting for b in tally.boards.values())), ", ".join(tally.faults))
        rows.caption, rows.caption_justify = "%d of %d done" % (len(self._results), len(self._wanted)), "left"
        return rows


@contextlib.contextmanager
def showing(console, wanted, quiet=False):
    """(begun, done) for places.run_several; shows what goes on while the block runs."""
    if quiet:
        yield (lambda w, history: None), (lambda w, result: None)
        return
    board = Board(console, wanted)
    if not console.is_terminal:
        yield board.begun, board.done
        return
    with Live(get_renderable=board.render, console=console, refresh_per_second=1 / REFRESH_S, transient=True):
        yield board.begun, board.done
