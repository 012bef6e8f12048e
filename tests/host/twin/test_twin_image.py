"""A fleet's image: a blank board becomes a node in one step, with unmodified esptool (R49, R50)."""

import contextlib
import subprocess
import sys

import pytest
from twin_run import broker_with_witness, holdfast, wait

from holdfast_bench.choices import BUILD
from holdfast_bench.history import History

IMAGE = BUILD / "images" / "ESP32_GENERIC-20250415-v1.25.0.bin"


@pytest.mark.timeout(240)
def test_one_file_written_by_esptool_makes_a_node_of_a_blank_board(host, heard, tmp_path):
    if not IMAGE.exists():
        pytest.skip("no real image here: make setup-tests")
    history = History()
    with contextlib.ExitStack() as stack:
        secrets = broker_with_witness(host, "fleet", history, stack, tmp_path)
        fleet = tmp_path / "fleet.bin"
        said = holdfast("image", "--board", "esp32-devkitc", "--image", IMAGE, "--out", fleet, "--secrets", secrets, "--set", "app.period_ms=300")
        assert "MicroPython v1.25.0" in said
        board = host.add_board("fleet", blank=True)
        stack.callback(host.remove_board, board)
        board.power_on()
        heard.wait("boot_loop", src="chip/fleet")
        done = subprocess.run([sys.executable, "-m", "esptool", "--chip", "esp32", "--port", board.port, "--baud", "921600", "write-flash", "0x1000", str(fleet)],
                              capture_output=True, text=True, timeout=110)
        assert done.returncode == 0 and "Hash of data verified" in done.stdout, done.stdout + done.stderr
        heard.wait("boot", src="chip/fleet")
        first = wait(history, 0, ev="recv")
        assert wait(history, history.events.index(first) + 1, ev="recv")["payload"]
