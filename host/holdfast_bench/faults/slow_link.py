"""Every packet takes longer, and some of them much longer."""

from pydantic import Field

from . import fault
from ._air import MODEL, AirFault, Way


@fault("slow_link")
class SlowLink(AirFault):
    rule = "slow_link"
    how = MODEL

    class Args(AirFault.Args):
        delay_ms: int = Field(400, ge=0, le=10_000)  # more, one way
        jitter_ms: int = Field(200, ge=0, le=10_000)  # and up to this on top, uniformly drawn
        way: Way = None  # where the board has several paths: wifi, wifi1 or wifi2 (of one access point), lan, ppp; otherwise wifi
