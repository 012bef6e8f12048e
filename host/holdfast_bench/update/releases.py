"""Bundles for trying: the firmware as it is under another version, or broken, or badly signed, on purpose. Scenarios and tests use them."""

from ..deploy import bundle as deployed
from . import signing

NO_KEY = "no key in the configuration"

# What main.py begins with instead.
BROKEN = {
    "import": "raise ImportError('broken on purpose')\n",
    "hang": "import time\nwhile True:\n    time.sleep_ms(50)\n",
    "reset": "import machine\nmachine.reset()\n",
    "deaf": "import machine, time\nw = machine.WDT(timeout=60000)\nwhile True:\n    w.feed()\n    time.sleep_ms(200)\n",
}


def bundle(wanted, key, firmware=None):
    """The bytes of a bundle as the action `update` of a plan wants it: version, broken, damage, allow_downgrade, ballast."""
    files = deployed.firmware_files(firmware)
    if wanted.get("broken"):
        files["/main.py"] = BROKEN[wanted["broken"]].encode()
    else:
        files["/main.py"] += b"# %s\n" % wanted["version"].encode()
    if wanted.get("ballast"):
        files["/lib/ballast.bin"] = bytes(i * 31 % 251 for i in range(wanted["ballast"]))
    damage = wanted.get("damage")
    if damage == "path":
        files["/config.json.try"] = b"{}"
    made = signing.make(files, wanted["version"], "some-other-key-of-somebody" if damage == "signature" else key or NO_KEY, wanted.get("allow_downgrade", False)).data
    if damage == "content":
        middle = made.rindex(b"# %s" % wanted["version"].encode()) if not wanted.get("broken") else len(made) - 3
        made = made[:middle] + bytes((made[middle] ^ 1,)) + made[middle + 1:]
    return made
