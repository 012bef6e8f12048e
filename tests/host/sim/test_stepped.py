"""Several simulated boards at once, and simulations that are led step by step. R45, R50"""

import pytest

from holdfast_bench import checkout
from holdfast_bench.checks import judge
from holdfast_bench.places import Options, run_plan
from holdfast_bench.places.sim import SimHistory, rig
from holdfast_bench.scenario import compile_plan, find, load
from holdfast_bench.scenario.executor import Executor

HEAD = 'title = "x"\ndeadline_s = 200\n[config.app]\nperiod_ms = 500\n'
ECHO = """
import asyncio, holdfast
node = holdfast.Node("config.json")

@node.on("cmd/+/led")
def led(topic, payload):
    node.publish("echo", payload)

async def sample():
    while True:
        node.publish("sensor/temp", "21.5")
        await asyncio.sleep(1)

node.run(sample())
"""


def plan_of(tmp_path, text, seed=1):
    path = tmp_path / "case.toml"
    path.write_text(text)
    return compile_plan(load(path), "case", seed)


def states(events, board="b1"):
    return [e["new"] for e in events if e["src"] == "board/" + board and e["ev"] == "state"]


def stepped(plan, firmware=None):
    import contextlib

    with contextlib.ExitStack() as stack:
        history = SimHistory()
        Executor(plan, rig(plan, history, Options(firmware=firmware), stack), history).run()
    return list(history.events)


def test_a_fault_of_one_board_leaves_the_others_alone(tmp_path):  # R45
    plan = plan_of(tmp_path, HEAD.replace("deadline", "boards = 3\ndeadline") + '[[step]]\nat_s = 5\nfault = "ap_gone"\nboard = "b2"\nfor_s = 20\n')
    result, _ = run_plan(plan, "sim", Options())
    assert result.verdict == "good", result.findings
    assert "backoff" in states(result.events, "b2")
    assert states(result.events, "b1") == states(result.events, "b3") == ["dialing", "online"]


def test_led_step_by_step_a_board_does_what_it_does_otherwise():
    plan = compile_plan(load(find("main_job")[0]), "main_job", 3)
    result, _ = run_plan(plan, "sim", Options())
    by_steps = judge(stepped(plan), plan, "sim")
    assert by_steps.verdict == result.verdict == "good", by_steps.findings
    assert states(by_steps.events)[:6] == states(result.events)[:6]
    assert by_steps.numbers["watchdog_bites"] == 1


def test_the_same_seed_gives_the_same_run_with_several_boards_too(tmp_path):
    text = HEAD.replace("deadline", "boards = 2\ndeadline") + '[[step]]\nat_s = 5\nfault = "loss"\nfor_s = 10\n'
    one, two = (run_plan(plan_of(tmp_path, text), "sim", Options())[0].events for _ in range(2))
    assert one == two


@pytest.mark.parametrize("run", [lambda plan, folder: run_plan(plan, "sim", Options(firmware=folder))[0].events, stepped], ids=["inside", "stepped"])
def test_a_message_from_the_brokers_side_reaches_the_board(tmp_path, run):  # R18
    for entry in checkout.FIRMWARE.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "main.py").unlink()
    (tmp_path / "main.py").write_text(ECHO)
    plan = plan_of(tmp_path, HEAD + """
[[step]]
at_s = 2
publish = { topic = "cmd/7/led", payload = { on = true }, qos = 1 }

[[expect]]
what = "the board answers with what it was told"
after = "cmd/7/led"
event = { src = "broker", ev = "recv", topic = "holdfast/b1/echo" }
within_s = 5
""")
    events = run(plan, tmp_path)
    assert [e["ok"] for e in events if e["ev"] == "expect"] == [True, True]
    assert '{\\"on\\":true}' in next(e["payload"] for e in events if e["ev"] == "recv" and e["topic"].endswith("/echo"))
