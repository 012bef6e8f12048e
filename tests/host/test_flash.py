"""Flashing: a wrong image never reaches the board; esptool is called in its own words; its errors are told with a remedy."""

import pytest

from holdfast_bench import firmware_image, flash, tools
from holdfast_bench.boards import find
from holdfast_bench.errors import BenchError

BOARD = find("esp32-devkitc")


def an_image(chip=0, offset=0x1000, version="v1.26.1", vfs=True):
    """A combined image as ESP-IDF lays it out: bootloader, partition table at 0x8000, application at 0x10000."""
    partitions = [p for p in firmware_image.standard_partitions(4 << 20) if vfs or p.label != "vfs"]
    image = bytearray(b"\xff" * (0x10000 - offset)) + firmware_image.app_stand_in(chip, version)
    for at, part in ((offset, firmware_image.loader_stand_in(chip)), (0x8000, firmware_image.partition_table(partitions))):
        image[at - offset:at - offset + len(part)] = part
    return bytes(image)


def damaged(image):
    return image[:-60] + bytes((image[-60] ^ 1,)) + image[-59:]


@pytest.fixture
def written(tmp_path):
    def write(data, name="image.bin"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name
    return write


def test_a_whole_image_for_this_chip_passes(written):
    data, found = flash.check_image(written(an_image()), BOARD)
    assert data == an_image() and found.app.version == "v1.26.1"
    assert flash.check_image(written(an_image(chip=5, offset=0)), find("esp32-c3"))


@pytest.mark.parametrize("data, words", [
    (an_image(chip=5, offset=0x1000), "is for esp32c3, but this board has esp32: take ESP32_GENERIC-"),
    (an_image()[:-300], "is truncated"),
    (an_image()[:-33], "is truncated"),
    (damaged(an_image()), "is no good: the image is damaged: its hash is wrong: download it again"),
    (b"\xff" * 0x1000 + an_image(), "for offset 0x1000 (it begins with empty flash"),
    (an_image() + b"x" * (4 << 20), "does not fit into the 4 MB of flash"),
    (an_image()[:0x9000], "is truncated"),
    (an_image()[0x10000 - 0x1000:] + bytes(0x8000), "no partition table"),
    (b"<!DOCTYPE html><html>", "it looks like a web page"),
    (b"", "is no ESP32 image"),
    (b"\xe9", "is no ESP32 image"),
])
def test_a_wrong_image_is_refused_with_what_to_take_instead(written, data, words):
    with pytest.raises(BenchError) as told:
        flash.check_image(written(data), BOARD)
    assert words in str(told.value)


def test_a_missing_image_says_where_to_get_it():
    with pytest.raises(BenchError, match="there is no image .*download ESP32_GENERIC-<date>-v<version>.bin from https://micropython.org"):
        flash.check_image("nowhere.bin", BOARD)


def test_the_newest_image_of_a_board_is_found_by_its_name(tmp_path):
    for name in ("ESP32_GENERIC-20250415-v1.25.0.bin", "ESP32_GENERIC-20250911-v1.26.1.bin", "ESP32_GENERIC_C3-20260101-v1.27.0.bin", "ESP32_GENERIC-20270101.bin"):
        (tmp_path / name).touch()
    assert flash.find_image(BOARD, [tmp_path]).name == "ESP32_GENERIC-20250911-v1.26.1.bin"
    assert flash.find_image(find("esp32-s3"), [tmp_path]) is None


@pytest.mark.parametrize("version, word", [("4.8.1", "write_flash"), ("5.6.0", "write-flash")])
def test_esptool_is_called_in_the_words_of_its_version_at_the_boards_offset(version, word):
    line = flash.command_line(BOARD, "/dev/ttyUSB0", "x.bin", version=version)
    assert line[2:] == ["esptool", "--chip", "esp32", "--port", "/dev/ttyUSB0", "--baud", "460800", word, "-z", "0x1000", "x.bin"]


@pytest.mark.parametrize("said, words", [
    ("A fatal error occurred: Failed to connect to ESP32: No serial data received.", "hold BOOT, tap RESET"),
    ("A fatal error occurred: This chip is ESP32-C3, not ESP32. Wrong chip argument?", "is ESP32-C3, but the board file says esp32"),
    ("A fatal error occurred: Could not open /dev/ttyUSB9, the port is busy or doesn't exist.\n([Errno 2] could not open port)", "there is no port"),
    ("[Errno 13] could not open port /dev/ttyUSB0: PermissionError", "join the group"),
    ("something nobody has seen before", "esptool failed: something nobody has seen before"),
])
def test_esptools_errors_are_told_with_a_remedy(written, monkeypatch, said, words):
    monkeypatch.setattr(tools, "run", lambda *args: tools.Said(2, said + "\n"))
    with pytest.raises(BenchError) as told:
        flash.flash(BOARD, "/dev/ttyUSB0", written(an_image()))
    assert words in str(told.value)


def test_a_tool_that_hangs_is_ended_with_what_it_started():
    with pytest.raises(BenchError, match="the tool did not end within 1 s and was stopped; last it said: hello"):
        tools.run(["sh", "-c", "echo hello; sleep 100 & sleep 100"], 1, "the tool")


def test_a_tool_that_is_not_there_says_so():
    with pytest.raises(BenchError, match="cannot start nothing-like-this"):
        tools.run(["nothing-like-this"], 1, "the tool")
