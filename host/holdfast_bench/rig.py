"""The rig of a run: its boards, and the drivers that break their world. Faults and the executor know nothing else.

A driver that is not there is an honest answer: `check` tells before the run what a plan needs and the rig lacks.
"""

from dataclasses import dataclass, field
from typing import Any, Callable

from .errors import Cannot
from .faults import catalogue

_NOBODY = {
    "wifi": "nobody here can switch its access point: give the board file a [wifi] driver",
    "power": "nobody here can switch its power: give the board file a [power] driver",
    "network": "nothing stands between it and the broker that could swallow packets: run it on a twin",
}


@dataclass
class Rig:
    boards: dict = field(default_factory=dict)  # name → boards.adapter.Board
    wifi: dict = field(default_factory=dict)  # name → away(), back(), is_away()
    power: dict = field(default_factory=dict)  # name → off(), on(), is_off()
    network: dict = field(default_factory=dict)  # name → set_mode(mode), forget_flows(), evidence(what)
    broker: Any = None  # stop(), kill(), start(), answers(), address; None when it is not ours to stop
    switch_on: Callable[[], None] = lambda: None  # begins the run: cold start of every board

    def check(self, plan):
        """Raises Cannot naming the first fault of the plan that this rig cannot make, and what is missing."""
        for action in plan["actions"]:
            if action["do"] != "fault":
                continue
            for need in catalogue()[action["fault"]].needs:
                if need == "broker" and self.broker is None:
                    raise Cannot("fault %s cannot be made here: the broker is not ours to stop (use --broker mosquitto or builtin)" % action["fault"])
                lacking = [b for b in action["boards"] if need in _NOBODY and b not in getattr(self, need)]
                if lacking:
                    raise Cannot("fault %s cannot be made for %s: %s" % (action["fault"], lacking[0], _NOBODY[need]))
