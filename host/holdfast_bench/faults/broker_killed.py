"""The broker's process is killed: nothing is closed in good order, what it had not saved is gone. Started again at the end."""

from . import fault
from .broker_stopped import BrokerStopped


@fault("broker_killed")
class BrokerKilled(BrokerStopped):
    def begin(self):
        self.rig.broker.kill()
