"""Somebody else connects under the node's name for a moment: the broker ends the node's connection."""

from . import fault
from ._hooks import HookFault


@fault("takeover")
class Takeover(HookFault):
    momentary = True

    def begin(self):
        self.hit = self.rig.hooks.kick()

    def evidence(self):
        return "%d connections ended" % self.hit if self.hit else None
