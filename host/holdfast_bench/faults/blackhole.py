"""Packets vanish in both directions and nothing is closed. Flows that stood go on when it ends."""

from . import fault
from .refused import RELAY, Refused


@fault("blackhole")
class Blackhole(Refused):
    mode = "blackhole"
    how = {"sim": "every frame vanishes", "twin": "as in sim",
           "hil": "nftables on this machine drops the board's packets (needs root); without it %s keeps everything back, which is a stall" % RELAY}
