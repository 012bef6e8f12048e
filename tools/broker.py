"""Finds mosquitto: the installed one, else – only for the tests – Debian's in a private folder.

Runs and the demo use what is found, and the built-in broker where nothing is.
"""

import shutil
import subprocess

import debian
from setup_report import say

# The program, and the shared libraries it links to with theirs.
DEBS = ("mosquitto", "libc6", "libgcc-s1", "libwrap0", "libnsl2", "libtirpc3", "libsystemd0", "libcap2", "libgcrypt20", "libgpg-error0", "liblzma5",
        "libzstd1", "liblz4-1", "libdlt2", "libssl3", "libcjson1", "libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libkrb5support0", "libcom-err2",
        "libkeyutils1", "zlib1g")
SUITES = ("bookworm",)
# Debian keeps it in /usr/sbin, which is not on an ordinary user's PATH.
ELSEWHERE = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


def find(folder):
    """Path of mosquitto, or None."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=ELSEWHERE)
    private = folder / "bin" / "mosquitto"
    return found or (str(private) if _runs(private) else None)


def unpack(folder):
    """Debian's mosquitto and mosquitto_passwd as folder/bin/…; the path of the first, or None where that cannot be had."""
    try:
        debian.unpack(folder, DEBS, SUITES, "amd64")
    except (OSError, subprocess.SubprocessError, LookupError) as e:
        say("mosquitto", "not available (%s): tests that need it will be skipped" % e)
        return None
    found, _ = (debian.wrap(folder, place.rpartition("/")[2], place) for place in ("usr/sbin/mosquitto", "usr/bin/mosquitto_passwd"))
    if not _runs(found):
        say("mosquitto", "unpacked, but does not run here: tests that need it will be skipped")
        return None
    say("mosquitto", "Debian's, in a private folder, for the tests")
    return str(found)


def _runs(program):
    try:
        return b"mosquitto version" in subprocess.run([str(program), "-h"], capture_output=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
