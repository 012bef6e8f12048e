"""Programs from Debian's packages in a private folder: no root, nothing installed, started through their own loader.

May use: apt-get and dpkg of this machine, and the mirror its own package sources name. Knows nothing of what is wanted.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

WRAPPER = """#!/bin/sh
{environment}exec "{loader}" --library-path "{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu" "{program}"{arguments} "$@"
"""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def unpack(folder, packages, suites, architecture):
    """Unpacks `packages` of the first of `suites` that has them all into folder/root.

    Raises LookupError saying what is missing here, OSError, subprocess.SubprocessError.
    """
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise LookupError("no %s" % tool)
    if not Path(KEYRING).exists():
        raise LookupError("no Debian keyring")
    if os.uname().machine != "x86_64":
        raise LookupError("this machine is %s" % os.uname().machine)
    mirror = _mirror()
    shutil.rmtree(folder, ignore_errors=True)
    for sub in ("etc", "lists/partial", "cache/archives/partial", "debs", "root"):
        (folder / sub).mkdir(parents=True)
    apt = ["apt-get", "-qq"]
    for key, value in (("Dir::Etc::SourceList", folder / "etc" / "sources.list"), ("Dir::Etc::SourceParts", "/dev/null"),
                       ("Dir::State::Lists", folder / "lists"), ("Dir::Cache", folder / "cache"),
                       ("Dir::State::status", "/dev/null"), ("APT::Sandbox::User", ""),
                       ("APT::Architecture", architecture), ("APT::Architectures", architecture)):
        apt += ["-o", "%s=%s" % (key, value)]
    last = None
    for suite in suites:
        (folder / "etc" / "sources.list").write_text("deb [signed-by=%s] %s %s main\n" % (KEYRING, mirror, suite))
        try:
            subprocess.run([*apt, "update"], check=True, capture_output=True, timeout=180)
            subprocess.run([*apt, "download", *packages], check=True, capture_output=True, timeout=180, cwd=folder / "debs")
            break
        except subprocess.SubprocessError as e:
            last = e
    else:
        raise LookupError("no suite of the mirror gave %s for %s: %s" % (packages[0], architecture, last))
    for deb in sorted((folder / "debs").glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(deb), str(folder / "root")], check=True, capture_output=True, timeout=60)
    for sub in ("lists", "cache", "debs"):
        shutil.rmtree(folder / sub)


def wrap(folder, name, place, environment="", arguments=""):
    """A program of folder/root as folder/bin/name, with its own loader and libraries; its path."""
    root, path = folder / "root", folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    loader = next(p for p in (root / "lib64/ld-linux-x86-64.so.2", root / "usr/lib64/ld-linux-x86-64.so.2",
                              root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2") if p.exists())
    path.write_text(WRAPPER.format(environment=environment.format(root=root), loader=loader, root=root, program=root / place, arguments=arguments))
    path.chmod(0o755)
    return path


def _mirror():
    """The Debian mirror this machine already uses, from its own source lists. Raises LookupError."""
    for name in ["/etc/apt/sources.list", *sorted(str(p) for p in Path("/etc/apt/sources.list.d").glob("*"))]:
        try:
            text = Path(name).read_text()
        except OSError:
            continue
        for uri in re.findall(r"^(?:deb\s+(?:\[[^\]]*\]\s+)?|URIs:\s*)(\S+)", text, re.M):
            if re.search(r"/debian/?$", uri):
                return uri
    raise LookupError("no Debian mirror in the package sources")
