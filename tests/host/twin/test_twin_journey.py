"""The way of a board, with the real tools only: blank flash → erase → flash a real image → deploy → run → watchdog → power cut → run.

esptool and mpremote are run by `holdfast flash` and `holdfast deploy`, pyserial reads the console, a broker takes the messages (R49, R50).
"""

import contextlib
import json
import subprocess
import sys
import time

import pytest

from holdfast_bench.boards.serial import SerialBoard
from holdfast_bench.choices import BUILD
from holdfast_bench.history import History
from holdfast_bench.places.brokers import start_broker
from holdfast_bench.twin.host import KEY, SSID
from holdfast_bench.witness import Witness

IMAGE = BUILD / "images" / "ESP32_GENERIC-20250415-v1.25.0.bin"
LIMIT_S = 110


def holdfast(*args, status=0):
    done = subprocess.run([sys.executable, "-m", "holdfast_bench.cli", *map(str, args)], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def wait(history, start, limit_s=30, **fields):
    """The first such event from index `start` on."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = history.find(lambda e: all(e.get(k) == v for k, v in fields.items()), start)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("no event %r in %s s, only %r" % (fields, limit_s, history.events[start:][-20:]))


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
        broker = start_broker("builtin", stack, users={"node": "secret"})
        address = host.add_host("journey", {1883: broker.address})
        board = host.add_board("journey", blank=True)
        stack.callback(host.remove_board, board)
        board.power_on()
        heard.wait("boot_loop", src="chip/journey")
        to_board = ("--board", "esp32-devkitc", "--port", board.port)

        assert "Hash of data verified" in holdfast("flash", *to_board, "--erase", "--image", IMAGE)
        heard.wait("boot", src="chip/journey")
        secrets = tmp_path / "secrets.json"
        secrets.write_text(json.dumps({"wifi": [{"ssid": SSID, "key": KEY}],
                                       "brokers": [{"host": address, "port": 1883, "user": "node", "password": "secret"}]}))
        settings = ("--secrets", secrets, "--set", "id=journey", "--set", "watchdog_s=6", "--set", "verbose=true", "--set", "app.period_ms=300")
        assert "deployed" in holdfast("deploy", *to_board, *settings)
        assert "0 files sent" in holdfast("deploy", *to_board, *settings)

        witness = Witness(*broker.address, history, "#", "node", "secret")
        stack.callback(witness.stop)
        witness.start()
        console = SerialBoard("journey", board.port, history)
        stack.callback(console.close)
        console.open()
        wait(history, 0, ev="state", new="online")
        wait(history, 0, ev="recv")

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
