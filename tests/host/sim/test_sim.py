"""The simulation with a small application of its own: whole runs in virtual time, faults and resets, and that equal runs
leave equal bytes. Requirements R44 to R50 are shown with the firmware; this is about the simulation itself."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast_bench.choices import choices
from holdfast_bench.errors import TimedOut
from holdfast_bench.sim import runner
from holdfast_bench.sim.runner import MACHINE_CODE, SimulationError, Spec, idle_plan, run

APP = Path(__file__).parent / "app"
WIFI = {"ssid": "field", "key": "field-key-1"}
BROKER = {"ip": "10.73.0.2", "port": 1883, "name": "broker.test", "ttl_s": 1}


def spec(plan, seed=0, broker="10.73.0.2", firmware=APP, patience_s=5, **world):
    config = {"wifi": WIFI, "broker": broker, "every_ms": 1000, "patience_s": patience_s}
    return Spec(plan=plan, config=config, firmware=firmware, wifi=WIFI, brokers=[BROKER], seed=seed, world=world)


def plan_of(*actions, deadline_s=600, drain_s=120):
    """A plan: `ready`, then the given actions, each (id, at_s after ready, do-fields)."""
    ready = {"id": "ready", "after": "start", "delay_ms": 0, "do": "expect", "what": "the first message", "within_ms": 45_000,
             "boards": ["b1"], "event": {"src": "broker", "ev": "recv"}}
    made = [{"id": own_id, "after": "ready", "delay_ms": round(at_s * 1000), "boards": ["b1"], **fields} for own_id, at_s, fields in actions]
    run_ms = max([round(at_s * 1000) for _, at_s, _ in actions], default=0) + 30_000
    return {"scenario": "test", "seed": 0, "boards": ["b1"], "config": {}, "run_ms": run_ms, "deadline_ms": deadline_s * 1000, "drain_ms": drain_s * 1000,
            "actions": [ready, *made], "bounds": {}}


def fault(name, momentary=False, **args):
    return {"do": "fault", "fault": name, "args": args, "momentary": momentary, "resets": False}


def end(of):
    return {"do": "end", "of": of}


def command(**fields):
    return {"do": "command", "command": fields}


def find(events, **fields):
    return [e for e in events if all(e.get(k) == v for k, v in fields.items())]


@pytest.fixture
def simulate(tmp_path):
    def simulate(plan, **kwargs):
        outcome = run(spec(plan, **kwargs), folder=tmp_path / "run", limit_s=60)
        return outcome.events()
    return simulate


LOOKS_LIKE_ADDRESSES = """
import gc
def free(x):
    junk, kept = [bytes(40) for _ in range(60_000)], []
    for _ in range(40_000):
        x = x * 3.9 * (1 - x)
        kept.append(x * 1e-300)
    junk = None
    gc.collect()
    return gc.mem_free()
print("free", [free(n / 17) for n in range(1, 6)])
"""


@pytest.mark.skipif(subprocess.run(["setarch", "-R", "true"]).returncode != 0 if shutil.which("setarch") else True, reason="the system does not keep addresses")
def test_what_the_collector_takes_for_an_address_by_mistake_is_the_same_in_every_run(tmp_path):  # R45
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text(LOOKS_LIKE_ADDRESSES)
    histories = {run(Spec(plan=idle_plan(1000), config={}, firmware=app, wifi=WIFI, brokers=[BROKER], heap_kb=8000)).history for _ in range(4)}
    assert len(histories) == 1 and b"free " in histories.pop()


def test_an_hour_passes_in_a_second_and_every_message_arrives(tmp_path):
    outcome = run(spec(idle_plan(3_600_000)), folder=tmp_path, limit_s=60)
    events = outcome.events()
    assert outcome.virtual_ms == 3_600_000
    # 10 ms of every cycle are spent waiting for the acknowledgement.
    assert 3550 <= len(find(events, ev="recv")) <= 3570
    times = [e["t"] for e in events]
    assert times == sorted(times)


def test_equal_runs_leave_equal_bytes(tmp_path):
    plan = plan_of(("gone", 3, fault("ap_gone")), ("gone.end", 20, end("gone")), ("cut", 30, fault("power_cut")), ("cut.end", 33, end("cut")),
                   ("loss", 40, fault("loss")), ("loss.end", 80, end("loss")))
    runs = [run(spec(plan, seed), folder=tmp_path / ("run%d" % i), limit_s=60).history for i, seed in enumerate((7, 7, 8))]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_access_point_gone_is_noticed_and_recovered_from(simulate):  # R44
    plan = plan_of(("gone", 3, fault("ap_gone")), ("gone.end", 33, end("gone")))
    events = simulate(plan, patience_s=30)
    began, ended = (find(events, src="bench", id=i)[0]["t"] for i in ("gone", "gone.end"))
    assert find(events, ev="effect", id="gone", ok=True)
    lost = find(events, src="chip/b1", what="disconnected", reason=200)
    # It noticed in 8 to 12 s, as the radio does, and not one message arrived until it was back.
    assert 8_000 <= lost[0]["t"] - began <= 12_000
    assert not [e for e in find(events, ev="recv") if began + 50 < e["t"] < ended]
    assert find(events, ev="drained", ok=True)


@pytest.mark.parametrize("name,args", [("blackhole", {}), ("refused", {}), ("broker_stopped", {}), ("broker_killed", {}), ("dhcp_silent", {}),
                                       ("one_way", {"direction": "up"}), ("slow_link", {}), ("connack_withheld", {}),
                                       ("acks_lost", {}), ("login_refused", {}), ("broker_hangs", {}), ("wrong_password", {})])
def test_each_fault_takes_effect_and_is_healed(simulate, name, args):  # R44
    actions = [("trouble", 3, fault(name, **args)), ("trouble.end", 43, end("trouble"))]
    if name == "dhcp_silent":
        # Only a node that has to ask notices.
        actions.append(("away", 4, fault("ap_gone")))
        actions.append(("away.end", 20, end("away")))
    events = simulate(plan_of(*actions))
    assert find(events, ev="effect", id="trouble")[0]["ok"], find(events, ev="effect")
    assert find(events, ev="drained", ok=True), events[-5:]


@pytest.mark.parametrize("name", ["half_open", "rst", "broker_forgets_session", "rtc_corrupt", "clock_set_back"])
def test_each_momentary_fault_takes_effect(simulate, name):
    before = {"clock_set_back": 3700}.get(name, 3)
    events = simulate(plan_of(("trouble", before, fault(name, momentary=True)), deadline_s=4000))
    assert find(events, ev="effect", id="trouble")[0]["ok"]
    assert find(events, ev="drained", ok=True)


def test_dead_name_server_keeps_a_node_off_that_has_to_ask(simulate):
    plan = plan_of(("dns", 3, fault("dns_dead", how="servfail")), ("rst", 5, fault("rst", momentary=True)), ("dns.end", 30, end("dns")))
    events = simulate(plan, broker="broker.test")
    cut, healed = (find(events, src="bench", id=i)[0]["t"] for i in ("rst", "dns.end"))
    assert not [e for e in find(events, ev="recv") if cut + 50 < e["t"] < healed]
    assert any("-202" in e["why"] for e in find(events, ev="state", new="down"))
    assert find(events, ev="drained", ok=True)


def test_watchdog_bites_a_hanging_task_and_the_next_life_knows(simulate):
    events = simulate(plan_of(("hang", 3, fault("watchdog_hang", momentary=True, task="feed", how="spin"))))
    hung = find(events, id="hang")[0]["t"]
    bite, = find(events, src="chip/b1", ev="bite")
    assert 4_000 <= bite["t"] - hung <= 5_100
    assert [e["cause"] for e in find(events, src="chip/b1", ev="reset")] == ["power", "wdt"]
    assert [e["cause"] for e in find(events, ev="boot")] == [1, 3]
    assert find(events, ev="effect", id="hang", ok=True)


def test_power_cut_leaves_the_broker_half_open_and_the_next_life_starts_from_power_on(simulate):
    plan = plan_of(("cut", 3, fault("power_cut")), ("cut.end", 6, end("cut")))
    events = simulate(plan)
    off, on = find(events, src="chip/b1", ev="power")
    assert (off["on"], on["on"], on["t"] - off["t"]) == (False, True, 3000)
    assert [e["cause"] for e in find(events, ev="boot")] == [1, 1]
    # Nobody told the broker: it learns from the take-over.
    assert find(events, src="broker", ev="disconnect")[0]["why"] == "taken over"


def test_deep_sleep_and_machine_reset(simulate):
    events = simulate(plan_of(("sleep", 3, command(cmd="reset", kind="deepsleep")), ("reset", 15, command(cmd="reset", kind="hard"))))
    assert [e["cause"] for e in find(events, src="chip/b1", ev="reset")] == ["power", "deepsleep", "hard"]
    assert [e["cause"] for e in find(events, ev="boot")] == [1, 4, 2]
    asleep, = find(events, src="chip/b1", ev="sleep")
    assert find(events, src="chip/b1", ev="reset", cause="deepsleep")[0]["t"] - asleep["t"] == 2000


def test_expectations_are_judged_by_their_deadline(simulate):
    plan = plan_of(("gone", 3, fault("ap_gone")), ("gone.end", 20, end("gone")))
    for own_id, within_ms in (("soon", 1_000), ("later", 15_000)):
        plan["actions"].append({"id": own_id, "after": "gone", "delay_ms": 0, "do": "expect", "what": own_id, "within_ms": within_ms, "boards": ["b1"],
                                "event": {"src": "board", "ev": "state", "new": "down"}})
    events = simulate(plan)
    assert [(e["id"], e["ok"]) for e in find(events, ev="expect")] == [("ready", True), ("soon", False), ("later", True)]


def test_deadline_of_the_run_stops_it(simulate):
    events = simulate(plan_of(("gone", 3, fault("ap_gone")), ("never", 500, fault("rst", momentary=True)), deadline_s=60))
    assert "deadline" in find(events, ev="stopped")[0]["why"]
    assert events[-1]["t"] == 60_000


def test_node_that_never_arrives_stops_the_run(simulate):
    events = simulate(plan_of(), broker="10.99.0.1")
    assert "no message of b1" in find(events, ev="stopped")[0]["why"]


def test_ticks_may_start_near_their_wrap(simulate):
    events = simulate(plan_of(deadline_s=300), ticks_start_ms=(1 << 30) - 5_000)
    ticks = [e["ticks"] for e in events if "ticks" in e]
    assert max(ticks) > (1 << 30) - 2_000 and min(ticks) < 10_000
    assert find(events, ev="drained", ok=True)


def write_main(folder, text):
    folder.mkdir()
    (folder / "main.py").write_text(text)
    return folder


def test_exception_that_ends_main_py_is_on_the_console(tmp_path, simulate):
    events = simulate(plan_of(), firmware=write_main(tmp_path / "fw", "import machine\nraise ValueError('broken')\n"))
    assert any("ValueError: broken" in e["text"] for e in find(events, ev="text"))
    assert "no message of b1" in find(events, ev="stopped")[0]["why"]


def test_firmware_that_computes_without_end_is_bitten_by_its_watchdog_in_virtual_time(tmp_path):
    text = "import machine\nmachine.WDT(timeout=5000)\ndef forever():\n    while True:\n        pass\nforever()\n"
    outcome = run(spec(plan_of(deadline_s=8), firmware=write_main(tmp_path / "fw", text)), folder=tmp_path / "run", limit_s=200)
    bite, = find(outcome.events(), src="chip/b1", ev="bite")
    assert bite["t"] == 5_300 and "in forever" in outcome.notes


def test_simulation_that_does_not_end_is_ended(tmp_path):
    with pytest.raises(TimedOut, match="waited 0.2 s for the simulation to end; last seen"):
        run(spec(idle_plan(10**9)), limit_s=0.2)


def test_firmware_gets_no_more_heap_than_its_budget(tmp_path):
    app = write_main(tmp_path / "fw", "kept = []\nwhile True:\n    kept.append(bytearray(1024))\n    print(len(kept))\n")
    events = run(spec(plan_of(), firmware=app), folder=tmp_path / "run", limit_s=60).events()
    texts = [e["text"] for e in find(events, ev="text")]
    assert any("MemoryError" in text for text in texts)
    # 120 KB of budget, less what is lost between the pieces, and what the world does not use of its own share.
    assert 75 <= max(int(text) for text in texts if text.isdigit()) <= 190


def test_interpreter_that_dies_is_a_clear_error(tmp_path):
    app = write_main(tmp_path / "fw", "import ffi\nlibc = ffi.open(None)\nlibc.func('v', 'abort', '')()\n")
    with pytest.raises(SimulationError, match="ended with status -6.*last event"):
        run(spec(plan_of(), firmware=app), limit_s=20)


@pytest.mark.skipif(not choices().micropython32, reason="no 32-bit MicroPython on this machine")
def test_both_word_sizes_write_the_same_history(tmp_path, monkeypatch):
    plan = plan_of(("gone", 3, fault("ap_gone")), ("gone.end", 20, end("gone")), ("loss", 30, fault("loss")), ("loss.end", 60, end("loss")))
    histories = []
    for which in ("micropython", "micropython32"):
        monkeypatch.setattr("holdfast_bench.sim.runner.interpreter", lambda which=which: getattr(choices(), which))
        histories.append(run(spec(plan, 5), folder=tmp_path / which, limit_s=60).history)
    assert histories[0] == histories[1]


def test_what_becomes_machine_code_imports_nothing_inside_a_function():
    """Machine code that uses no other name of its own module looks for the import from wherever it was called."""
    for part, names in MACHINE_CODE.items():
        for name in names:
            tree = ast.parse((Path(runner.__file__).resolve().parents[1] / part / (name + ".py")).read_text())
            inside = [node.lineno for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
                      for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))]
            assert not inside, "%s/%s.py, line %s" % (part, name, inside)
