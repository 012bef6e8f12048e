"""The rig of a run: its boards, and the drivers that break their world. Faults and the executor know nothing else.

A driver that is not there is an honest answer: `check` tells before the run what a plan needs and the rig lacks.
"""

from dataclasses import dataclass, field
from typing import Any, Callable

from .errors import Cannot
from .faults import catalogue

# What a fault may need of a rig, and what to say when a board has nobody for it.
ABILITIES = {
    "wifi": "nobody here can switch its access point: give the board file a [wifi] driver",
    "ap": "its access point cannot be changed from here: run it on a twin or in the simulation",
    "cable": "it has no Ethernet, or nobody here can pull its cable: run it on a twin or in the simulation, with `lan` in `world`",
    "modem": "it has no modem, or nobody here can take it away: run it on a twin or in the simulation, with `modem` in `world`",
    "dns": "its name server is not ours: run it on a twin or in the simulation",
    "network": "nothing stands between it and the broker that could keep packets back: let the board file start the broker here (driver \"mosquitto\" or \"builtin\"), or give it the [network] driver \"nftables\"",
    "air": "nothing here sees its single packets: give the board file the [network] driver \"packets\", or run it on a twin or in the simulation",
    "power": "nobody here can switch its power: give the board file a [power] driver",
    "lines": "nobody here can reset it in this way: give the board file the [power] driver \"rts\" (for `en`), or run it on a twin or in the simulation",
    "memory": "its RTC memory cannot be reached from outside: run it on a twin or in the simulation",
    "flash": "its flash cannot be cut off from outside: run it on a twin or in the simulation",
    "clock": "its clock cannot be reached from outside: run it on a twin or in the simulation",
}
_OURS = {
    "broker": "the broker is not ours to stop (use --broker mosquitto or builtin)",
    "hooks": "that happens inside the broker, and only the built-in one has hooks for it (use --broker builtin)",
}


@dataclass
class Rig:
    boards: dict = field(default_factory=dict)  # name → boards.adapter.Board
    wifi: dict = field(default_factory=dict)  # name → away(), back(), evidence()
    power: dict = field(default_factory=dict)  # name → off(), on(), evidence()
    ap: dict = field(default_factory=dict)  # name → the access point from the inside, see drivers/twin.py
    cable: dict = field(default_factory=dict)  # name → pull(), plug(), evidence()
    modem: dict = field(default_factory=dict)  # name → remove(), put_back(), set_signal(on), gone(), deaf()
    dns: dict = field(default_factory=dict)  # name → set_mode(mode), mode(), move_broker(listed)
    network: dict = field(default_factory=dict)  # name → set_mode(mode), forget_flows(), reset_flows(), evidence(what)
    air: dict = field(default_factory=dict)  # name → on(way) → add(rule, seed, …), remove(…), evidence(…), and maybe cannot(fault, args)
    lines: dict = field(default_factory=dict)  # name → reset(kind), resets()
    memory: dict = field(default_factory=dict)  # name → writes(), tear(at), corrupt(bits)
    flash: dict = field(default_factory=dict)  # name → cut(at), cuts()
    clock: dict = field(default_factory=dict)  # name → set(seconds), set_back(seconds)
    hooks: Any = None  # drivers/broker_hooks.py; None when the broker has none
    common: dict = field(default_factory=dict)  # ability → why it hits every board of the run, never some
    broker: Any = None  # stop(), kill(), start(), answers(), address; None when it is not ours to stop
    switch_on: Callable[[], None] = lambda: None  # begins the run: cold start of every board

    # publish(board, topic, payload, qos, retain): a message from the broker's side
    publish: Callable[..., None] = None
    # update(action): serves new firmware over the air, as an action of the plan says
    update: Callable[..., None] = None
    # setup(action): a phone joins the access point of boards without configuration, as an action of the plan says
    setup: Callable[..., None] = None

    def fault(self, name, boards, args, rng):
        """The fault of that name for these boards, not yet begun."""
        return catalogue()[name](self, boards, args, rng)

    def check(self, plan):
        """Raises Cannot naming the first fault of the plan that this rig cannot make, and what is missing."""
        for action in plan["actions"]:
            if action["do"] == "fault":
                self.check_fault(action["fault"], action["boards"], action["args"])

    def check_fault(self, name, boards, args=None):
        """Raises Cannot when the fault cannot be made for these boards."""
        for need in catalogue()[name].needs:
            lacking = [b for b in boards if need in ABILITIES and b not in getattr(self, need)]
            if need in _OURS and getattr(self, need) is None:
                raise Cannot("fault %s cannot be made here: %s" % (name, _OURS[need]))
            if lacking:
                raise Cannot("fault %s cannot be made for %s: %s" % (name, lacking[0], ABILITIES[need]))
            if need in self.common and len(boards) < len(self.boards):
                raise Cannot("fault %s cannot be made for %s alone: %s" % (name, " and ".join(boards), self.common[need]))
        if "air" in catalogue()[name].needs:
            for board in boards:
                why = getattr(self.air[board], "cannot", lambda *_: None)(name, args or {})
                if why:
                    raise Cannot("fault %s cannot be made for %s: %s" % (name, board, why))
