"""The broker closes every connection soon after it has accepted it."""

from pydantic import Field

from . import fault
from ._hooks import HookFault


@fault("broker_kicks")
class BrokerKicks(HookFault):
    hook, counter, shown, kicks = "kick", "kicked", "%d connections closed", True

    class Args(HookFault.Args):
        after_ms: int = Field(0, ge=0, le=60_000)  # after CONNACK
