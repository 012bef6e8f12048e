"""The broker takes messages and does not acknowledge them."""

from pydantic import Field

from . import fault
from ._hooks import HookFault


@fault("acks_lost")
class AcksLost(HookFault):
    hook, counter, shown = "drop_acks", "dropped", "%d acknowledgements not sent"

    class Args(HookFault.Args):
        count: int = Field(-1, ge=-1)  # so many; -1: all, until it ends

    def settings(self):
        return {"times": self.args.count}
