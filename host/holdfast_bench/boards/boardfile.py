"""Board files: one TOML per kind of board, checked; an error names file, field and remedy.

Knows /boards and the schema; nothing of ports, drivers or running. Adding a board is adding a file.
"""

import difflib
import ipaddress
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


# Who switches the access point during a run. What each driver does is told in its file, drivers/….


class Ask(Strict):
    driver: Literal["ask"] = "ask"      # whoever sits in front of the terminal


class Device(Strict):
    driver: Literal["device"]           # the firmware switches its own radio off: the last resort


class Command(Strict):
    driver: Literal["command"]
    off: str = Field(min_length=1)      # shell commands
    on: str = Field(min_length=1)
    check: str | None = None            # status 0 while it is on, 1 while it is off


class HostapdSocket(Strict):
    driver: Literal["hostapd"]
    interface: str = Field(min_length=1)        # "wlan0"
    control: str = "/run/hostapd"       # ctrl_interface in hostapd's configuration


class NetworkManager(Strict):
    driver: Literal["nmcli"]
    connection: str = Field(min_length=1)       # the hotspot's name


class OpenWrtRouter(Strict):
    driver: Literal["openwrt"]
    router: str = Field(pattern=r"^[^-\s]\S*$")      # "root@192.168.1.1", or a host of ~/.ssh/config
    radio: str | None = Field(default=None, pattern=r"^\w+$")     # "radio0"; otherwise all


# Who switches the power.


class NoPower(Strict):
    driver: Literal["none"] = "none"


class Rts(Strict):
    driver: Literal["rts"]              # EN through the USB bridge


class UsbHub(Strict):
    driver: Literal["uhubctl"]
    hub: str = Field(pattern=r"^\d+(-\d+(\.\d+)*)?$")      # "1-1.4", as uhubctl lists it
    port: int = Field(ge=1, le=32)


Wifi = Annotated[Ask | Device | Command | HostapdSocket | NetworkManager | OpenWrtRouter, Field(discriminator="driver")]
Power = Annotated[NoPower | Rts | Command | UsbHub, Field(discriminator="driver")]


class Broker(Strict):
    """Which broker a run on this board uses: `external` is the one in the secrets file; the others are started here."""

    driver: Literal["external", "mosquitto", "builtin"] = "external"
    listen: str = "0.0.0.0"  # for a broker started here; the board has to reach this machine
    port: int = Field(default=1883, ge=1, le=65535)


class Network(Strict):
    """What stands between the board and the broker's port on this machine: drivers/relay.py, nftables.py, packets.py."""

    driver: Literal["relay", "nftables", "packets"] = "relay"
    address: str | None = None  # the board's as this machine sees it; otherwise what it says itself. Behind a router that translates: the router's

    @field_validator("address")
    @classmethod
    def an_address(cls, value):
        try:
            return value if value is None else str(ipaddress.IPv4Address(value))
        except ValueError:
            raise ValueError("%r is no IPv4 address" % value) from None


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
    wifi: Wifi = Ask()
    power: Power = NoPower()
    network: Network = Network()
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
        raise BenchError("%s: %s" % (path, _in_words(e.errors()[0]))) from None


def _in_words(error):
    """The first thing that is wrong, with what to do about it."""
    loc = [str(p) for p in error["loc"]]
    drivers = [t for t in (Ask, Device, Command, HostapdSocket, NetworkManager, OpenWrtRouter, NoPower, Rts, UsbHub)
               if loc[0] in ("wifi", "power") and loc[1:2] == [t.model_fields["driver"].annotation.__args__[0]]]
    if drivers:
        driver = loc.pop(1)
    field, kind = ".".join(loc), error["type"]
    if kind == "missing":
        return "`%s` is missing%s; docs/bench.md and the other files of boards/ show what belongs there" % (
            field, " for driver %r" % driver if drivers else "")
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(loc[-1], list((drivers or [BoardFile])[0].model_fields), 1)
        return "unknown field `%s`%s%s" % (field, " for driver %r" % driver if drivers else "", " (did you mean `%s`?)" % close[0] if close else "")
    if kind == "union_tag_invalid":
        return "`%s.driver`: there is no driver %r, only %s" % (field, error["ctx"]["tag"], error["ctx"]["expected_tags"])
    if kind == "union_tag_not_found":
        return "`%s.driver` is missing: say who switches it" % field
    if kind == "value_error":
        return "`%s`: %s" % (field, error["ctx"]["error"])
    return "`%s`: %s, not %r" % (field, error["msg"].lower().replace("input ", ""), error["input"])
