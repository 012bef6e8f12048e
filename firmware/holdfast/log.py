# log.py - the node's log as messages on the topic `log`, one JSON object a line (R37). Loaded where the setting `log` is not "none".
# May import: json, bell; the node is handed in.   Time: stamps, through the node's clock.   Blocks: never.
#
# Lines wait in RAM while the node is offline, the newest ones; a flood of them is cut short, and says so.
from json import dumps
from micropython import const

from .bell import Bell

LEVELS = ("INFO", "WARN", "ERROR", "FATAL")
_KEPT = const(8)
_BURST = const(20)  # lines in a minute
_MINUTE = const(600)  # stamps
# event: service, level (None: its own)
_SERVICES = {"err": ("link", None), "drop": ("outbox", "ERROR"), "ladder": ("link", "WARN"), "starve": ("watchdog", "FATAL"), "link": ("wifi", "INFO"),
             "state": ("link", "INFO"), "receiver": ("app", "WARN"), "boot": ("node", "INFO"), "log": ("app", None)}


class Log:
    # level: the lowest that counts.
    def __init__(self, node, level):
        self._node = node
        self._level = LEVELS.index(level)
        self._bell = Bell()
        self._lines = []
        self._left_out = self._told = self._since = 0
        node.on_event(self._heard)

    # What is heard may be about a message that is being taken over right now, so the lines go out later.
    def _heard(self, name, fields):
        if name in _SERVICES:
            service, level = _SERVICES[name]
            level = level or fields.get("sev", "INFO")
            if LEVELS.index(level) >= self._level:
                self._add(self._line(name, service, level, fields))
        self._bell.ring()

    def _line(self, name, service, level, fields):
        node = self._node
        line = {"lvl": level, "svc": service, "ev": name}
        for key in fields:
            if key not in ("ev", "t", "sev"):
                line[key] = fields[key]
        if "i" in line:
            line["tr"] = "%s:%d:%d" % (node.id, node.outbox.block.epoch, line["i"])
        line["at"] = node.clock.stamp()
        return line

    def _add(self, line):
        now = line["at"]
        if now - self._since > _MINUTE:
            self._since = now
            self._told = 0
        if self._told < _BURST:
            self._told += 1
            self._lines.append(line)
            if len(self._lines) > _KEPT:
                self._lines.pop(0)
                self._left_out += 1
        else:
            self._left_out += 1

    async def run(self):
        node = self._node
        while True:
            await self._bell.wait(60000)
            while self._lines and node.state == "online" and not node.stopping:
                line = self._lines.pop(0)
                line["at"] = node.clock.text(line["at"])
                if self._left_out:
                    line["left_out"] = self._left_out
                    self._left_out = 0
                text = dumps(line)
                if len(text) > node.longest:
                    text = dumps({"lvl": line["lvl"], "svc": line["svc"], "ev": line["ev"], "msg": str(line.get("msg"))[:40]})
                node.publish("log", text)
