"""Board files: the shipped ones hold, a wrong one is told by file, field and remedy."""

import pytest

from holdfast_bench.boards import boardfile
from holdfast_bench.errors import BenchError

OFFSETS = {"esp32": 0x1000, "esp32s2": 0x1000, "esp32s3": 0, "esp32c3": 0, "esp32c6": 0}


def test_shipped_boards_are_valid_and_flash_where_their_chip_boots_from():
    boards = boardfile.known()
    assert "esp32-devkitc" in boards and {b.chip for b in boards.values()} == set(OFFSETS)
    assert {name: b.flash_offset for name, b in boards.items()} == {name: OFFSETS[b.chip] for name, b in boards.items()}


def test_unknown_board_names_the_nearest_and_all():
    with pytest.raises(BenchError, match="did you mean 'esp32-devkitc'.*there are: sim, twin, "):
        boardfile.find("esp32-devkit")


GOOD = 'title = "x"\nchip = "esp32"\nimage = "X"\nflash_offset = 0x1000\nusb_ids = ["10c4:ea60"]\nrepl = "uart"\nreset = "classic"\n'


@pytest.mark.parametrize("change, words", [
    (("chip = \"esp32\"", "chip = \"esp8266\""), "`chip`: should be 'esp32', 'esp32s2'"),
    (("chip = \"esp32\"\n", ""), "`chip` is missing"),
    (("0x1000", "0x1001"), "`flash_offset`: 0x1001 is not on a 4096-byte sector"),
    (("image", "imagee"), "`image` is missing"),
    (("title", "flash_ofset = 1\ntitle"), "unknown field `flash_ofset` (did you mean `flash_offset`?)"),
    (("10c4:ea60", "10C4:EA60"), "`usb_ids.0`: string should match pattern"),
    (("repl = \"uart\"", "repl = "), "not valid TOML"),
])
def test_a_wrong_board_file_names_file_field_and_remedy(tmp_path, change, words):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(BenchError) as told:
        boardfile.load(path)
    assert str(path) in str(told.value) and words in str(told.value) and "\n" not in str(told.value)


def test_a_new_board_is_one_file(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    assert boardfile.find("mine", tmp_path).flash_mb == 4
