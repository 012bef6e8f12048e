"""The broker is stopped in good order (its sessions saved, connections closed) and started again at the end."""

from . import Fault, fault


@fault("broker_stopped")
class BrokerStopped(Fault):
    needs = ("broker",)

    def begin(self):
        self.rig.broker.stop()

    def end(self):
        self.rig.broker.start()

    def evidence(self):
        return None if self.rig.broker.answers() else "nothing listens at %s:%d" % self.rig.broker.address
