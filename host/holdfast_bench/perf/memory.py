"""What the memory of messages holds, costs and survives: density, one append and one acknowledgement, writes cut off, damage.

Costs on a chip are an estimate: time on this machine's interpreter, times what a round of a loop (plain/memory.py: calls, attributes, integers, a slice)
takes on the chip over what it takes here, plus the copy into RTC memory, at its slowest. One pystone takes as long as 7.2 rounds (measured on the unix port,
32 and 64 bit); an official build on an ESP32 at 240 MHz does 1661 of them a second (micropython#5673; own builds have been seen that do 1075).
"""

import json
import subprocess

from .. import checkout
from ..choices import choices
from ..errors import BenchError
from ..mpy import world_and_chip
from .figures import Figure
from .sizes import PLAIN, package

LIMIT_S = 300
ROUND_ESP32_US = 1_000_000 / 1661 / 7.2
COPY_MS = 0.6
BLOCK = 2048
TESTS = checkout.ROOT / "tests" / "firmware"


def measure(said=lambda text: None):
    said("RTC memory")
    figures = costs()
    for what in ("rtc", "damage", "littlefs", "fat"):
        said("cutting writes off: %s" % what if what != "damage" else "damaging memory")
        figures.append(survives(what))
    return figures


def _run(program, what, *folders, heap_kb=None):
    path = ":".join(str(p) for p in (*folders, package("written"), choices().umqtt))
    heap = ["-X", "heapsize=%dk" % heap_kb] if heap_kb else []
    done = subprocess.run([*choices().twin.command, *heap, str(PLAIN / program), what, path], capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode:
        raise BenchError("%s: the measurement failed: %s" % (program, (done.stderr.strip().splitlines() or ["no message"])[-1]))
    return done.stdout


def costs():
    lines = _run("memory.py", "", PLAIN) + _run("wake.py", "", PLAIN)
    found = {(word, int(size)): float(value) for word, size, value in (line.split() for line in lines.splitlines())}
    bits = choices().twin.bits
    factor = ROUND_ESP32_US / found["round", 0]

    def estimate(name, word, copies, how):
        ms = found[word, 20] * factor / 1000 + copies * COPY_MS
        return Figure(name, round(ms, 1), "%s: %.1f µs here × %d, and the copy, %d × %g ms" % (how, found[word, 20], factor, copies, COPY_MS))

    def density(size, payload):
        return Figure("rtc_messages_%db" % size, int(found["kept", size]), "one topic, one a second, resume record included; JSON lines of number, time, topic, QoS, "
                      "retain flag and value: %d in as many bytes" % json_lines(payload))

    return [density(2, 21.5), density(4, "21.5"), density(20, "x" * 20),
            Figure("append_us", int(found["append", 20]), "publish into RTC memory, %d-bit interpreter on this machine" % bits),
            estimate("append_esp32_ms", "append", 1, "into RTC memory with room"),
            estimate("append_full_esp32_ms", "full", 2, "into full RTC memory, the oldest given up for it"),
            estimate("ack_esp32_ms", "ack", 1, "until it survives a reset"),
            Figure("wake_esp32_ms", round(found["wake", 0] * factor / 1000), "import, one sample taken over, to deep sleep: %d µs here × %d; before it the chip starts Python "
                   "in some 0.3 s, and reads the modules from flash unless they are frozen" % (found["wake", 0], factor)),
            Figure("append_heap_bytes", int(found["heap", 20]), "allocated by one append, to 60 messages in memory"),
            Figure("append_growth_bytes", int(found["growth", 20]), "what one append allocates with 60 messages there beyond what it does with 10")]


def json_lines(payload):
    """How many messages fit into the block as JSON lines without a blank, with what R30 wants kept of each, and without any record of the node's."""
    line = {"i": 1234, "t": 1763735404000, "topic": "sensor/temp", "q": 1, "r": 0, "p": payload}
    return BLOCK // len(json.dumps(line, separators=(",", ":")) + "\n")


def survives(what):
    """Faults of a sample of the exhaustive tests: accepted messages lost, damaged ones delivered, crashes."""
    name = "cut_%s_faults" % what if what != "damage" else "damage_faults"
    if not TESTS.is_dir():
        return Figure(name, None, "there are no tests beside this package")
    # Two lives side by side, and the tests compiled in place.
    line = _run("tears.py", what, TESTS, world_and_chip(), heap_kb=300)
    _, faults, how = line.strip().split(" ", 2)
    return Figure(name, int(faults), how)
