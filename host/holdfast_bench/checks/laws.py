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
        """Events `ev` of sources of this kind ("board", "chip", "broker", "bench"), in order; not to be changed."""
        return self._by_name.get((kind, ev)) or []

    @cached_property
    def _by_name(self):
        found = {}
        for e in self.events:
            found.setdefault((e["src"].partition("/")[0], e["ev"]), []).append(e)
        return found

    def action(self, own_id):
        """The action of the plan that a bench event belongs to; empty for one that the plan does not know."""
        return self._actions.get(own_id, {})

    @cached_property
    def _actions(self):
        return {a["id"]: a for a in self.plan.get("actions", [])}


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
