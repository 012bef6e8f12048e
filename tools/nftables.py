"""Debian's nft and iptables in a private folder, only for the tests, where they are not installed: the bench's faults between real boards and a broker.

Without them, or without the right to make network namespaces, those tests are skipped, and say so.
"""

import shutil
import subprocess

import debian
from setup_report import say

DEBS = ("nftables", "libnftables1", "libnftnl11", "libmnl0", "libjansson4", "libxtables12", "libedit2", "libbsd0", "libmd0", "libtinfo6", "libgmp10", "libc6",
        "iptables", "libip4tc2", "libip6tc2", "libnfnetlink0", "libnetfilter-conntrack3")
SUITES = ("bookworm",)
ELSEWHERE = "/usr/sbin:/sbin:/usr/local/sbin"
PLUGINS = 'export XTABLES_LIBDIR="{root}/usr/lib/x86_64-linux-gnu/xtables"\n'


def unpack(folder):
    """Both as folder/bin/…, unless they are installed, or there already."""
    if all(shutil.which(tool, path=ELSEWHERE) for tool in ("nft", "iptables")) or all(_runs(folder / "bin" / tool) for tool in ("nft", "iptables")):
        return
    try:
        debian.unpack(folder, DEBS, SUITES, "amd64")
        debian.wrap(folder, "nft", "usr/sbin/nft")
        debian.wrap(folder, "iptables", "usr/sbin/xtables-nft-multi", PLUGINS, " iptables")
    except (OSError, subprocess.SubprocessError, LookupError, StopIteration) as e:
        say("nftables", "not available (%s): tests that need it will be skipped" % e)
        return
    say("nftables", "Debian's, in a private folder, for the tests")


def _runs(program):
    try:
        return subprocess.run([str(program), "--version"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
