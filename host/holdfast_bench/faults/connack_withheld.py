"""The broker accepts connections and never answers CONNECT."""

from . import fault
from ._hooks import HookFault


@fault("connack_withheld")
class ConnackWithheld(HookFault):
    hook, counter, shown, kicks = "withhold_connack", "held", "%d CONNECTs not answered", True
