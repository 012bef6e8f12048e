"""The broker's next packet of one kind ends in the middle, and the connection with it."""

from typing import Literal

from pydantic import Field

from . import fault
from ._hooks import HookFault


@fault("packet_cut")
class PacketCut(HookFault):
    hook, counter, shown = "cut_packet", "cut", "%d packets cut"
    momentary = True

    class Args(HookFault.Args):
        kind: Literal["connack", "puback", "pubrec", "pubcomp", "pingresp", "publish"] = "puback"
        at: int = Field(1, ge=1, le=3)  # bytes that are sent
