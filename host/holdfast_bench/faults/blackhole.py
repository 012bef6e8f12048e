"""Packets vanish in both directions and nothing is closed. Flows that stood go on when it ends."""

from . import fault
from .refused import Refused


@fault("blackhole")
class Blackhole(Refused):
    mode = "blackhole"
