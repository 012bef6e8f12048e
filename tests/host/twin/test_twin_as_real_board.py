"""A twin taken for a real board: reached over RFC 2217 only, with a board file, drivers and a broker behind the relay (R49).

What a bench with hardware does to its board is so tested without any: every driver here is the one that a real board gets.
"""

import json
import socket

import pytest

from holdfast_bench import checkout
from holdfast_bench.boards.boardfile import find
from holdfast_bench.deploy import bundle, filesystem
from holdfast_bench.places.options import Options
from holdfast_bench.places.run import run_plan
from holdfast_bench.scenario.load import load
from holdfast_bench.scenario.plan import compile_plan
from holdfast_bench.twin.host import KEY, SSID

SCENARIO = """
title = "What can be broken around a real board"
deadline_s = 150

[[step]]
at_s = 2
fault = "half_open"

[[expect]]
what = "a new session"
after = "half_open"
within_s = 60
event = { src = "board", ev = "state", new = "online" }

[[step]]
at_s = 14
fault = "refused"
for_s = 3

[[step]]
at_s = 24
fault = "power_cut"
for_s = 3

[[expect]]
what = "the board starts from power-on"
after = "power_cut.end"
within_s = 60
event = { src = "board", ev = "boot", cause = 1 }
"""


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.mark.timeout(240)
def test_a_run_on_a_real_board_breaks_network_and_power_and_proves_both(host, tmp_path, monkeypatch, port):
    boards = tmp_path / "boards"
    boards.mkdir()
    (boards / "mine.toml").write_text((checkout.BOARDS / "esp32-devkitc.toml").read_text() + '\n[broker]\ndriver = "builtin"\nlisten = "127.0.0.1"\nport = %d\n' % port)
    monkeypatch.setattr(checkout, "BOARDS", boards)
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"wifi": [{"ssid": SSID, "key": KEY}], "brokers": [{"host": host.add_host("bench", {1883: ("127.0.0.1", port)}), "port": 1883}]}))
    config = bundle.make_config(bundle.read_secrets(secrets), {"id": "real", "app": {"period_ms": 300}})
    board = host.add_board("real", fast_flash=True)
    try:
        with open(board.flash.path, "r+b") as flash:
            flash.seek(0x200000)
            flash.write(filesystem.make({**bundle.firmware_files(), bundle.CONFIG_AT: config}, 0x200000))
        board.power_on()
        board.wait_running()
        scenario = tmp_path / "around.toml"
        scenario.write_text(SCENARIO)
        url = "rfc2217://127.0.0.1:%d" % board.serve_rfc2217()
        assert find("mine").broker.port == port
        result, _ = run_plan(compile_plan(load(scenario), "around", 1), "mine", Options(ports=(url,), secrets=secrets))
        told = {e["id"]: e.get("how") or e.get("why") for e in result.events if e["ev"] == "effect"}
        assert result.verdict == "good", (result.findings, told, result.events[-40:])
        assert "connections forgotten" in told["half_open"] and "refuses" in told["refused"] and "silent" in told["power_cut"]
        document = result.as_json()
        assert document["delivered"] > 20 and document["lost"] == 0
    finally:
        host.remove_board(board)
