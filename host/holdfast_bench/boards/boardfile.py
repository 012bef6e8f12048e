"""Board files: one TOML per kind of board, checked; an error names file, field and remedy.

Knows /boards and the schema; nothing of ports, drivers or running. Adding a board is adding a file.
"""

import difflib
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .. import checkout
from ..errors import BenchError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Places that are no file: they need no hardware.
VIRTUAL = ("sim", "twin")
CHIPS = ("esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wifi(Strict):
    """Who switches the access point. `ask` asks whoever sits in front of the terminal."""

    driver: Literal["ask", "command"] = "ask"
    off: str | None = None  # shell commands, for driver "command"
    on: str | None = None
    check: str | None = None  # ends with status 0 while the access point is on the air


class Power(Strict):
    """Who switches the power. `rts` pulses EN through the USB bridge, which the chip takes for power-on."""

    driver: Literal["none", "rts", "command"] = "none"
    off: str | None = None
    on: str | None = None


class Broker(Strict):
    """Which broker a run on this board uses: `external` is the one in the secrets file; the others are started here."""

    driver: Literal["external", "mosquitto", "builtin"] = "external"
    listen: str = "0.0.0.0"  # for a broker started here; the board has to reach this machine
    port: int = Field(default=1883, ge=1, le=65535)
    host: str | None = None  # this machine's address as the board sees it; found by itself when there is only one


class BoardFile(Strict):
    title: str = Field(min_length=1)
    chip: Literal["esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6"]
    image: str = Field(min_length=1)  # MicroPython's image names begin with this, then "-<date>-v<version>.bin"
    image_url: str = "https://micropython.org/download/"
    flash_offset: int = Field(ge=0, lt=1 << 24)
    flash_mb: int = Field(default=4, ge=2, le=64)
    flash_baud: int = Field(default=460800, ge=9600)
    usb_ids: list[Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]] = Field(min_length=1)
    repl: Literal["uart", "usb-serial-jtag", "usb-cdc"]
    baud: int = Field(default=115200, ge=9600)
    reset: Literal["classic", "usb", "button"]  # how tools reset it: DTR/RTS to EN and IO0; the chip's own USB; by hand
    notes: list[str] = []  # what surprises people, shown by `holdfast boards NAME` and after errors
    wifi: Wifi = Wifi()
    power: Power = Power()
    broker: Broker = Broker()

    @field_validator("flash_offset")
    @classmethod
    def on_a_sector(cls, value):
        if value % 0x1000:
            raise ValueError("0x%x is not on a 4096-byte sector" % value)
        return value


def known(folder=None):
    """{name: BoardFile} of every board file, by name in sorted order. Raises BenchError for the first that is wrong."""
    return {path.stem: load(path) for path in sorted(Path(folder or checkout.BOARDS).glob("*.toml"))}


def find(name, folder=None):
    """The board file `name`. Raises BenchError: which names there are."""
    files = {p.stem: p for p in sorted(Path(folder or checkout.BOARDS).glob("*.toml"))}
    if name not in files:
        names = [*VIRTUAL, *files]
        close = difflib.get_close_matches(name, names, 1)
        raise BenchError("there is no board %r%s; there are: %s (`holdfast boards` shows them)" % (
            name, " (did you mean %r?)" % close[0] if close else "", ", ".join(names)))
    return load(files[name])


def load(path):
    """One checked board file. Raises BenchError naming file, field and remedy."""
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise BenchError("cannot read board file %s: %s" % (path, e)) from None
    except tomllib.TOMLDecodeError as e:
        raise BenchError("%s: not valid TOML: %s" % (path, e)) from None
    try:
        return BoardFile.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        if first["type"] == "missing":
            what = "`%s` is missing; docs and the other files of boards/ show what belongs there" % field
        elif first["type"] == "extra_forbidden":
            close = difflib.get_close_matches(str(first["loc"][-1]), list(BoardFile.model_fields), 1)
            what = "unknown field `%s`%s" % (field, " (did you mean `%s`?)" % close[0] if close else "")
        elif first["type"] == "value_error":
            what = "`%s`: %s" % (field, first["ctx"]["error"])
        else:
            what = "`%s`: %s, not %r" % (field, first["msg"].lower().replace("input ", ""), first["input"])
        raise BenchError("%s: %s" % (path, what)) from None
