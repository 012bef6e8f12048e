"""Reads scenario files: finds them by name, parses TOML, checks the schema, and says file, line and remedy when wrong.

Knows files and the fault catalogue's names and arguments; nothing of boards or running.
"""

import difflib
import re
import sys
from pathlib import Path

from pydantic import ValidationError

from .. import checkout
from ..checks.result import ENERGY, NUMBERS
from ..errors import BenchError
from ..faults import catalogue
from .parameters import ParameterError, fill_in
from .schema import Scenario

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def library(folder=None):
    """The files of the scenario library (or of `folder`), sorted by name."""
    return sorted(Path(folder or checkout.SCENARIOS).glob("*.toml"))


def regressions():
    """The files of what campaigns have found and was mended, kept beside the library and sorted by name."""
    return library(checkout.REGRESSIONS)


def find(wanted):
    """Files meant by one SCENARIO argument: a name in the library, a file, or a folder of files. Raises BenchError."""
    path = Path(wanted)
    if path.is_dir():
        files = library(path)
        if not files:
            raise BenchError("%s holds no scenario (*.toml)" % wanted)
        return files
    if path.suffix == ".toml":
        if path.is_file():
            return [path]
        raise BenchError("there is no scenario file %s" % wanted)
    names = {f.stem: f for f in (*regressions(), *library())}
    if wanted in names:
        return [names[wanted]]
    raise BenchError("there is no scenario %r%s; `holdfast scenarios` lists them" % (wanted, _did_you_mean(wanted, names)))


def load(path, parameters=None):
    """The checked scenario in a file, with {name: value} for its parameters. Raises BenchError: file, line, what is wrong, what would be right."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise BenchError("cannot read scenario %s: %s" % (path, e)) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        line = re.search(r"at line (\d+)", str(e))
        raise BenchError("%s:%s: not valid TOML: %s" % (path, line.group(1) if line else "?", e)) from None
    try:
        raw, values = fill_in(raw, parameters)
        scenario = Scenario.model_validate(raw).model_copy(update={"parameters": values})
        for index, step in enumerate(scenario.step):
            _check_faults(step, ("step", index))
        for name in scenario.verdict:
            if name not in NUMBERS + ENERGY:
                raise _Wrong(("verdict", name), "the result has no number %r%s" % (name, _did_you_mean(name, NUMBERS + ENERGY)))
    except ValidationError as e:
        first = _most_telling(e.errors())
        raise BenchError(_sentence(path, text, first["loc"], _plain(first))) from None
    except (_Wrong, ParameterError) as e:
        raise BenchError(_sentence(path, text, e.place, str(e))) from None
    return scenario


def parameters_of(path):
    """{name: value} of the parameters a file declares, by default. Raises BenchError as load() does."""
    return load(path).parameters


class _Wrong(Exception):
    def __init__(self, place, text):
        self.place = place
        super().__init__(text)


def _check_faults(step, place):
    """The step's fault and those inside it."""
    if step.fault is not None:
        _check_fault(step, place)
    for index, inner in enumerate(step.step):
        _check_faults(inner, (*place, "step", index))


def _check_fault(step, place):
    known = catalogue()
    if step.fault not in known:
        raise _Wrong((*place, "fault"), "there is no fault %r%s; there are: %s"
                     % (step.fault, _did_you_mean(step.fault, known), ", ".join(sorted(known))))
    try:
        known[step.fault].Args.model_validate(step.model_extra)
    except ValidationError as e:
        first = e.errors()[0]
        raise _Wrong((*place, *first["loc"]), "fault %s: %s" % (step.fault, _plain(first, known[step.fault].Args))) from None
    if step.for_s is not None and known[step.fault].momentary:
        raise _Wrong((*place, "for_s"), "fault %s happens at one instant and takes no `for_s`" % step.fault)


def _is_branch(part):
    """pydantic puts the branch of a union into the place of an error; the file knows nothing of it."""
    return isinstance(part, str) and (part == "constrained-float" or part.endswith(("Range", "Range]")))


def _most_telling(errors):
    """The first error; where a time may be a number or a range, the one about what was written."""
    first = errors[0]
    if first["loc"] and _is_branch(first["loc"][-1]) and isinstance(first["input"], dict) and len(errors) > 1:
        first = errors[1]
    return {**first, "loc": tuple(p for p in first["loc"] if not _is_branch(p))}


def _plain(error, model=Scenario):
    """pydantic's finding in the words of the file."""
    key = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        for part in error["loc"][:-1]:
            model = _inner(model, part)
        names = list(model.model_fields) if model else []
        return "unknown key `%s`%s" % (key, _did_you_mean(str(key), names) or ("; possible: " + ", ".join(names) if names else ""))
    if error["type"] == "missing":
        return "`%s` is missing" % key
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return "`%s`: %s, not %r" % (key, error["msg"].lower().replace("input ", ""), error["input"])


def _inner(model, part):
    """The model of a sub-table, for naming its possible keys; None when it is not one of ours."""
    field = getattr(model, "model_fields", {}).get(part) if isinstance(part, str) else None
    if field is None:
        return model
    args = getattr(field.annotation, "__args__", None)
    inner = args[-1] if args else field.annotation
    return inner if hasattr(inner, "model_fields") else None


def _did_you_mean(word, names):
    close = difflib.get_close_matches(word, [str(n) for n in names], 1)
    return " (did you mean %r?)" % close[0] if close else ""


def _sentence(path, text, place, what):
    return "%s:%d: %s" % (path, line_of(text, place), what)


def line_of(text, place):
    """The line (from 1) where the key at `place` stands, such as ("step", 2, "at_s"); its table's line when it is not there."""
    lines = text.splitlines()
    begin, end = 0, next((i for i, s in enumerate(lines) if s.lstrip().startswith("[")), len(lines))
    place, table = list(place), ""
    while place and isinstance(place[0], str):
        name = "%s.%s" % (table, place[0]) if table else place[0]
        nth = place[1] if len(place) > 1 and isinstance(place[1], int) else 0
        # The nth of its kind inside the table found so far: a nested one begins behind its outer one's header.
        found = _header(lines, name, nth, begin if table else 0)
        if found is None:
            break
        table, begin = name, found
        end = next((i for i in range(begin + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
        place = place[2:] if len(place) > 1 and isinstance(place[1], int) else place[1:]
    for key in place:
        if isinstance(key, str):
            for i in range(begin, end):
                if re.match(r"\s*[\"']?%s[\"']?\s*=" % re.escape(key), lines[i]):
                    return i + 1
    return begin + 1


def _header(lines, table, nth, start):
    """Index of the nth header of `table` from line `start` on, written [table] or [[table]]."""
    hits = [i for i, s in enumerate(lines) if i >= start and re.match(r"\s*\[\[?\s*%s\s*\]" % re.escape(str(table)), s)]
    return hits[nth] if nth < len(hits) else None
