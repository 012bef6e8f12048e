"""Connections that stand are reset, and new ones get no answer at all: every try to connect has to run into its time limit."""

from . import fault
from ._air import MODEL, AirFault


@fault("connect_timeout")
class ConnectTimeout(AirFault):
    needs = ("air", "network")
    rule = "connect_timeout"
    how = MODEL

    shows_within_ms = 20_000  # a node may wait before it tries again

    def settings(self):
        return {}

    def begin(self):
        super().begin()
        for network in self.each("network"):
            network.reset_flows()
