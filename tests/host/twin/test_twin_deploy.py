"""Deploying to a board: only what changed travels, a cut leaves the old firmware or the new one, a running watchdog is no obstacle (R49)."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time

import pytest
import serial
from twin_line import Line

from holdfast_bench import checkout
from holdfast_bench.deploy import bundle, deploy, onboard
from holdfast_bench.errors import BenchError

CONFIG = b"{}"
MODULES = ("one", "two", "three")


def firmware(folder, version, modules=MODULES, main=""):
    """A firmware whose every file knows its version; main.py prints them all."""
    (folder / "holdfast").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkout.FIRMWARE / "boot.py", folder / "boot.py")
    (folder / "holdfast" / "__init__.py").write_text("V = %r\n" % version)
    for name in modules:
        (folder / "holdfast" / (name + ".py")).write_text("V = %r\n%s" % (version, "# padding\n" * 60))
    (folder / "main.py").write_text("V = %r\nimport holdfast\n%s\nprint('versions', V, holdfast.V, %s)\n%s" % (
        version, "\n".join("import holdfast.%s" % m for m in modules), ", ".join("holdfast.%s.V" % m for m in modules), main))
    return folder


@pytest.fixture
def target(host):
    b = host.add_board(fast_flash=True)
    b.power_on()
    b.wait_running()
    yield b
    host.remove_board(b)


def versions(board, host=None):
    """What main.py prints at the next start."""
    with contextlib.closing(Line(board.port)) as line:
        board.en_reset()
        return line.read_until(b"versions ") and line.read_until(b"\n").decode().split()


def test_only_what_changed_travels_and_what_is_gone_goes(target, tmp_path):
    first = deploy(target.port, "b", CONFIG, firmware(tmp_path / "a", "A"))
    assert versions(target) == ["A"] * 5 and first.kept == 0
    assert deploy(target.port, "b", CONFIG, tmp_path / "a").sent == []
    folder = firmware(tmp_path / "b", "A", MODULES[:2])
    (folder / "holdfast" / "two.py").write_text("V = 'B'\n")
    second = deploy(target.port, "b", CONFIG, folder)
    assert sorted(second.sent) == ["/lib/holdfast/two.mpy", "/main.py"]
    assert versions(target) == ["A", "A", "A", "B"]
    with contextlib.closing(Line(target.port)) as line:
        assert line.run("import os; print(sorted(os.listdir('/lib/holdfast')), 'next' in os.listdir('/'))") == (
            "['__init__.mpy', 'one.mpy', 'two.mpy'] False\n")


def test_as_source_and_by_ampy(target, tmp_path):
    sent = deploy(target.port, "b", CONFIG, firmware(tmp_path / "a", "A", MODULES[:1]), via="ampy", as_source=True).sent
    assert "/lib/holdfast/one.py" in sent
    assert versions(target) == ["A"] * 3
    assert deploy(target.port, "b", CONFIG, tmp_path / "a", via="ampy", as_source=True).sent == []


def test_a_cut_at_any_write_leaves_the_old_firmware_or_the_new_one_whole(host, heard, tmp_path):
    """The point of no return lies somewhere in it: before it the old firmware starts, behind it the new one, never a mixture."""
    board = host.add_board(fast_flash=True)
    board.power_on()
    board.wait_running()
    deploy(board.port, "b", CONFIG, firmware(tmp_path / "a", "A"))
    # The new one, staged by hand; its commit is then cut at several places (test_deploy_commit.py cuts it everywhere).
    new = bundle.firmware_files(firmware(tmp_path / "b", "B"))
    new.pop("/boot.py")
    log = onboard.commit(new, []).encode()
    with contextlib.closing(Line(board.port)) as line:
        board.en_reset()
        line.read_until(b">>> ")
        line.run("import os\nos.mkdir('/next'); os.mkdir('/next/lib'); os.mkdir('/next/lib/holdfast')")
        for path, data in [*new.items(), ("/commit.part", log)]:
            line.run("f = open(%r, 'wb')" % ("/next" + path))
            for at in range(0, len(data), 100):
                line.run("f.write(%r)" % data[at:at + 100])
            line.run("f.close()")
    board.power_off()
    prepared = board.flash.path.read_bytes()
    ready = onboard.ready([(p, hashlib.sha256(d).hexdigest()) for p, d in new.items()], log)
    seen, writes = [], 0
    for cut in (0, 120, 500, 900, 1400, 60000):
        board.power_off()
        board.flash.path.write_bytes(prepared)
        board.power_on()
        board.wait_running()
        with contextlib.closing(Line(board.port)) as line:
            line.write(b"\r\x03\x03")
            line.run("print('quiet')")
            n = len(heard)
            board.cut_flash_write(cut)
            line.start(ready)
            with contextlib.suppress(AssertionError):
                heard.wait("reset", n, limit_s=3)
                writes += 1
            found = versions(board)
            assert found in (["A"] * 5, ["B"] * 5), "cut after %d bytes: %s" % (cut, found)
            seen.append(found[0])
    assert seen[0] == "A" and seen[-1] == "B" and writes >= 4, (seen, writes)
    host.remove_board(board)


def test_a_board_whose_watchdog_is_armed_and_whose_program_hangs_on_to_the_processor(target, tmp_path):
    busy = "import machine, time\nw = machine.WDT(timeout=2500)\nwhile True:\n  try:\n    while True: w.feed(); time.sleep_ms(20)\n  except Exception: pass\n"
    deploy(target.port, "b", CONFIG, firmware(tmp_path / "a", "A", MODULES[:1], busy))
    assert versions(target) == ["A"] * 3
    deploy(target.port, "b", CONFIG, firmware(tmp_path / "b", "B", MODULES[:1]))
    assert versions(target) == ["B"] * 3


def test_no_room_is_said_before_anything_is_sent(target, tmp_path):
    with contextlib.closing(Line(target.port)) as line:
        line.run("import os\nf = open('ballast', 'wb')\nb = bytes(4096)\ntry:\n  while os.statvfs('/')[3] > 3: f.write(b); f.flush()\nexcept OSError: pass\nf.close()", 90)
    with pytest.raises(BenchError, match=r"KB free, but \d+ KB are needed .* erase it with"):
        deploy(target.port, "b", CONFIG, firmware(tmp_path / "a", "A"))
    with contextlib.closing(Line(target.port)) as line:
        assert "next" not in line.run("import os; print(os.listdir())")


def test_a_port_in_use_and_one_without_rights_are_said_in_a_line(target, tmp_path):
    folder = firmware(tmp_path / "a", "A")
    with serial.Serial(target.port, exclusive=True):
        with pytest.raises(BenchError, match="in use"):
            deploy(target.port, "b", CONFIG, folder)
    nobody = subprocess.run([sys.executable, "-m", "holdfast_bench.cli", "deploy", "--board", "esp32-devkitc", "--port", "/dev/ttyNOPE99"], capture_output=True, text=True,
                            cwd=tmp_path, timeout=30)
    assert nobody.returncode == 2 and "Traceback" not in nobody.stderr


FILL = """import os
n = 0
x = b"x" * 4096
while os.statvfs("/")[3] > 4:
    n += 1
    with open("/big%d" % n, "wb") as f:
        for i in range(min(16, os.statvfs("/")[3] - 3)):
            _ = f.write(x)
"""


def test_a_full_file_system_is_one_clear_line_and_the_old_firmware_still_runs(target, tmp_path):
    deploy(target.port, "b", CONFIG, firmware(tmp_path / "a", "A"))
    with contextlib.closing(Line(target.port)) as line:
        target.en_reset()
        line.read_until(b">>> ")
        line.run(FILL, 60)
    with pytest.raises(BenchError, match=r"8 KB free, but \d+ KB are needed.*: remove files of yours") as told:
        deploy(target.port, "b", CONFIG, firmware(tmp_path / "b", "B"))
    assert "\n" not in str(told.value) and versions(target) == ["A"] * 5


def test_a_board_that_does_not_answer_is_given_up_in_time(target, tmp_path, monkeypatch):
    from holdfast_bench.deploy import quiet
    monkeypatch.setattr(quiet, "ANSWER_LIMIT_S", 0.5)
    target.power_off()
    began = time.monotonic()
    with pytest.raises(BenchError, match="says nothing"):
        deploy(target.port, "b", CONFIG, firmware(tmp_path / "a", "A"))
    assert time.monotonic() - began < 20 and os.path.exists(target.port)
