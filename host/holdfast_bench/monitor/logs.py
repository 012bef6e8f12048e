"""The monitor's own log (R37): one JSON object a line, or plain lines for a person at a terminal. Never holds a secret."""

import json
import sys
import threading
import time
from datetime import datetime, timezone

LEVELS = ("debug", "info", "warning", "error")
SERVICE = "holdfast-monitor"
BURST = 200         # lines a second; what is beyond is counted and told


class Log:
    """stream: where to write. plain: for people. level: the least one that is written."""

    def __init__(self, stream=None, plain=False, level="info"):
        self._stream = stream or sys.stderr
        self._plain, self._least = plain, LEVELS.index(level)
        self._lock = threading.Lock()
        self._second, self._lines, self._left_out = 0, 0, 0

    def write(self, level, message, trace=None, **fields):
        if LEVELS.index(level) < self._least:
            return
        now = time.time()
        with self._lock:
            if int(now) != self._second:
                left_out, self._second, self._lines, self._left_out = self._left_out, int(now), 0, 0
                if left_out:
                    self._line(now, "warning", "lines left out", None, {"count": left_out})
            self._lines += 1
            if self._lines > BURST and level != "error":
                self._left_out += 1
                return
            self._line(now, level, message, trace, fields)

    def _line(self, now, level, message, trace, fields):
        stamp = datetime.fromtimestamp(now, timezone.utc)
        if self._plain:
            rest = " ".join("%s=%s" % (k, _short(v)) for k, v in fields.items() if v not in (None, ""))
            text = "%s %-7s %s%s" % (stamp.astimezone().strftime("%H:%M:%S"), level, message, "  " + rest if rest else "")
        else:
            text = json.dumps({"time": stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "level": level, "service": SERVICE,
                               "message": message, **({"trace": trace} if trace else {}), **fields}, ensure_ascii=False, default=str)
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass        # nobody reads it any more; that is no reason to stop collecting

    def debug(self, message, **fields):
        self.write("debug", message, **fields)

    def info(self, message, **fields):
        self.write("info", message, **fields)

    def warning(self, message, **fields):
        self.write("warning", message, **fields)

    def error(self, message, **fields):
        self.write("error", message, **fields)


def _short(value):
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text.isprintable() else text
