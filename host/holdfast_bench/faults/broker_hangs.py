"""The broker hangs: its port accepts, and it reads and answers nothing."""

from . import fault
from ._hooks import HookFault


@fault("broker_hangs")
class BrokerHangs(HookFault):
    hook = "stop_reading"

    def evidence(self):
        return "the broker reads nothing" if self.rig.hooks.count("deaf") else None
