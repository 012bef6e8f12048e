"""Packets vanish in one direction only: the board hears and is not heard, or the other way round."""

from typing import Literal

from . import fault
from ._air import MODEL, AirFault


@fault("one_way")
class OneWay(AirFault):
    rule = "one_way"
    how = MODEL

    class Args(AirFault.Args):
        direction: Literal["up", "down"] = "down"  # which one vanishes; up: from the board
