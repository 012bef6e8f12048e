# events.py - what the parts tell the node, and it tells on: events for the application's handlers and the console, errors, messages given up.
# May import: console, errors, lives; block is handed in.   Time: none.   Blocks: never.
import sys
from micropython import const

from .errors import severity
from .lives import complain

_DROPS = const(106)  # in the resume record: accepted messages given up since the block was formatted, modulo 2**16
_DROPS_FORM = const(">H")


# A Node is one.
class Events:
    # block: has a place for what is to be known after a reset. cfg: checked settings (console).
    def __init__(self, cfg, block):
        self.config = cfg
        self._block = block
        self._handlers = []
        self._console = None

    # Calls handler(name, fields) for every event: state, link, drop, err, ... Usable as a decorator.
    def on_event(self, handler):
        self._handlers.append(handler)
        return handler

    # Hands an event to the application's handlers and to the console. fields: a dict.
    def emit(self, name, fields):
        for handler in self._handlers:
            try:
                handler(name, fields)
            except Exception as e:
                if name != "err":  # else that would go round in circles
                    self._app_error(e)
        if self.config["console"]:
            if not self._console:
                from .console import Console

                self._console = Console(self)
            fields["ev"] = name
            self._console.emit(fields)

    # A line for the log (R37): an event `log`, and a message on the topic `log` where the configuration wants it.
    # level: INFO, WARN, ERROR or FATAL. More fields as they please.
    def log(self, level, text, **fields):
        fields["sev"] = level
        fields["msg"] = text
        self.emit("log", fields)

    # kind: one of errors.py. cause: what is known of it, text or an object.
    def error(self, kind, cause):
        complain(self._block, kind)
        self.emit("err", {"code": kind, "sev": severity(kind), "msg": str(cause)})

    # An exception that the application has not caught.
    def _app_error(self, e):
        from io import StringIO

        text = StringIO()
        sys.print_exception(e, text)
        self.emit("err", {"code": "app", "sev": "ERROR", "msg": repr(e)[:100], "trace": text.getvalue()[-160:]})

    def _task_died(self, loop, context):
        self._app_error(context["exception"])

    # The outbox has given n messages up, from number `first` on (0: one that was not accepted), of boot epoch `epoch` (None: this one).
    # A report that a reset cuts off is made good by the sum in the next boot event.
    def _dropped(self, first, n, why, epoch):
        if first:
            self._block.poke(_DROPS, _DROPS_FORM, self._given_up() + n & 0xFFFF)
        fields = {"i": first, "n": n, "why": why}
        if epoch is not None and epoch != self._block.epoch:
            fields["b"] = epoch
        self.emit("drop", fields)

    def _given_up(self):
        return self._block.peek(_DROPS, _DROPS_FORM)[0]

    # The watchdog misses a task; late_ms None: that has ended.
    def _starved(self, beat, late_ms):
        self.emit("starve", {"task": beat.name, "late_ms": late_ms})
        self.error("starved", beat.name)
        self._block.commit()
