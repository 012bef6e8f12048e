"""What all faults of the way between board and broker share: a rule for frames, shown by the frames it has hit."""

from typing import Literal, Optional

from . import Fault, all_of

Way = Optional[Literal["wifi", "wifi1", "wifi2", "lan", "ppp"]]  # where there are several: Wi-Fi (also of one access point only), the cable, or the modem

MODEL = {"sim": "a rule for every frame of the modelled air, drawn from the seed", "twin": "as in sim: real sockets begin behind it",
         "hil": "the packets between board and broker on this machine: [network] driver \"packets\", or, where packets only vanish, \"nftables\""}


class AirFault(Fault):
    """`rule` is the name of a rule in world/air.py; `settings()` its arguments."""

    needs = ("air",)
    rule = ""

    def settings(self):
        return self.args.model_dump(exclude={"way"})

    def begin(self):
        way = getattr(self.args, "way", None)
        self.hit = [air.on(way).add(self.rule, self.rng.getrandbits(31), **self.settings()) for air in self.each("air")]

    def end(self):
        for air, rule in zip(self.each("air"), self.hit):
            air.on(getattr(self.args, "way", None)).remove(rule)

    def evidence(self):
        return all_of(air.evidence(rule) for air, rule in zip(self.each("air"), self.hit))
