"""What every fault of the modelled world has: begin(), end() (not for momentary ones) and evidence(): text that shows that it took effect, or None for
now. May use: the rig."""


class Fault:
    group = None        # faults of one group share a state of the world: it is healed when the last of them ends

    def __init__(self, rig, own_id, args):
        self.rig, self.args = rig, args
        self.rng = rig.rng("fault " + own_id)
        self.lost_before = rig.air.lost

    def begin(self):
        pass

    def end(self):
        pass

    def evidence(self):
        return None

    def call_off(self):
        """Everything is healed: what still waits for its moment does not come any more."""
