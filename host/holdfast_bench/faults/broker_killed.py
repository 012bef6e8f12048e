"""The broker's process is killed: nothing is closed in good order, what it had not saved is gone. Started again at the end."""

from . import fault
from .broker_stopped import BrokerStopped


@fault("broker_killed")
class BrokerKilled(BrokerStopped):
    how = {"sim": "the modelled broker forgets its sessions", "twin": "SIGKILL to the broker of the run, and a new process at the end",
           "hil": "as on a twin, when the board file starts the broker here"}

    def stop(self):
        self.broker.kill()
