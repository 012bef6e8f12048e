"""The broker loses every session while connections stand: after the next connect it says that it knows nothing."""

from . import fault
from ._hooks import HookFault


@fault("broker_forgets_session")
class BrokerForgetsSession(HookFault):
    momentary = True

    def begin(self):
        self.rig.hooks.forget()

    def evidence(self):
        return "sessions forgotten"
