"""The broker's acknowledgements are late."""

from pydantic import Field

from . import fault
from ._hooks import HookFault


@fault("acks_late")
class AcksLate(HookFault):
    hook = "delay_acks"

    class Args(HookFault.Args):
        delay_ms: int = Field(3000, ge=1, le=60_000)

    def evidence(self):
        return "every acknowledgement is late by %d ms" % self.args.delay_ms if self.rig.hooks.count("delay_ms") else None
