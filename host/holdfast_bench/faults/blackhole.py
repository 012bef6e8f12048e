"""Packets vanish in both directions and nothing is closed. Flows that stood go on when it ends."""

from . import fault
from .refused import RELAY, Refused


@fault("blackhole")
class Blackhole(Refused):
    mode = "blackhole"
    how = {"sim": "every frame vanishes", "twin": "as in sim",
           "hil": RELAY + " keeps everything back: a stall, for TCP towards the board stays alive; with nftables packets are dropped"}
