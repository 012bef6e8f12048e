"""Programs of this machine's network that want to be root: where they are, and how they are run – as root, or by `sudo` without a password.

May use: tools. Each call has a time limit; what they say is in the error.
"""

import os
import shutil
import subprocess

from .. import tools
from ..choices import BUILD
from ..errors import BenchError

LIMIT_S = 15


def find(program):
    """Path of a program in the folders of the administrator (not on an ordinary user's PATH), else the one set-up unpacked for the tests; None."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin:%s" % (BUILD / "nftables" / "bin"))


def command(program, *args):
    """The command line that runs it with the rights it needs. Raises BenchError when it is not installed."""
    path = find(program)
    if path is None:
        raise BenchError("%s is not installed: install it (Debian, Ubuntu: `sudo apt install %s`)" % (program, PACKAGES.get(program, program)))
    return [*prefix(), path, *args]


def prefix():
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def run(program, *args, given=None):
    """What it said. given: text for its standard input. Raises BenchError when it is missing, refuses or does not end."""
    line = command(program, *args)
    try:
        done = subprocess.run(line, input=given or "", capture_output=True, text=True, timeout=LIMIT_S)
    except OSError as e:
        raise BenchError("cannot start %s (%s): %s" % (line[0], e.strerror, RIGHTS)) from None
    except subprocess.TimeoutExpired:
        raise BenchError("%s did not end within %d s" % (program, LIMIT_S)) from None
    if done.returncode:
        said = tools.Said(done.returncode, done.stdout + done.stderr)
        first = next((text.strip() for text in said.text.splitlines() if text.strip()), "it said nothing")
        if "not permitted" in said.text or "must be root" in said.text or line[0] == "sudo" and first.startswith("sudo:"):
            raise BenchError("no right to run %s (%s): %s" % (program, first, RIGHTS))
        raise BenchError("%s failed: %s" % (program, first))
    return done.stdout


PACKAGES = {"nft": "nftables", "iptables": "iptables"}
RIGHTS = "run as root, or let sudo run it without a password"
