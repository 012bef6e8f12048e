"""Makes a signed bundle of firmware files, and the keys for it. Knows the format; nothing of brokers or nodes.

boot.py and the configuration stay out of it: the one brings the old firmware back, the other is each node's own.
"""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ..deploy import bundle as deployed
from ..errors import BenchError
from ..world.pieces import MAGIC, SIGNATURE

MPY_VERSION = 6
KEY_MIN, KEY_MAX = 16, 64


@dataclass(frozen=True)
class Made:
    data: bytes
    version: str
    files: dict     # path on the board → bytes


def make(files, version, key, allow_downgrade=False):
    """The bundle that holds `files` (path on the board → bytes) as `version` ("1.2.0"), signed with `key` (text). Raises BenchError."""
    parts = version.split(".")
    if len(version) > 31 or not all(p.isascii() and p.isdigit() for p in parts):
        raise BenchError("version %r: numbers with dots between them, such as 1.2.0" % version)
    files = {**{at: data for at, data in files.items() if at not in ("/boot.py", deployed.CONFIG_AT)}, deployed.RELEASE_AT: version.encode() + b"\n"}
    header = {"ver": version, "mpy": MPY_VERSION if any(at.endswith(".mpy") for at in files) else None, "down": bool(allow_downgrade)}
    lines = [json.dumps(header)] + ["%s %d %s" % (hashlib.sha256(data).hexdigest(), len(data), at) for at, data in sorted(files.items())]
    body = "".join(line + "\n" for line in lines).encode()
    head = len(MAGIC) + 18 + len(body) + SIGNATURE
    signed = MAGIC + b"%08d %08d\n" % (head, head + sum(map(len, files.values()))) + body
    signature = hmac.new(checked(key).encode(), signed, hashlib.sha256).hexdigest().encode() + b"\n"
    return Made(signed + signature + b"".join(data for _, data in sorted(files.items())), version, files)


def of_checkout(key, version=None, firmware=None, as_source=False, allow_downgrade=False):
    """A bundle of the firmware in a folder (None: the checkout's). version: None takes that of the package. Raises BenchError."""
    files = deployed.firmware_files(firmware, as_source)
    files[deployed.UMQTT_AT] = deployed.umqtt_file()
    return make(files, version or package_version(firmware), key, allow_downgrade)


def package_version(firmware=None):
    from .. import checkout

    return json.loads((Path(firmware or checkout.FIRMWARE) / "package.json").read_text())["version"]


def checked(key):
    if not KEY_MIN <= len(key.encode()) <= KEY_MAX:
        raise BenchError("an update key has %d to %d bytes, this one %d" % (KEY_MIN, KEY_MAX, len(key.encode())))
    return key


def new_key(path):
    """A random key in a file that nobody else may read, as the setting `update_key` takes it. Raises BenchError when the file is there already."""
    key = secrets.token_hex(16)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            f.write(key + "\n")
    except FileExistsError:
        raise BenchError("%s is there already: nodes in the field may know it" % path) from None
    except OSError as e:
        raise BenchError("cannot write %s: %s" % (path, e.strerror)) from None
    return key


def read_key(path):
    """Raises BenchError that says how to make one."""
    try:
        return checked(Path(path).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        raise BenchError("there is no %s: `holdfast bundle --new-key %s` makes one" % (path, path)) from None
    except (OSError, UnicodeDecodeError) as e:
        raise BenchError("cannot read the key %s: %s" % (path, e)) from None
