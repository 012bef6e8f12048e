"""What a law is: a pure function over one case (history, ledger, plan) that adds numbers and findings to the result."""

from dataclasses import dataclass
from functools import cached_property

from .ledger import Ledger
from .result import Finding

LAWS = []


@dataclass(frozen=True)
class Case:
    events: list
    ledger: Ledger
    plan: dict

    def of(self, kind, ev):
        """Events `ev` of sources of this kind ("board", "chip", "broker", "bench"), in order."""
        return [e for e in self._by_name.get(ev, ()) if e["src"].partition("/")[0] == kind]

    @cached_property
    def _by_name(self):
        found = {}
        for e in self.events:
            found.setdefault(e["ev"], []).append(e)
        return found

    def action(self, own_id):
        """The action of the plan that a bench event belongs to; empty for one that the plan does not know."""
        return next((a for a in self.plan.get("actions", []) if a["id"] == own_id), {})


@dataclass
class Outcome:
    numbers: dict
    findings: list


def law(check):
    """Registers `check(case) -> Outcome` under its name. A law that raises makes the verdict unknown, never good."""
    LAWS.append(check)
    return check


def found(check_name, verdict, text, t=None, ids=()):
    return Finding(check_name, verdict, text, t, tuple(ids))
