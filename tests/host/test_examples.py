"""The applications in examples/, each on a simulated board, in the trouble that its first lines speak of. R18, R30, R31, R32, R50"""

import difflib
import json
import struct
import subprocess
import sys

import pytest

from holdfast_bench import checkout

EXAMPLES = checkout.ROOT / "examples"


def app(name, **more):
    return pytest.mark.holdfast(app=str(EXAMPLES / name), **more)


@app("sensor", config={"app": {"period_s": 1}})
def test_sensor_measures_through_an_outage(board, wifi):  # R30
    wifi.away(for_s=30)
    board.wait_online()
    assert len(board.payloads("sensor/temp")) >= 30
    assert set(board.payloads("sensor/temp")) == {b"53.3"}


@app("actuator")
def test_actuator_obeys_and_says_so(board, bench):  # R18
    for word in ("on", "off", "pulse 300", "dance"):
        board.publish("cmd/relay", word, qos=1)
        bench.wait(2)
    assert board.payloads("relay") == [b"off", b"on", b"off", b"on", b"off"]
    assert board.payloads("refused") == [b"dance"]


@app("actuator")
def test_a_command_given_while_the_actuator_is_away_waits_at_the_broker(board, wifi):  # R15
    with wifi.away():
        board.expect("it notices", ev="state", new=["suspect", "backoff"], within_s=15)
        board.publish("cmd/relay", "on", qos=1)
    board.expect("the relay goes on", src="broker", ev="recv", topic="holdfast/b1/relay", within_s=30)


@app("actuator", config={"app": {"safe_s": 20}})
def test_an_actuator_that_is_left_alone_goes_off(board, wifi, bench):
    board.publish("cmd/relay", "on", qos=1)
    bench.wait(2)
    wifi.away(for_s=40)
    board.wait_online()
    bench.wait(3)
    assert board.payloads("relay") == [b"off", b"on", b"off"]


@app("battery", config={"app": {"period_s": 60, "upload_every": 3}}, drain_s=600)
def test_battery_node_brings_every_reading_and_sleeps_in_between(board, bench):  # R31
    bench.wait(1800)
    assert 27 <= len(board.payloads("sensor/temp")) <= 31
    wakes = sum(e["ev"] == "boot" for e in bench.events)
    joins = sum(e["ev"] == "radio" and e.get("name") == "got_ip" for e in bench.events)
    assert wakes >= 29 and joins <= wakes / 3 + 2


@app("battery", config={"app": {"period_s": 60, "upload_every": 10, "alarm_c": 50}}, drain_s=600)
def test_battery_node_does_not_wait_with_what_is_urgent(board, bench):
    bench.wait(300)
    assert len(board.payloads("sensor/temp")) >= 5


@app("climate")
def test_typed_readings_can_be_read_by_their_schema(board, network, bench):  # R32
    network.blackhole(for_s=20)
    board.wait_online()
    bench.wait(5)
    schema = next(json.loads(e["payload"]) for e in board.received("#") if e["topic"].endswith("/sensor/air") and "/schema/" in e["topic"])
    form = ">" + "".join(f["c"] for f in schema["f"])
    readings = board.payloads("sensor/air")
    assert len(readings) >= 3
    for packed in readings:
        values = zip((f["n"] for f in schema["f"]), (v / f["k"] for v, f in zip(struct.unpack(form, packed), schema["f"])))
        assert dict(values) == {"temp": 21.5, "hum": 48.0}
    doors = [struct.unpack(">BH", packed)[1] for packed in board.payloads("sensor/door")]
    assert len(doors) >= 12 and doors == list(range(1, len(doors) + 1))  # nothing is missing


@app("migration/before.py", verdict=None)
def test_the_sketch_that_was_loses_what_it_measures_in_an_outage(board, wifi, bench):
    before = len(board.received("sensor/temp"))
    wifi.away(for_s=30)
    bench.wait(20)
    assert 0 < len(board.received("sensor/temp")) < before + 30  # of fifty


@app("migration/main.py")
def test_the_sketch_that_is_does_not(board, wifi, bench):
    wifi.away(for_s=30)
    board.wait_online()
    board.publish("cmd/led", "on", qos=1)
    bench.wait(20)
    assert len(board.payloads("sensor/temp")) >= 50
    assert board.payloads("led") == [b"on"]


def test_a_migration_changes_few_lines_and_ends_with_fewer():
    before, after = ((EXAMPLES / "migration" / name).read_text().splitlines() for name in ("before.py", "main.py"))
    added = [line for line in difflib.ndiff(before, after) if line.startswith("+ ") and line[2:].strip()]
    assert len(added) <= 12 and len(after) < len(before)


def run(*args):
    return subprocess.run([sys.executable, "-m", "holdfast_bench.cli", "run", *args], capture_output=True, text=True, timeout=120, cwd=checkout.ROOT)


def test_a_scenario_of_the_library_runs_with_an_application_of_ones_own(tmp_path):
    done = run("blackhole", "--board", "sim", "--app", "examples/sensor", "--json", str(tmp_path / "out.json"))
    told = json.loads((tmp_path / "out.json").read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    assert told["verdict"] == "good" and told["accepted"] == told["delivered"] > 3


def test_an_application_that_forgets_is_found_by_the_numbers_of_its_messages(tmp_path):
    from broken_firmware import broken_firmware

    done = run("ap_outage", "--board", "sim", "--app", "examples/migration", "--firmware", str(broken_firmware(tmp_path, "no_replay")),
               "--json", str(tmp_path / "out.json"), "--report", str(tmp_path / "pages"))
    told = json.loads((tmp_path / "out.json").read_text())
    assert done.returncode == 1 and "neither arrived nor were reported dropped" in " ".join(done.stdout.split())
    assert told["verdict"] == "bad" and told["lost"] == len(told["lost_ids"]) > 0


@pytest.mark.parametrize("path", ["nowhere.py", "docs"])
def test_what_is_no_application_is_told(path):
    done = run("ap_outage", "--board", "sim", "--app", path)
    assert done.returncode == 2 and "is no application" in done.stderr
