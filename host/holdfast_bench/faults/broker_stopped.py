"""The broker is stopped in good order (its sessions saved, connections closed) and started again at the end."""

from pydantic import Field

from . import Fault, fault


@fault("broker_stopped")
class BrokerStopped(Fault):
    needs = ("broker",)
    together = True
    how = {"sim": "the modelled broker keeps its sessions and closes", "twin": "SIGTERM to the broker of the run, and a new process at the end",
           "hil": "as on a twin, when the board file starts the broker here (not with an external one)"}

    class Args(Fault.Args):
        which: int = Field(0, ge=0, le=9)  # where a run has several brokers: 1 is the preferred one; 0: all of them

    def begin(self):
        self.broker = self.rig.broker.pick(self.args.which)
        self.stop()

    def stop(self):
        self.broker.stop()

    def end(self):
        self.broker.start()

    def evidence(self):
        return None if self.broker.answers() else "nothing listens at %s:%d" % self.broker.address
