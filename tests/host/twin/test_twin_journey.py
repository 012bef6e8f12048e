"""The way of a board, with the real tools only: blank flash → erase → flash a real image → deploy → run → watchdog → power cut → run.

esptool and mpremote are run by `holdfast flash` and `holdfast deploy`, pyserial reads the console, a broker takes the messages (R49, R50).
"""

import contextlib
import json
import time

import pytest
from twin_run import broker_with_witness, holdfast, wait

from holdfast_bench.boards.boardfile import Device
from holdfast_bench.boards.serial import SerialBoard
from holdfast_bench.choices import BUILD
from holdfast_bench.drivers import hil as drivers
from holdfast_bench.history import History

IMAGE = BUILD / "images" / "ESP32_GENERIC-20250415-v1.25.0.bin"


def numbers(history, ev):
    """{(life, n)} of the application's messages in events `ev`."""
    if ev == "accept":
        return {(e["life"], e["n"]) for e in history.events if e["ev"] == ev}
    texts = [json.loads(e["payload"])["p"] for e in history.events if e["ev"] == ev and "/sensor/" in e["topic"]]
    return {(text.split(" ")[0].split(":")[0], int(text.split(" ")[0].split(":")[1])) for text in texts}


@pytest.mark.timeout(240)
def test_from_a_blank_flash_to_a_node_that_lost_nothing(host, heard, tmp_path):
    if not IMAGE.exists():
        pytest.skip("no real image here: make setup-tests")
    history = History()
    with contextlib.ExitStack() as stack:
        secrets = broker_with_witness(host, "journey", history, stack, tmp_path)
        board = host.add_board("journey", blank=True)
        stack.callback(host.remove_board, board)
        board.power_on()
        heard.wait("boot_loop", src="chip/journey")
        to_board = ("--board", "esp32-devkitc", "--port", board.port)

        assert "Hash of data verified" in holdfast("flash", *to_board, "--erase", "--image", IMAGE)
        heard.wait("boot", src="chip/journey")
        settings = ("--secrets", secrets, "--set", "id=journey", "--set", "watchdog_s=6", "--set", "verbose=true", "--set", "app.period_ms=300")
        assert "deployed" in holdfast("deploy", *to_board, *settings)
        assert "0 files sent" in holdfast("deploy", *to_board, *settings)

        console = SerialBoard("journey", board.port, history)
        stack.callback(console.close)
        console.open()
        wait(history, 0, ev="state", new="online")
        wait(history, 0, ev="recv")

        # The driver of last resort: the firmware does without its radio, and comes back when it may.
        radio = drivers.wifi(Device(driver="device"), "journey", console, history)
        before_loss = len(history.events)
        radio.away()
        wait(history, before_loss, ev="link", up=False)
        assert radio.evidence() == "journey has lost its link"
        radio.back()
        wait(history, before_loss, ev="state", new="online")

        before_bite = len(history.events)
        console.command({"cmd": "hang", "task": "sample", "how": "spin"})
        assert wait(history, before_bite, ev="boot")["cause"] == 3
        wait(history, before_bite, ev="state", new="online")

        time.sleep(1)
        before_cut = len(history.events)
        board.power_off()
        assert heard.wait("power", on=False)
        board.power_on()
        assert wait(history, before_cut, ev="boot")["cause"] == 1
        wait(history, before_cut, ev="state", new="online")
        wait(history, before_cut + 20, ev="recv")

        # What was accepted before the bite has arrived; a power cut may take what had not.
        lives = [e["life"] for e in history.events if e["ev"] == "boot"]
        assert len(lives) >= 2 and len(set(lives)) == len(lives)
        accepted, arrived = numbers(history, "accept"), numbers(history, "recv")
        missing = {m for m in accepted - arrived if m[0] not in lives[-2:]}
        assert accepted and not missing
