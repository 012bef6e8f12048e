"""Unmodified esptool, 4 and 5, on a virtual board: what it says of the chip, what it writes, and what boots from that (R49)."""

import contextlib
import os
import re
import struct
import subprocess
import sys
import time

import pytest
from twin_line import Line

from holdfast_bench import firmware_image
from holdfast_bench.choices import BUILD
from holdfast_bench.twin.rom import slip
from holdfast_bench.twin.rom.chips import CHIPS
from holdfast_bench.twin.rom.lines import EN_RISES_S

LIMIT_S = 90
TITLES = {"esp32": "ESP32-D0WD", "esp32c3": "ESP32-C3", "esp32s3": "ESP32-S3"}


def esptool(port, version, *args, status=0):
    """Runs esptool; words in the spelling of version 5."""
    env = dict(os.environ)
    if version == 4:
        if not (BUILD / "esptool4").is_dir():
            pytest.skip("esptool 4 is not here: make setup-tests")
        env["PYTHONPATH"] = str(BUILD / "esptool4")
        args = [a.replace("-", "_") if a in ("chip-id", "flash-id", "read-mac", "write-flash", "verify-flash", "read-flash", "erase-region", "erase-flash")
                else a for a in args]
    done = subprocess.run([sys.executable, "-m", "esptool", "--port", port, *args], capture_output=True, text=True, env=env, timeout=LIMIT_S)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def combined_image(chip):
    """As MicroPython's images for download: boot loader, partition table and application, from the boot loader's offset on."""
    image = bytearray(b"\xff" * (0x10000 - chip.boot_at))
    for at, data in ((chip.boot_at, firmware_image.loader_stand_in(chip.image_id)),
                     (0x8000, firmware_image.partition_table(firmware_image.standard_partitions(4 << 20)))):
        image[at - chip.boot_at:at - chip.boot_at + len(data)] = data
    return bytes(image) + firmware_image.app_stand_in(chip.image_id)


@pytest.fixture
def blank(host, heard):
    """Makes boards that nobody has flashed."""
    made = []

    def make(chip="esp32"):
        heard.clear()
        board = host.add_board(chip=chip, blank=True, fast_flash=True)
        made.append(board)
        board.power_on()
        return board

    yield make
    for board in made:
        host.remove_board(board)


def everything(board, chip, version, tmp_path, heard):
    model, image = CHIPS[chip], tmp_path / "image.bin"
    image.write_bytes(combined_image(model))
    told = esptool(board.port, version, "chip-id")
    assert TITLES[chip] in told and "24:0a:c4:" in told.lower()
    assert "4MB" in esptool(board.port, version, "--no-stub", "flash-id")
    wrote = esptool(board.port, version, "--baud", "460800", "write-flash", "-z", hex(model.boot_at), str(image))
    assert "Hash of data verified" in wrote and "ompressed" in wrote
    heard.wait("boot")          # it starts when esptool hangs up
    with contextlib.closing(Line(board.port)) as line:
        assert chip.upper().replace("ESP32C3", "ESP32C3 module") in line.run("import os; print(os.uname().machine)")
    esptool(board.port, version, "verify-flash", hex(model.boot_at), str(image))
    back = tmp_path / "back.bin"
    esptool(board.port, version, "read-flash", "0x8000", "0x2000", str(back))
    assert back.read_bytes()[:0x1000] == image.read_bytes()[0x8000 - model.boot_at:0x9000 - model.boot_at]
    n = len(heard)
    esptool(board.port, version, "erase-region", "0x8000", "0x1000")
    assert "partition table" in heard.wait("boot_loop", n)["why"]
    n = len(heard)
    esptool(board.port, version, "erase-flash")
    assert "erased" in heard.wait("boot_loop", n)["why"]
    assert board.flash.read(0, 4 << 20) == b"\xff" * (4 << 20)


@pytest.mark.parametrize("chip", ["esp32", "esp32c3", "esp32s3"])
def test_esptool_5_from_blank_to_blank(blank, heard, chip, tmp_path):
    everything(blank(chip), chip, 5, tmp_path, heard)


def test_esptool_4_from_blank_to_blank(blank, heard, tmp_path):
    everything(blank("esp32"), "esp32", 4, tmp_path, heard)


@pytest.mark.soak
@pytest.mark.parametrize("chip", ["esp32c3", "esp32s3"])
def test_soak_esptool_4_on_the_other_chips(blank, heard, chip, tmp_path):
    everything(blank(chip), chip, 4, tmp_path, heard)


def test_without_the_stub_it_writes_and_reads_too(blank, heard, tmp_path):
    board, image, back = blank(), tmp_path / "image.bin", tmp_path / "back.bin"
    image.write_bytes(combined_image(CHIPS["esp32"]))
    esptool(board.port, 5, "--no-stub", "write-flash", "0x1000", str(image))
    heard.wait("boot")
    esptool(board.port, 5, "--no-stub", "read-flash", "0x8000", "0x400", str(back))
    assert back.read_bytes() == image.read_bytes()[0x7000:0x7400]


def test_an_image_for_another_chip_is_refused_by_esptool(blank, tmp_path):
    image = tmp_path / "image.bin"
    image.write_bytes(combined_image(CHIPS["esp32c3"]))
    board = blank("esp32")
    assert "not an ESP32 image" in esptool(board.port, 5, "write-flash", "0x1000", str(image), status=2)
    assert "This chip is ESP32, not ESP32-C3" in esptool(board.port, 5, "--chip", "esp32c3", "flash-id", status=2)


@pytest.mark.parametrize("put, why, seen", [
    ([], "erased", b"invalid header: 0xffffffff"),
    ([(0x0, combined_image(CHIPS["esp32"]))], "lies at 0x0", b"invalid header: 0x"),
    ([(0x1000, combined_image(CHIPS["esp32c3"]))], "is for esp32c3", b"mismatch chip ID"),
    ([(0x1000, combined_image(CHIPS["esp32"])[:-40])], "damaged", b"No bootable app partitions"),
    ([(0x1000, combined_image(CHIPS["esp32"])), (0x10122, b"\0\0\0\0")], "hash is wrong", b"image is corrupt"),
    ([(0x1000, combined_image(CHIPS["esp32"])[:0x8000])], "no image at 0x10000|there is no image", b"nothing flashed here?"),
])
def test_what_does_not_boot_goes_round_for_ever_and_says_why(blank, heard, put, why, seen):
    board = blank()
    for at, data in put:
        board.flash.program(at, data)
    with contextlib.closing(Line(board.port)) as line:
        n = len(heard)
        board.power_off()
        board.power_on()
        found = heard.wait("boot_loop", n)["why"]
        assert re.search(why, found), found
        line.read_until(seen)
        line.read_until(b"rst:0x10 (RTCWDT_RTC_RESET)")     # and again
    assert not heard.of("boot") and board.state == "boot loop"


def test_files_survive_flashing_but_nvs_does_not_and_neither_survives_erasing(host, heard, tmp_path):
    """MicroPython's images are of one piece from boot loader to application: what lies in between, NVS, is erased with it."""
    board = host.add_board(fast_flash=True)
    board.power_on()
    board.wait_running()
    image = tmp_path / "image.bin"
    image.write_bytes(combined_image(CHIPS["esp32"]))
    with contextlib.closing(Line(board.port)) as line:
        line.run("open('kept', 'w').write('x')\nimport esp32; n = esp32.NVS('t'); n.set_i32('a', 7); n.commit()")
        assert line.run("print(n.get_i32('a'))") == "7\n"
    look = "import os, esp32\nprint('kept' in os.listdir())\ntry: print(esp32.NVS('t').get_i32('a'))\nexcept OSError: print('none')"
    for before, expected in (([], "True\nnone\n"), (["--erase-all"], "False\nnone\n")):
        n = len(heard)
        esptool(board.port, 5, "write-flash", *before, "0x1000", str(image))
        heard.wait("boot", n)
        with contextlib.closing(Line(board.port)) as line:
            assert line.run(look) == expected
    host.remove_board(board)


def test_a_power_cut_while_flashing_leaves_a_board_that_can_be_flashed_again(blank, heard, tmp_path):
    board, image = blank(), tmp_path / "image.bin"
    image.write_bytes(combined_image(CHIPS["esp32"]) + os.urandom(600_000))
    tool = subprocess.Popen([sys.executable, "-m", "esptool", "--port", board.port, "write-flash", "0x1000", str(image)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    end = time.monotonic() + 60
    while board.flash.read(0x1000, 1) == b"\xff" and time.monotonic() < end:
        time.sleep(0.02)
    board.power_off()
    tool.kill()
    tool.communicate()
    board.power_on()
    heard.wait("boot_loop")
    esptool(board.port, 5, "write-flash", "0x1000", str(image))
    heard.wait("boot")


def test_rfc2217_lines_reset_the_board_and_reach_the_loader(host, heard):
    board = host.add_board(fast_flash=True)
    url = "rfc2217://127.0.0.1:%d" % board.serve_rfc2217()
    board.power_on()
    board.wait_running()
    n = len(heard)
    told = esptool(url, 5, "--no-stub", "read-mac")
    assert "24:0a:c4" in told and "was NOT reset" not in told
    assert heard.wait("loader", n)["by"] == "DTR and RTS" and heard.wait("boot", n)
    out = subprocess.run([sys.executable, "-m", "mpremote", "connect", url, "exec", "import machine; print(machine.reset_cause())"], capture_output=True,
                         text=True, timeout=LIMIT_S)
    assert out.stdout == "5\n", out.stderr
    host.remove_board(board)


def test_slip_packets_come_through_noise_in_any_pieces():
    packets = [b"\xc0\xdb\x00", b"plain", b"\xdb\xdc\xdd", bytes(range(256))]
    stream = b"noise" + b"".join(slip.pack(p) for p in packets)
    for size in (1, 3, 7, len(stream)):
        unpacker, found = slip.Unpacker(), []
        for at in range(0, len(stream), size):
            found += unpacker.feed(stream[at:at + size])
        assert found == packets


def test_the_loader_refuses_what_it_cannot_do(blank):
    from holdfast_bench.twin.rom.loader import Loader
    board, said = blank(), []
    loader = Loader(CHIPS["esp32"], board.flash, board.options.mac, said.append)

    def ask(op, data=b"", checksum=0):
        said.clear()
        loader.feed(slip.pack(struct.pack("<BBHI", 0, op, len(data), checksum) + data))
        return slip.Unpacker().feed(said[0])[0][8:10] if said else None

    assert ask(0x77) == b"\x01\x05"                                             # unknown
    assert ask(0x02, struct.pack("<IIII", 4096, 1, 4096, 1 << 22)) == b"\x01\x08"    # behind the flash's end
    assert ask(0x02, struct.pack("<IIII", 4096, 1, 4096, 0x10000)) == b"\0\0"
    assert ask(0x03, struct.pack("<IIII", 4, 0, 0, 0) + b"abcd", 0) == b"\x01\x07"   # checksum
    assert ask(0xD0) == b"\x01\x05"                                             # the stub's only
    assert ask(0x0A, b"\0") == b"\x01\x05"                                      # cut short
    assert ask(0x11, struct.pack("<IIII", 4, 0, 0, 0) + b"abcd", 0xEF ^ 97 ^ 98 ^ 99 ^ 100) == b"\x01\x05"    # not begun


def test_en_rises_slowly_enough_for_lines_set_one_after_the_other():
    assert 0.05 < EN_RISES_S < 0.15      # pyserial's round trip, and esptool's pause before it lets IO0 go


def test_pytest_embedded_talks_to_a_board(board, tmp_path):
    """Its serial service, as the makers of ESP-IDF test with it."""
    if not (BUILD / "pytest-embedded").is_dir():
        pytest.skip("pytest-embedded is not here: make setup-tests")
    (tmp_path / "test_dut.py").write_text("""
def test_dut(dut):
    dut.write(b"\\r\\x03")
    dut.expect(">>> ", timeout=10)
    dut.write(b"import machine; print('cause', machine.reset_cause())\\r")
    assert dut.expect(r"cause (\\d)\\r\\n", timeout=10).group(1) == b"1"
    dut.write(b"machine.reset()\\r")
    dut.expect_exact("rst:0xc (SW_CPU_RESET)", timeout=10)
    dut.expect("MicroPython v", timeout=10)
""")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path / "test_dut.py"),
                           "--embedded-services", "serial", "--port", board.port, "--root-logdir", str(tmp_path / "log")], capture_output=True, text=True,
                          timeout=LIMIT_S, env={**os.environ, "PYTHONPATH": str(BUILD / "pytest-embedded")})
    assert "1 passed" in done.stdout, done.stdout + done.stderr
