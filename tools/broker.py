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
WRAPPER = """#!/bin/sh
exec "{loader}" --library-path "{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu" "{program}" "$@"
"""


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
    root = folder / "root"
    (folder / "bin").mkdir()
    loader = next(p for p in (root / "lib64/ld-linux-x86-64.so.2", root / "usr/lib64/ld-linux-x86-64.so.2",
                              root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2") if p.exists())
    for place in ("usr/sbin/mosquitto", "usr/bin/mosquitto_passwd"):
        wrapper = folder / "bin" / place.rpartition("/")[2]
        wrapper.write_text(WRAPPER.format(loader=loader, root=root, program=root / place))
        wrapper.chmod(0o755)
    found = folder / "bin" / "mosquitto"
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
