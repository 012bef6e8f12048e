"""Drill files: tests/drills/*.toml, checked. Knows files and the schema only."""

import difflib
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import checkout
from ..errors import BenchError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = checkout.SCENARIOS.parent / "drills"


class Drill(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)  # what it is for
    scenarios: list[str] = Field(min_length=1)  # names, files or folders, as for `holdfast run`
    boards: list[str] = []  # places; otherwise those given with --board
    seeds: list[int] = Field(default=[1], min_length=1)


def known(folder=None):
    """{name: file} of the drills there are, sorted."""
    return {p.stem: p for p in sorted(Path(folder or FOLDER).glob("*.toml"))}


def find(name, folder=None):
    """(name, Drill): by name, or a file of one's own. Raises BenchError."""
    path = Path(name)
    if path.suffix != ".toml":
        files = known(folder)
        if name not in files:
            close = difflib.get_close_matches(name, files, 1)
            raise BenchError("there is no drill %r%s; there are: %s" % (name, " (did you mean %r?)" % close[0] if close else "", ", ".join(files)))
        path = files[name]
    try:
        return path.stem, Drill.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as e:
        raise BenchError("cannot read drill %s: %s" % (path, e)) from None
    except tomllib.TOMLDecodeError as e:
        raise BenchError("%s: not valid TOML: %s" % (path, e)) from None
    except ValidationError as e:
        first = e.errors()[0]
        raise BenchError("%s: `%s`: %s" % (path, ".".join(map(str, first["loc"])), first["msg"].lower())) from None
