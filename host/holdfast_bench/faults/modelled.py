"""Faults that so far only the simulation can do: names, arguments and kinds for scenarios, without a mechanism of the bench.

A symptom that gets a mechanism on twins and real boards moves into a file of its own; that one then counts.
"""

from typing import Literal

from pydantic import Field

from ..errors import Cannot
from . import _CATALOGUE, Fault

Direction = Literal["up", "down", "both"]
Share = Field(ge=0, le=1)


class Modelled(Fault):
    def begin(self):
        raise Cannot("the fault %s works in the simulation only, so far" % self.name)

    def evidence(self):
        return None


def _modelled(name, fields=None, momentary=False, resets=False):
    args = type("Args", (Fault.Args,), {"__annotations__": {k: v[0] for k, v in (fields or {}).items()},
                                        **{k: v[1] for k, v in (fields or {}).items()}})
    _CATALOGUE.setdefault(name, type(name, (Modelled,), {"name": name, "Args": args, "momentary": momentary, "resets": resets}))


_modelled("dhcp_silent")
_modelled("wrong_password")
_modelled("dns_dead", {"how": (Literal["silent", "nxdomain", "servfail"], "silent")})
_modelled("one_way", {"direction": (Literal["up", "down"], "down")})
_modelled("loss", {"p": (float, Field(0.5, ge=0, le=1)), "correlation": (float, Field(0.25, ge=0, le=1)), "direction": (Direction, "both")})
_modelled("slow_link", {"delay_ms": (int, Field(400, ge=0, le=10_000)), "jitter_ms": (int, Field(200, ge=0, le=10_000))})
_modelled("reorder", {"p": (float, Field(0.1, ge=0, le=1)), "late_ms": (int, Field(50, ge=1, le=5000))})
_modelled("duplicates", {"p": (float, Field(0.1, ge=0, le=1))})
_modelled("rst", momentary=True)
_modelled("connack_withheld")
_modelled("acks_lost", {"times": (int, Field(-1, ge=-1))})
_modelled("acks_late", {"delay_ms": (int, Field(3000, ge=1, le=60_000))})
_modelled("login_refused", {"code": (int, Field(5, ge=1, le=5))})
_modelled("broker_hangs")
_modelled("broker_forgets_session", momentary=True)
_modelled("broker_kicks", {"after_ms": (int, Field(0, ge=0, le=60_000))})
_modelled("packet_cut", {"kind": (Literal["connack", "puback", "pubrec", "pubcomp", "pingresp", "publish"], "puback"), "at": (int, Field(1, ge=1, le=3))}, momentary=True)
_modelled("takeover", momentary=True)
_modelled("deauth", momentary=True)
_modelled("ap_moved", {"channel": (int, Field(11, ge=1, le=13))}, momentary=True)
_modelled("lease_changed", {"ip": (str, "10.73.0.99")}, momentary=True)
_modelled("power_cut_mid_write", {"at": (int, Field(-1, ge=-1, le=2048))}, momentary=True, resets=True)
_modelled("rtc_corrupt", {"bits": (int, Field(8, ge=1, le=16384))}, momentary=True, resets=True)
_modelled("reset", {"kind": (Literal["software", "en", "brownout", "panic", "task_wdt"], "en")}, momentary=True, resets=True)
_modelled("clock_set_back", {"seconds": (int, Field(3600, ge=1))}, momentary=True)
_modelled("clock_set", {"year": (int, Field(2026, ge=2000, le=2099))}, momentary=True)
_modelled("uart_noise", {"n": (int, Field(100, ge=1, le=10_000))}, momentary=True)
