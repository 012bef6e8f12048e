"""What belongs on a board: paths on the board → bytes. Knows firmware/, the umqtt folder and the files for configuration.

Secrets come from secrets.json, which git ignores, and go into config.json on the board and nowhere else.
"""

import json
from pathlib import Path

from .. import checkout, mpy
from ..choices import choices
from ..errors import BenchError

PACKAGE_AT = "/lib/holdfast"
UMQTT_AT = "/lib/umqtt/simple.py"
CONFIG_AT = "/config.json"
FACTORY_AT = "/factory.json"       # settings of a node that is to be set up
RELEASE_AT = "/release"             # the version, where the firmware came over the air
FOR_BUILDS = ("manifest.py",)      # in the firmware's folder, but not for the board


def firmware_files(folder=None, as_source=False):
    """boot.py, main.py, the other modules beside them, and the package, compiled unless `as_source`: a chip that compiles at every start needs its heap for that.

    Raises BenchError when the folder holds no firmware, or a file does not compile.
    """
    folder = Path(folder or checkout.FIRMWARE)
    package = folder / "holdfast"
    missing = [str(p) for p in (folder / "boot.py", folder / "main.py", package / "__init__.py") if not p.is_file()]
    if missing:
        raise BenchError("%s holds no firmware (%s is missing)" % (folder, missing[0]))
    if not as_source:
        try:
            package = mpy.firmware(package)[0]
        except mpy.CompileError as e:
            raise BenchError("the firmware does not compile: %s" % e) from None
    files = {"/" + p.name: p for p in sorted(folder.glob("*.py")) if p.name not in FOR_BUILDS}  # boot.py, main.py, and what else an application consists of
    files.update(("%s/%s" % (PACKAGE_AT, p.name), p) for p in sorted(package.iterdir()) if p.suffix in (".py", ".mpy"))
    return {at: path.read_bytes() for at, path in files.items()}


def umqtt_file():
    """umqtt.simple for boards that have it not frozen in."""
    return (choices().umqtt / "umqtt" / "simple.py").read_bytes()


def make_config(secrets, overrides, example=None):
    """config.json as bytes: the firmware's example, then secrets, then overrides; later ones win."""
    config = read_json(example or checkout.FIRMWARE / "config.example.json", "the example configuration")
    return json.dumps(merged(merged(config, secrets), overrides), indent=1).encode()


def blank(config):
    """What a node has of that configuration (bytes) before its first set-up, as the bytes of its factory.json: all that the page does not ask for."""
    return json.dumps({name: value for name, value in json.loads(config).items() if name not in ("wifi", "brokers", "id")}).encode()


def read_secrets(path=None):
    """The secrets file. Raises BenchError saying how to make one."""
    path = Path(path or checkout.SECRETS)
    if not path.exists():
        raise BenchError("there is no %s: copy secrets.example.json to it and fill in Wi-Fi and broker (git ignores it)" % path)
    secrets = read_json(path, "the secrets file")
    for field in ("wifi", "brokers"):
        if not isinstance(secrets.get(field), list) or not secrets[field]:
            raise BenchError("%s: `%s` has to be a list with at least one entry, as in secrets.example.json" % (path, field))
    return secrets


def read_json(path, what):
    """A JSON object. Raises BenchError with file, line and column."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise BenchError("cannot read %s (%s): %s" % (path, what, getattr(e, "strerror", None) or e)) from None
    except ValueError as e:
        raise BenchError("%s:%d: not valid JSON: %s (column %d)" % (path, e.lineno, e.msg, e.colno)) from None
    if not isinstance(value, dict):
        raise BenchError("%s: has to be a JSON object, {…}" % path)
    return value


def merged(base, over):
    """`over` on top of `base`: tables field by field, lists of tables entry by entry, everything else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{k: merged(base[k], v) if k in base else v for k, v in over.items()}}
    if isinstance(base, list) and isinstance(over, list) and over and all(isinstance(i, dict) for i in base + over):
        # The example's first entry stands for all: what an entry does not say (a port) is taken from there.
        return [merged(base[min(i, len(base) - 1)], entry) if base else entry for i, entry in enumerate(over)]
    return over
