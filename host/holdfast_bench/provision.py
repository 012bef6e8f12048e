"""The first configuration of a node, over serial: handed to the firmware that is on it, which checks it, tries it, and keeps it when a message gets through.

May use: the deployment's way to an idle prompt and its tools, pyserial. The secrets travel in a script, not on a command line.
"""

import json
import time

import serial

from .boards.serial import port_error, unopened
from .deploy.quiet import make_quiet
from .deploy.via import VIA
from .errors import BenchError

TRY_LIMIT_S = 240       # three starts of a minute each, and booting
OPEN_LIMIT_S = 15
KEPT = "kept"

_OFFER = """
try:
    from holdfast import set_up
except ImportError:
    print('bare')
else:
    try:
        set_up(%r)
        print('offered')
    except ValueError as e:
        print('refused', e)
"""


def provision(port, name, config, baud=115200, say=lambda text: None, limit_s=TRY_LIMIT_S):
    """Hands `config` (a dict, as in config.json) to the node at `port` and waits for what becomes of it: KEPT, or the node's words for why not; None: not known.

    Raises BenchError: nothing was changed then.
    """
    tool = VIA["mpremote"](port)
    say("stopping what runs on %s" % name)
    make_quiet(port, name, baud)
    say("handing the configuration over")
    told = (tool.run_private(_OFFER % (config,), "hand the configuration over").strip().splitlines() or [""])[-1]
    if told == "bare":
        raise BenchError("%s has no firmware that can be set up: `holdfast deploy --no-config` brings it" % name)
    if told.startswith("refused "):
        raise BenchError("%s does not take that configuration: %s" % (name, told.partition(" ")[2]))
    if told != "offered":
        raise BenchError("%s answered oddly: %s" % (name, told[:120] or "nothing"))
    tool.reset("start the node")
    say("the node tries it")
    return _outcome(port, baud, limit_s)


def _outcome(port, baud, limit_s):
    line, deadline, seen = _opened(port, baud), time.monotonic() + limit_s, b""
    try:
        while time.monotonic() < deadline:
            seen += line.read(256)
            *whole, seen = seen.split(b"\n")
            for text in whole:
                event = _event(text)
                if event.get("ev") == "config" and event.get("state") == KEPT:
                    return KEPT
                if b"set-up: Wi-Fi" in text:
                    return text.decode("utf-8", "replace").partition("provision. ")[2].strip() or "it is in set-up again"
            seen = seen[-4096:]
    except (serial.SerialException, OSError) as e:
        raise port_error(port, e) from None
    finally:
        line.close()
    return None


def _opened(port, baud):
    deadline = time.monotonic() + OPEN_LIMIT_S
    while True:
        line = unopened(port, baud, 0.1)
        try:
            line.open()
            return line
        except (serial.SerialException, OSError) as e:
            if time.monotonic() > deadline:
                raise port_error(port, e) from None
            time.sleep(0.2)


def _event(text):
    try:
        found = json.loads(text[text.rindex(b"\x1e") + 1:])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
