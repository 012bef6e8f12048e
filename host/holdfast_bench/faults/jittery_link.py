"""Delays vary as on a real link, with a long tail and losses in bursts: LTE, a busy Wi-Fi channel, an uplink with a full buffer."""

from typing import Literal

from . import fault
from ._air import MODEL, AirFault, Way


@fault("jittery_link")
class JitteryLink(AirFault):
    rule = "jittery_link"
    how = MODEL

    class Args(AirFault.Args):
        profile: Literal["lte", "wifi", "bloat"] = "lte"  # round trips of 45, 6, 165 ms in the median; world/air.py has the distributions
        way: Way = None  # where the board has several paths: wifi, wifi1 or wifi2 (of one access point), lan, ppp; otherwise wifi
