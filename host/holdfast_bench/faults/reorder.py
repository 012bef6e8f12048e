"""Some packets are late, and others overtake them."""

from pydantic import Field

from . import fault
from ._air import MODEL, AirFault


@fault("reorder")
class Reorder(AirFault):
    rule = "reorder"
    how = MODEL

    class Args(AirFault.Args):
        p: float = Field(0.1, ge=0, le=1)  # share of packets that are late
        late_ms: int = Field(50, ge=1, le=5000)
