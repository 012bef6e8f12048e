"""What a probe printed, line by line, and how two such transcripts differ: in values, exceptions, their order, and the order of times.

A line `name: value  [t ms]` is a result; a line of numbers is an instant of a sequence; everything else is text. Pure: text in, divergences out.
"""

import datetime
import difflib
import re
from dataclasses import dataclass

SLACK_MS = 60           # the emulation computes slower than the chip, and other things than the fakes cost it time
SLACK = 0.2

CUT = 390               # values were cut at 400 characters
CLOCK_SLACK_S = 40      # between two steps the emulation took its time

_RESULT = re.compile(r"(.*?): (.*?)  \[(\d+\.\d+) ms\]$")
# What only the boot loader says, and differs between emulation, chip and chip.
_NOISE = re.compile(r"(\[host|>>> ?$|$|configsip|clk_drv|mode:|load:|entry 0x|Type \"help|MPY: soft reboot$)")
_TIME = re.compile(r"(?<=^\()\d+(?=, )|(?<=\[\()\d+(?=, )|(?<=, \()\d+(?=, )|(?<=\) \()\d+(?=, )|^\d+(?= )|\d+(?= ?ms)|(?<=ms )\d+|(?<=ms', )\d+"
                   r"|(?<=\bt=)\d+|(?<= False )\d+$")
_PLAIN = (
    (re.compile(r"\bat [0-9a-f]{6,16}\b"), "at …"),                        # where an object lies
    (re.compile(r"(0x[0-9a-fA-F]{8}(:0x[0-9a-fA-F]{8})?(?: |$))+"), "…"),    # backtraces, registers
    (re.compile(r"boot:0x1[0-9a-f]"), "boot:0x1…"),                         # strapping pins
    (re.compile(r"(?<=, )-\d\d(?=, \d+, False)|(?<=^rssi: )-\d\d"), "-…"),   # signal strength
    (re.compile(r"\((?=\d+\) task_wdt)\d+"), "(…"),                         # time since the start
    (re.compile(r"\"/?(?:[^\"]*/)?lab_sim\.py\""), '"<stdin>"'),
)
_CLOCK = re.compile(r"\((2\d{3}), (\d+), (\d+), \d, (\d+), (\d+), (\d+), (\d+)\)$")       # RTC.datetime()
_GMTIME = re.compile(r"\((2\d{3}), (\d+), (\d+), (\d+), (\d+), (\d+), \d, \d+\)$")
_CONSTANT = re.compile(r"[A-Za-z.]*[A-Z]\w* -?\d+$")
# Readings of a clock: any whole number will do; those with a time to compare stand in _MS.
_READINGS = ("ticks", "ticks_ms", "ticks_us", "ticks_cpu", "time", "time.time", "time_ns", "ticks after", "fileno")
_MS = re.compile(r"(alive\b|.*\b(ok|alive at \d+|without WDT)$)")


@dataclass(frozen=True)
class Line:
    key: str            # what the line is about: lines of two transcripts with equal keys belong together
    value: str          # what has to be equal
    times: tuple        # ms; what has to be about equal
    text: str
    clock_s: float | None = None    # the date it shows, as seconds
    names: frozenset | None = None  # of a dir(): what the chip has


def read(text):
    """[Line] of a transcript, as recorded or as a lab prints it."""
    lines, constants = [], []
    for raw in text.replace("\r", "").split("\n"):
        raw = raw[5:] if raw.startswith("   | ") else raw
        line = raw.strip()
        if _NOISE.match(line):
            continue
        if _CONSTANT.match(line):
            constants.append(Line(line.partition(" ")[0], line, (), line))  # their order is that of a hash table
            continue
        lines += sorted(constants, key=lambda one: one.key)
        constants = []
        lines.append(_line(line))
    return lines + sorted(constants, key=lambda one: one.key)


def _line(text):
    plain = text
    for pattern, instead in _PLAIN:
        plain = pattern.sub(instead, plain)
    result = _RESULT.match(plain)
    if not result:
        if plain.startswith("errno.errorcode "):
            plain = "errno.errorcode " + _listed(plain.partition(" ")[2])
        shape = _TIME.sub("…", plain)
        return Line(re.sub(r"\d+", "#", shape), shape, tuple(float(n) for n in _TIME.findall(plain)), text)
    name, value, took = result.groups()
    key = _TIME.sub("…", name)
    clock = None
    if "datetime" in name:
        clock = _CLOCK.match(value)
    elif name in ("localtime", "gmtime", "localtime +2"):
        clock = _GMTIME.match(value)
    times = [float(n) for n in _TIME.findall(value)] + [float(took)]
    value = _listed(_TIME.sub("…", value))
    if clock:
        year, month, day, hour, minute, second = map(int, clock.groups()[:6])
        return Line(key, "", tuple(times), text, clock_s=datetime.datetime(year, month, day, hour, minute, second).timestamp())
    if re.search(r"\b(dir|methods)\b", name) and value.startswith("["):
        return Line(key, "", (), text, names=frozenset(n for n in re.findall(r"'(\w+)'", value) if not n.startswith("__")))
    if name in _READINGS and value.isdigit():
        value = "…"
    elif _MS.match(name) and value.isdigit():
        times, value = [float(value), *times], "…"
    return Line(key, value, tuple(times), text)


def _listed(value):
    """A scan's rows come in the order of noise, a table's entries in that of a hash."""
    if value.startswith("{"):
        return ", ".join(sorted(value.strip("{}").split(", ")))
    return ", ".join(sorted(re.findall(r"\(b'.*?False\)", value))) if value.startswith("[(b'") else value


@dataclass(frozen=True)
class Divergence:
    kind: str           # value, time, missing (the chip prints it, the fake does not), extra
    key: str
    chip: str
    fake: str

    def __str__(self):
        return "%-7s %s\n          chip: %s\n          fake: %s" % (self.kind, self.key, self.chip[:220], self.fake[:220])


def compare(chip, fake, slack_ms=SLACK_MS, slack=SLACK):
    """[Divergence] of two lists of Line. Times may differ by slack_ms or, if that is more, by the part `slack`."""
    found = []
    matcher = difflib.SequenceMatcher(None, [line.key for line in chip], [line.key for line in fake], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for one, other in zip(chip[a:b], fake[c:d]):
                found += _differ(one, other, slack_ms, slack)
        else:
            found += [Divergence("missing", line.key, line.text, "") for line in chip[a:b]]
            found += [Divergence("extra", line.key, "", line.text) for line in fake[c:d]]
    return found


def _differ(chip, fake, slack_ms, slack):
    if chip.names is not None and fake.names is not None:
        missing = chip.names - fake.names
        return [Divergence("value", chip.key, "has " + ", ".join(sorted(missing)), "lacks them")] if missing else []
    if chip.clock_s is not None and fake.clock_s is not None:
        return [] if abs(chip.clock_s - fake.clock_s) <= CLOCK_SLACK_S else [Divergence("value", chip.key, chip.text, fake.text)]
    same = chip.value == fake.value or len(chip.value) >= CUT and fake.value.startswith(chip.value)
    if not same or len(chip.times) != len(fake.times):
        return [Divergence("value", chip.key, chip.text, fake.text)]
    if any(abs(a - b) > max(slack_ms, slack * max(a, b)) for a, b in zip(chip.times, fake.times)):
        return [Divergence("time", chip.key, chip.text, fake.text)]
    return []
