"""Shows a run while it goes on. Reads the history in a thread of its own; writes to the terminal and nowhere else."""

import contextlib
import threading

from rich.console import Group
from rich.live import Live
from rich.panel import Panel as Frame
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .tally import Tally

REFRESH_S = 0.25
STATE_STYLE = {"online": "bold green", "dialing": "blue", "suspect": "yellow", "backoff": "dark_orange", "down": "dim", "error": "bold red", "reset": "bold magenta"}


@contextlib.contextmanager
def watching(history, plan, place, console, quiet=False):
    """Shows `history` of `plan` on `console` while the block runs: a panel on a terminal, lines otherwise, or nothing."""
    if quiet:
        yield
        return
    view = (Panel if console.is_terminal else _Lines)(history, plan, place, console)
    thread = threading.Thread(target=view.follow, name="live view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        view.stop.set()
        thread.join(5)


class _View:
    def __init__(self, history, plan, place, console):
        self.history, self.plan, self.place, self.console = history, plan, place, console
        self.tally, self.stop, self._read = Tally(plan), threading.Event(), 0

    def _new_lines(self):
        events = self.history.events
        while self._read < len(events):
            event = events[self._read]
            self._read += 1
            line = self.tally.take(event)
            if line:
                yield line


REPEAT_MS = 10_000  # a line that was told within this time is only counted


class _Lines(_View):
    def __init__(self, *args):
        super().__init__(*args)
        self._told = {}  # (who, text) → [when it was told last, how often it came since]

    def _tell(self, t, who, text):
        told = self._told.setdefault((who, text), [None, 0])
        if told[0] is not None and t < told[0] + REPEAT_MS:
            told[1] += 1
            return
        more = "  (and %d times more)" % told[1] if told[1] else ""
        told[0], told[1] = t, 0
        self.console.print("%7.1f s  %-6s %s%s" % (t / 1000, who, text, more), markup=False, soft_wrap=True)

    def follow(self):
        self.console.print("%s on %s, seed %d" % (self.plan["scenario"], self.place, self.plan["seed"]))
        while True:
            last_look = self.stop.wait(REFRESH_S)
            for t, who, text in self._new_lines():
                self._tell(t, who, text)
            if last_look:
                return


class Panel(_View):
    @classmethod
    def at(cls, history, plan, place):
        """What the panel shows of `history` (events, now_ms) as it stands."""
        view = cls(history, plan, place, None)
        for _ in view._new_lines():
            pass
        return view._render()

    def follow(self):
        with Live(console=self.console, refresh_per_second=1 / REFRESH_S, transient=True, auto_refresh=False) as live:
            while True:
                last_look = self.stop.wait(REFRESH_S)
                for _ in self._new_lines():
                    pass
                live.update(self._render(), refresh=True)
                if last_look:
                    return

    def _render(self):
        tally, now = self.tally, self.history.now_ms()
        title = "[bold]%s[/] on %s · seed %d" % (self.plan["scenario"], self.place, self.plan["seed"])
        return Frame(Group(*self._progress(tally, now), Text(), self._boards(tally), Text(), self._faults(tally, now), Text(), self._last(tally)),
                     title=title, title_align="left", border_style="blue", padding=(0, 1))

    def _progress(self, tally, now):
        ends = self.plan.get("expected_ms") or self.plan["deadline_ms"]
        row = Table.grid(padding=(0, 2))
        row.add_row(Text("%5.1f s" % (now / 1000), style="bold"), ProgressBar(total=ends, completed=min(now, ends), width=38), Text(tally.phase))
        met, missed = tally.expected[True], tally.expected[False]
        text = Text("expectations: %d of %d met" % (met, tally.expectations))
        if missed:
            text.append("  %d MISSED" % missed, style="bold red")
        return row, text

    def _boards(self, tally):
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
        for column in ("board", "connection", "waiting", "handed over", "sent", "acknowledged", "arrived", "dropped", "resets", "bites"):
            table.add_column(column, justify="left" if column in ("board", "connection") else "right")
        for name, b in tally.boards.items():
            state = Text(b.state, style=STATE_STYLE.get(b.state, ""))
            table.add_row(name, state, Text(str(b.waiting), style="bold yellow" if b.waiting > 5 else ""), str(b.accepted), str(b.sent),
                          str(b.acknowledged), str(b.arrived), str(b.dropped), str(b.resets), Text(str(b.bites), style="bold red" if b.bites else ""))
        return table

    def _faults(self, tally, now):
        if not tally.faults:
            return Text("no fault under way", style="dim")
        text = Text("faults under way: ")
        for own_id, (name, since) in tally.faults.items():
            text.append(" %s %.0f s " % (name if name == own_id else "%s (%s)" % (own_id, name), (now - since) / 1000), style="bold white on dark_violet")
            text.append(" ")
        return text

    def _last(self, tally):
        table = Table.grid(padding=(0, 2))
        for t, who, text in tally.last:
            table.add_row(Text("%6.1f s" % (t / 1000), style="dim"), Text(who, style="dim"), Text(text, overflow="ellipsis", no_wrap=True))
        return table
