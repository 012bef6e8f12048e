"""The access point's password is another one now: stations are thrown out and cannot join again until it ends."""

from . import Fault, fault


@fault("wrong_password")
class WrongPassword(Fault):
    needs = ("ap",)
    how = {"sim": "the modelled access point gets another key and throws its stations out", "twin": "as in sim"}

    def begin(self):
        for ap in self.each("ap"):
            ap.change_key()

    def end(self):
        for ap in self.each("ap"):
            ap.restore_key()

    def evidence(self):
        return "the access point has another password" if all(ap.has_other_key() for ap in self.each("ap")) else None
