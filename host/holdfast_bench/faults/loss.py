"""Packets are lost at random; with correlation in bursts, as on a bad radio."""

from typing import Literal

from pydantic import Field

from . import fault
from ._air import MODEL, AirFault, Way


@fault("loss")
class Loss(AirFault):
    rule = "loss"
    how = MODEL

    class Args(AirFault.Args):
        p: float = Field(0.5, ge=0, le=1)  # share of packets lost
        correlation: float = Field(0.25, ge=0, lt=1)  # how much each draw takes after the one before
        direction: Literal["up", "down", "both"] = "both"  # up: from the board
        way: Way = None  # where the board has several paths: wifi, wifi1 or wifi2 (of one access point), lan, ppp; otherwise wifi
