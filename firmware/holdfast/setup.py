# setup.py - the first set-up of a node without configuration: an access point with a page, or `holdfast provision` over serial. What comes goes through
# trial like any configuration: kept by the first message that gets through; otherwise the node is back here and says why. Loaded when there is none.
# May import: asyncio, json, machine, network, os, time, config and trial (for the check), portal.   Time: ticks.   Blocks: for scans (2.5 s) and flash.
from asyncio import run as run_loop, sleep_ms
from json import dumps, load as parse
import machine
from micropython import const
import network
import os
from time import ticks_diff, ticks_ms

from .portal import Portal, escaped
from .trial import check

ADDRESS = "192.168.4.1"
FACTORY = "factory.json"  # what the page does not ask for
_LIMIT_S = const(60)  # of a start with the new configuration
_IDLE_MS = const(600000)  # without a request, after which the chip begins anew
_MOST_MS = const(3600000)
_WATCHDOG_MS = const(30000)
_TURN_MS = const(250)
_AFTER_MS = const(1500)  # until the page that says so has arrived
_NAMES_MAX = const(12)
# Why the last configuration was not kept, as trial notes it.
_WHY = {
    "wifi": "The network could not be joined. Is the key right, and the network in range?",
    "auth": "The network was joined, but the broker refuses the name or the password.",
    "dns": "The network was joined, but nobody knows the broker's name.",
    "refused": "The network was joined, but nothing listens at the broker's address and port.",
    "tls": "The network was joined, but the broker's certificate is not accepted.",
}
_OTHER = "The network was joined, but the broker does not answer."
_STYLE = "<style>body{font:16px sans-serif;max-width:26em;margin:1em auto;padding:0 1em}input{width:100%;font-size:16px;padding:.4em;margin:.2em 0 1em;box-sizing:border-box}b{color:#b00}</style>"
_HEAD = '<!doctype html><html><head><meta name=viewport content="width=device-width"><title>Holdfast</title>' + _STYLE + "</head><body><h1>Holdfast</h1>"
# name, label, type, whether it must be there
_FIELDS = (
    ("ssid", "Wi-Fi network", "text", True),
    ("key", "Its key", "password", False),
    ("host", "Broker: address or name", "text", True),
    ("port", "Port (1883)", "number", False),
    ("user", "User at the broker", "text", False),
    ("password", "Password at the broker", "password", False),
    ("id", "Name of this node", "text", False),
)


# A configuration is offered: it is checked as a whole, and tried from the next start on. The caller resets the chip. Raises ValueError; the text has no secrets.
def offer(given, source="config.json"):
    if _there(source):
        raise ValueError("there is a configuration; change it with `holdfast config`")
    new = _factory()
    for name in given:
        new[name] = given[name]
    check(new)
    _remove(source + ".why")
    _remove(source + ".try")
    with open(source + ".log", "w") as f:
        f.write(dumps({"id": "setup", "limit_s": _LIMIT_S}) + "\n")
    with open(source + ".new", "w") as f:
        f.write(dumps(new))
    os.rename(source + ".new", source + ".try")


# What a form says, as a configuration. Raises ValueError that names the field.
def configuration(fields):
    for name, label, _, needed in _FIELDS:
        if needed and not fields.get(name):
            raise ValueError(label + ": is needed")
    port = fields.get("port") or "1883"
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("Port: a number from 1 to 65535")
    broker = {"host": fields["host"].strip(), "port": int(port)}
    if fields.get("user"):
        broker["user"] = fields["user"]
        broker["password"] = fields.get("password") or ""
    given = {"wifi": [{"ssid": fields["ssid"]}], "brokers": [broker]}
    if fields.get("key"):
        given["wifi"][0]["key"] = fields["key"]
    if fields.get("id"):
        given["id"] = fields["id"]
    return given


def _there(path):
    try:
        return os.stat(path)
    except OSError:
        return None


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def _factory():
    try:
        with open(FACTORY) as f:
            return parse(f)
    except (OSError, ValueError):
        return {}


# Why the last one was not kept; "" when there was none.
def failure(source="config.json"):
    try:
        with open(source + ".why") as f:
            joined, code = parse(f)
    except (OSError, ValueError):
        return "The last configuration ended in a reset three times." if _there(source + ".try") else ""
    return _WHY.get(code, _OTHER) if joined else _WHY["wifi"]


# Never returns: the chip is reset when something was offered, and when nobody came for long. key: of the access point; None: an open one, as suits a node that
# is set up within a few minutes on a desk.
def run(source="config.json", key=None):
    run_loop(Setup(source, key).run())


class Setup:
    def __init__(self, source, key):
        self._source = source
        self._why = failure(source)
        self._names = []
        self.name = "holdfast-" + "".join(["%02x" % b for b in machine.unique_id()[-3:]])
        self._key = key

    async def run(self):
        watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        self._scan()
        watchdog.feed()
        ap = network.WLAN(network.AP_IF)
        ap.active(True)
        if self._key:
            ap.config(ssid=self.name, key=self._key, security=3)
        else:
            ap.config(ssid=self.name, security=0)
        print("set-up: Wi-Fi %s, http://%s/, or holdfast provision. %s" % (self.name, ADDRESS, self._why))
        portal = Portal(self._page, self._take, ADDRESS)
        began = ticks_ms()
        while not portal.taken:
            watchdog.feed()
            await sleep_ms(_TURN_MS)
            now = ticks_ms()
            if ticks_diff(now, portal.last) > _IDLE_MS or ticks_diff(now, began) > _MOST_MS:
                break
        await sleep_ms(_AFTER_MS)
        ap.active(False)
        machine.reset()

    # Names of the networks in range, for the form. None is no reason for anything: they can be typed.
    def _scan(self):
        try:
            wlan = network.WLAN(network.STA_IF)
            wlan.active(True)
            for found in wlan.scan():
                name = str(found[0], "utf-8")
                if name and name not in self._names and len(self._names) < _NAMES_MAX:
                    self._names.append(name)
            wlan.active(False)
        except (OSError, RuntimeError, UnicodeError):
            pass

    def _page(self, wrong=""):
        yield _HEAD
        yield "<p>%s is not set up yet.</p>" % self.name
        if wrong or self._why:
            yield "<p><b>%s</b></p>" % escaped(wrong or self._why)
        yield "<form method=post action=/>"
        for name, label, kind, needed in _FIELDS:
            yield "<label>%s<input name=%s type=%s%s%s autocomplete=off></label>" % (label, name, kind, " required" if needed else "", " list=n" if name == "ssid" else "")
        yield "<datalist id=n>"
        for name in self._names:
            yield '<option value="%s">' % escaped(name)
        yield "</datalist><input type=submit value=Save></form></body></html>"

    def _take(self, fields):
        try:
            offer(configuration(fields), self._source)
        except ValueError as e:
            return "".join(self._page(str(e))), False
        return _HEAD + "<p>Saved. The node now tries it, for a minute at most. If it works, this access point stays away; if not, it comes back and says why.</p></body></html>", True
