"""The catalogue told to people: what each fault is, its arguments, how it is made in each place, and what that needs."""

import inspect
import re
import sys
from dataclasses import dataclass

from . import catalogue

PLACES = ("sim", "twin", "hil")


@dataclass(frozen=True)
class Argument:
    name: str
    default: str
    about: str


@dataclass(frozen=True)
class Description:
    name: str
    symptom: str
    kind: str  # "lasts", "momentary"; with "resets" when the board starts again
    arguments: tuple
    how: dict  # place → mechanism, "" where it cannot be made
    needs: tuple


def describe():
    """Every fault of the catalogue, by name."""
    return [_description(name, cls) for name, cls in catalogue().items()]


def markdown():
    """The table of docs/faults.md."""
    lines = []
    for d in describe():
        lines += ["### `%s`" % d.name, "", "%s *(%s)*" % (d.symptom, d.kind), ""]
        lines += ["* `%s = %s`%s" % (a.name, a.default, " – " + a.about if a.about else "") for a in d.arguments]
        lines += [""] if d.arguments else []
        lines += ["| place | how |", "|---|---|"]
        lines += ["| %s | %s |" % (place, d.how[place] or "–") for place in PLACES] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _description(name, cls):
    symptom = " ".join((sys.modules[cls.__module__].__doc__ or cls.__doc__ or "").split())
    kind = ("momentary" if cls.momentary else "lasts") + (", resets the board" if cls.resets else "") + (", hits every board" if cls.together else "")
    return Description(name, symptom, kind, tuple(_arguments(cls.Args)), {p: cls.how.get(p, "") for p in PLACES}, tuple(cls.needs))


def _arguments(model):
    comments = dict(re.findall(r"^\s+(\w+): [^#\n]*#\s*(.*)$", _source(model), re.M))
    for name, field in model.model_fields.items():
        default = '"%s"' % field.default if isinstance(field.default, str) else str(field.default)
        yield Argument(name, default, comments.get(name, ""))


def _source(model):
    try:
        return inspect.getsource(model)
    except (OSError, TypeError):
        return ""
