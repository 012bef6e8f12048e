"""`holdfast image`: one file with MicroPython, partitions and a file system that MicroPython itself mounts, with everything in it (R49)."""

import hashlib
import stat
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_flash import an_image

from holdfast_bench.boards import find
from holdfast_bench.choices import choices
from holdfast_bench.deploy import bundle, filesystem, image
from holdfast_bench.errors import BenchError

BOARD = find("esp32-devkitc")
BEGIN, SIZE = 0x200000, 0x200000
CONFIG = b'{"id": "seven"}'

# Mounts the file system as the port does, and prints what is in it.
LOOK = """
import os, sys, hashlib
class Device:
    def __init__(self, path): self.f = open(path, "r+b")
    def readblocks(self, block, buf, offset=0): self.f.seek(block * 4096 + offset); self.f.readinto(buf)
    def writeblocks(self, block, buf, offset=0): self.f.seek(block * 4096 + offset); self.f.write(buf)
    def ioctl(self, op, arg):
        if op == 4: return int(sys.argv[2])
        if op == 5: return 4096
        if op == 6: self.f.seek(arg * 4096); self.f.write(b"\\xff" * 4096); return 0
os.mount(os.VfsLfs2(Device(sys.argv[1])), "/vfs")
def look(d):
    for e in sorted(os.ilistdir(d)):
        p = d + "/" + e[0]
        if e[1] == 0x4000: look(p)
        else:
            with open(p, "rb") as f: print(p[4:], "".join("%02x" % b for b in hashlib.sha256(f.read()).digest()))
with open("/vfs/new", "w") as f: f.write("x" * 9000)
look("/vfs")
"""


@pytest.fixture
def micropython(tmp_path):
    path = tmp_path / "ESP32_GENERIC-20250911-v1.26.1.bin"
    path.write_bytes(an_image())
    return path


def interpreters():
    return {"64 bit": choices().micropython, "32 bit": choices().micropython32}


@pytest.mark.parametrize("words", ["64 bit", "32 bit"])
def test_micropython_mounts_it_and_finds_every_file(tmp_path, micropython, words):
    interpreter = interpreters()[words]
    if interpreter is None:
        pytest.skip("no such interpreter here")
    made = image.make(micropython, BOARD, CONFIG)
    system = tmp_path / "vfs"
    system.write_bytes(made.data[BEGIN - 0x1000:].ljust(SIZE, b"\xff"))
    script = tmp_path / "look.py"
    script.write_text(LOOK)
    said = subprocess.run([*interpreter.command, str(script), str(system), str(SIZE // 4096)], capture_output=True, text=True, timeout=60)
    found = dict(line.split() for line in said.stdout.splitlines())
    assert found.pop("/new"), said
    assert found == {path: hashlib.sha256(data).hexdigest() for path, data in made.files.items()}
    assert {"/boot.py", "/main.py", "/config.json", "/lib/holdfast/session.mpy", "/lib/umqtt/simple.py"} <= set(found)


def test_what_micropython_brought_is_untouched_and_what_it_has_frozen_in_is_not_put_in_again(tmp_path, micropython):
    made = image.make(micropython, BOARD, CONFIG)
    assert made.data.startswith(an_image()) and made.partition.offset == BEGIN and not made.whole_flash
    frozen = tmp_path / "frozen.bin"
    frozen.write_bytes(an_image() + b"umqtt/robust.py\0umqtt/simple.py\0")
    assert bundle.UMQTT_AT not in image.make(frozen, BOARD, CONFIG).files


def test_from_micropython_1_26_on_the_file_system_takes_the_rest_of_the_flash(micropython):
    micropython.write_bytes(an_image(vfs=False))
    made = image.make(micropython, BOARD, CONFIG)
    assert made.whole_flash and (made.partition.offset, made.partition.end) == (BEGIN, 4 << 20)
    large = BOARD.model_copy(update={"flash_mb": 16})
    assert image.make(micropython, large, CONFIG).partition.end == 16 << 20


def test_a_micropython_too_old_for_our_bytecode_gets_source(micropython):
    micropython.write_bytes(an_image(version="v1.18"))
    assert "/lib/holdfast/session.py" in image.make(micropython, BOARD, CONFIG).files


def test_files_that_do_not_fit_are_told_and_nothing_is_written(tmp_path):
    with pytest.raises(BenchError, match=r"the files \(390 KB\) do not fit into the file system of 256 KB"):
        filesystem.make({"/a": bytes(400_000)}, 256 << 10)


names = st.text("abcdefgh_.", min_size=1, max_size=12).filter(lambda n: n.strip("."))
contents = st.one_of(st.binary(max_size=300), st.integers(0, 9000).map(lambda n: b"\xff\x00" * n))


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.tuples(names, names).map(lambda n: "/d%s/%s" % n) | names.map("/f{}".format), contents, max_size=12))
def test_what_goes_in_comes_out(files):
    assert filesystem.read(filesystem.make(files, 1 << 20), 1 << 20) == files


def holdfast(*args, cwd):
    return subprocess.run([sys.executable, "-m", "holdfast_bench.cli", *map(str, args)], capture_output=True, text=True, timeout=100, cwd=cwd)


def test_the_command_makes_a_private_file_and_says_how_to_flash_it(tmp_path, micropython):
    (tmp_path / "secrets.json").write_text('{"wifi": [{"ssid": "a", "key": "b"}], "brokers": [{"host": "h"}]}')
    done = holdfast("image", "--board", "esp32-devkitc", "--out", "fleet.bin", "--secrets", "secrets.json", "--set", "id=seven", cwd=tmp_path)
    assert done.returncode == 0 and "write-flash 0x1000 fleet.bin" in done.stdout, done.stdout + done.stderr
    made = tmp_path / "fleet.bin"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert b'"id": "seven"' in filesystem.read(made.read_bytes()[BEGIN - 0x1000:], SIZE)["/config.json"]


def test_a_wrong_image_leaves_what_was_there(tmp_path, micropython):
    (tmp_path / "secrets.json").write_text('{"wifi": [{"ssid": "a", "key": "b"}], "brokers": [{"host": "h"}]}')
    (tmp_path / "fleet.bin").write_text("precious")
    micropython.write_bytes(an_image()[:-100])
    done = holdfast("image", "--board", "esp32-devkitc", "--out", "fleet.bin", "--secrets", "secrets.json", cwd=tmp_path)
    assert done.returncode == 2 and "is truncated" in done.stderr and done.stderr.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ESP32_GENERIC-20250911-v1.26.1.bin", "fleet.bin", "secrets.json"]
    assert (tmp_path / "fleet.bin").read_text() == "precious"
