# safe.py - a node that starts again and again and gets nowhere keeps still for a while: prompt reachable, radio off, messages untouched.
# May import: machine, errors; the node is handed in.   Time: ticks.   Blocks: for safe_s, on purpose; Ctrl-C gets to the prompt.
# Loaded when it comes to that.
from time import sleep_ms, ticks_diff, ticks_ms
import machine

from .errors import GRAVE

_CAUSES = ("unknown", "power", "hard", "watchdog", "deep sleep", "soft")  # by reset_cause()


# Comes back when it is time for one more try. quick: starts in a row that got nowhere. causes: of the last four starts, errors: of the four lives
# that they ended; a nibble each, the newest lowest.
# The watchdog is not armed, and nothing feeds one: only a soft reset leaves it armed, and the radio on.
def hold(node, quick, causes, errors):
    if node.cause == machine.SOFT_RESET:
        machine.reset()
    for_s = node.config["safe_s"]
    told = {"on": True, "starts": quick, "for_s": for_s, "causes": [], "errors": []}
    for shift in (12, 8, 4, 0):
        cause = causes >> shift & 15
        if cause:
            told["causes"].append(_CAUSES[min(cause, 5)])
        error = errors >> shift & 15
        if 0 < error <= len(GRAVE):
            told["errors"].append(GRAVE[error - 1])
    node.held = "safe mode for %d s after %d quick starts: %s; %s" % (for_s, quick, ", ".join(told["causes"]), ", ".join(told["errors"]) or "no error on record")
    node.emit("safe", told)
    if node.config["console"]:
        print(node.held + ". Ctrl-C: prompt")
    began = ticks_ms()
    while ticks_diff(ticks_ms(), began) < for_s * 1000:
        sleep_ms(1000)
    node.emit("safe", {"on": False})
