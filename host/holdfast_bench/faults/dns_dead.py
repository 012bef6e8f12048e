"""The name server fails: it keeps silent, knows no names, answers that it cannot, or somebody forges its answers."""

from typing import Literal

from . import Fault, fault


@fault("dns_dead")
class DnsDead(Fault):
    needs = ("dns",)
    how = {"sim": "the modelled name server", "twin": "as in sim"}

    class Args(Fault.Args):
        how: Literal["silent", "nxdomain", "servfail", "forged"] = "silent"

    def begin(self):
        for dns in self.each("dns"):
            dns.set_mode(self.args.how)

    def end(self):
        for dns in self.each("dns"):
            dns.set_mode("ok")

    def evidence(self):
        return "the name server is %s" % self.args.how if all(dns.mode() == self.args.how for dns in self.each("dns")) else None
