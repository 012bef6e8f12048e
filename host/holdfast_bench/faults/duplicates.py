"""Some packets arrive twice."""

from pydantic import Field

from . import fault
from ._air import MODEL, AirFault


@fault("duplicates")
class Duplicates(AirFault):
    rule = "duplicates"
    how = MODEL

    class Args(AirFault.Args):
        p: float = Field(0.1, ge=0, le=1)  # share of packets that arrive twice
