"""The firmware as a package: mip, manifest.py, .mpy builds. R43, R49"""

import json
import re
import subprocess
import sys

import pytest

from holdfast_bench import checkout, fold, mpy
from holdfast_bench.twin import TwinHost

FIRMWARE = checkout.FIRMWARE
MODULES = sorted(p.name for p in (FIRMWARE / "holdfast").glob("*.py"))
VERSION = re.search(r'^VERSION = "(.+)"', (FIRMWARE / "holdfast" / "__init__.py").read_text(), re.M).group(1)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("firmware") / "made"
    mpy.build(FIRMWARE, folder)
    return folder


def test_package_lists_every_module_and_only_those():
    package = json.loads((FIRMWARE / "package.json").read_text())
    assert [on_board for on_board, _ in package["urls"]] == ["holdfast/" + name for name in MODULES]
    assert all(on_board == source for on_board, source in package["urls"])
    assert package["version"] == VERSION


def test_a_build_is_a_package_of_compiled_modules(compiled):
    package = json.loads((compiled / "package.json").read_text())
    assert [source for _, source in package["urls"]] == ["holdfast/" + name[:-3] + ".mpy" for name in MODULES if name[:-3] not in fold.HOME]
    assert {path.name for path in (compiled / "holdfast").glob("*.mpy")} == {source.rpartition("/")[2] for _, source in package["urls"]}
    assert all((compiled / source).read_bytes()[:2] == b"M\x06" for _, source in package["urls"])
    assert (compiled / "boot.py").read_bytes() == (FIRMWARE / "boot.py").read_bytes()
    assert not list(compiled.glob("manifest.*"))


def test_manifest_freezes_the_package_beside_what_the_official_image_has():
    """Carried out as the port's build does: every name it uses exists there, and its paths are relative to itself."""
    said = []
    names = {"include": lambda path, **kw: said.append(("include", path)), "package": lambda path, base_path=".", opt=None, files=None: said.append(("package", base_path, path, opt))}
    exec(compile((FIRMWARE / "manifest.py").read_text(), "manifest.py", "exec"), names)
    assert said == [("include", "$(PORT_DIR)/boards/manifest.py"), ("package", ".", "holdfast", 3)]
    assert (FIRMWARE / "holdfast" / "__init__.py").is_file()


def mpremote(port, *args, limit_s=120):
    done = subprocess.run([sys.executable, "-m", "mpremote", "connect", port, *args], capture_output=True, text=True, timeout=limit_s)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(300)
def test_mip_installs_it_from_a_checkout_and_it_runs(compiled, tmp_path):
    with TwinHost(folder=tmp_path) as host:
        board = host.add_board("b1", fast_flash=True)
        board.power_on()
        board.wait_running()
        mpremote(board.port, "mip", "install", str(compiled / "package.json"))
        said = mpremote(board.port, "exec", "import holdfast; n = holdfast.Node({'wifi': [{'ssid': 'x', 'key': 'password'}], 'brokers': [{'host': '10.0.0.1'}], "
                        "'console': False}); print(holdfast.VERSION, n.publish('a', 'b'), n.queued, holdfast.__file__)")
        assert said.split() == [VERSION, "1", "1", "/lib/holdfast/__init__.mpy"]
