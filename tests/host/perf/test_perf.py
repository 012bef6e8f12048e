"""`holdfast perf`: the names that scripts depend on, honest bars, and that each part measures what it says."""

import json
import os
import subprocess
import sys

import pytest

from holdfast_bench.perf import machinery, memory, outages
from holdfast_bench.perf.figures import KINDS, Figure

FIXED = """first_puback_s recover_refused_s recover_blackhole_s recover_dead_flows_s recover_wifi_s detect_publishing_s detect_idle_s hundred_rtt50_s
hundred_rtt200_s stall_ms heap_kb heap_peak_kb core_mpy_bytes rtc_messages_4b rtc_messages_20b append_us run_10min_sim_s library_sim_s sim_speed_healthy
sim_speed_faults twin_start_ms twin_memory_mb""".split()


def perf(*args):
    return subprocess.run([sys.executable, "-m", "holdfast_bench.cli", "perf", *args], capture_output=True, text=True, timeout=100,
                          env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"})


def test_every_fixed_name_has_a_unit_and_an_explanation():
    assert set(FIXED) <= set(KINDS)
    assert all(kind.unit and kind.what for kind in KINDS.values())


@pytest.mark.parametrize("name, value, met", [("stall_ms", 20, True), ("stall_ms", 21, False), ("rtc_messages_4b", 180, True), ("rtc_messages_4b", 179, False),
                                              ("stall_ms", None, None), ("append_us", 5, None)])
def test_bar_is_met_or_not_or_there_is_none(name, value, met):
    assert Figure(name, value, "so").met is met


def test_virtual_boards_at_one_time_are_timed_and_weighed():  # R50
    start, memory_mb = machinery.crowd(3)
    assert (start.name, memory_mb.name) == ("twins_start_s", "twins_memory_mb") and start.value > 0
    assert 0.05 < memory_mb.value < 12, "a process has at least its heap"


def test_another_client_is_shown_beside_and_not_judged():
    assert Figure("stall_ms", 36000, "so", "umqtt.simple").as_json() == {
        "name": "stall_ms:umqtt.simple", "value": 36000, "unit": "ms", "bar": None, "met": None, "how": "so"}


def test_outages_are_measured_and_reported_for_machines(tmp_path):  # R12, R13, R30, R31
    done = perf("clients", "--simulated", "--runs", "1", "--json", str(tmp_path / "perf.json"))
    assert done.returncode == 0, done.stderr
    figures = {f["name"]: f for f in json.loads((tmp_path / "perf.json").read_text())}
    assert set(figures) == {*outages.OUTAGES, "detect_publishing_s", "detect_idle_s", "lost", "hundred_rtt50_s", "hundred_rtt200_s", "first_puback_s", "stall_ms"}
    assert all(set(f) == {"name", "value", "unit", "bar", "met", "how"} for f in figures.values())
    for name in ("recover_refused_s", "recover_blackhole_s", "recover_dead_flows_s", "detect_publishing_s", "detect_idle_s", "lost", "first_puback_s", "stall_ms"):
        assert figures[name]["met"] is True and "virtual time" in figures[name]["how"] or name == "lost", figures[name]
    assert "recover_refused_s" in done.stdout and "met" in done.stdout


def test_a_broker_at_the_ready_is_measured_beside_one_that_is_not():  # R29
    done = perf("standby", "--runs", "1", "--json", "-")
    figures = {f["name"]: f for f in json.loads(done.stdout)}
    assert figures["standby_switch_rtts"]["met"] is True and 0.9 <= figures["standby_switch_rtts"]["value"] < figures["cold_switch_rtts"]["value"]


def test_sizes_count_the_core_and_what_a_connected_program_has_in_use():
    done = perf("sizes", "--json", "-")
    figures = {f["name"]: f for f in json.loads(done.stdout)}
    assert 10_000 < figures["core_mpy_bytes"]["value"] < figures["all_mpy_bytes"]["value"] < 200_000  # all of it, what is loaded on demand included
    if figures["heap_kb"]["value"] is not None:
        assert 10 < figures["heap_kb"]["value"] < figures["heap_node_kb"]["value"] < 100
        assert figures["heap_kb"]["value"] < figures["heap_peak_kb"]["value"]


def test_unknown_part_is_one_clear_line():
    done = perf("speed")
    assert done.returncode == 2 and "there is no part 'speed'; there are: " in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_recovery_counts_from_the_healing_to_the_acknowledgement_at_the_node():
    recv = {"src": "broker", "ev": "recv", "payload": '{"i":1,"b":1,"t":null,"p":"0badcafe:7 x"}'}
    events = [{"t": 5, **recv}, {"t": 100, "src": "bench", "ev": "end"}, {"t": 350, **recv}, {"t": 400, **recv}]
    assert outages._recovered_s(events) == (350 + outages.ONE_WAY_MS - 100) / 1000
    assert outages._recovered_s(events[:2]) is None


def test_rtc_memory_is_measured_through_the_outbox():  # R19
    figures = {f.name: f for f in memory.costs()}
    assert figures["rtc_messages_4b"].met and figures["rtc_messages_20b"].met and figures["append_us"].value > 0
    assert figures["append_growth_bytes"].value == 0 and 0 < figures["append_heap_bytes"].value <= 512
    assert 0 < figures["append_esp32_ms"].value < figures["append_full_esp32_ms"].value < 20 and 0 < figures["ack_esp32_ms"].value < 20


def test_what_fails_to_survive_is_a_fault_in_the_table(tmp_path, monkeypatch):  # R31
    assert memory.survives("damage").met is True
    for name in ("stand_ins.py", "test_tears.py"):
        source = (memory.TESTS / name).read_text()
        (tmp_path / name).write_text(source.replace('assert why == "unreadable"', 'assert why == "eaten"'))
    monkeypatch.setattr(memory, "TESTS", tmp_path)
    assert memory.survives("damage").met is False
    monkeypatch.setattr(memory, "TESTS", tmp_path / "nowhere")
    assert memory.survives("damage").met is None
