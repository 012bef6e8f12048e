"""Firmware without replay, broken on purpose: the run is bad, names the lost messages, and the drain waited for them."""

import shutil

import pytest

from holdfast_bench import checkout
from holdfast_bench.checks import judge
from holdfast_bench.scenario import compile_plan, find, load
from holdfast_bench.sim import run

REPLAY = "        for seq in self.seqs:\n            if seq not in self._again:\n                self._again.append(seq)\n"
NO_REPLAY = "        for seq in list(getattr(self, 'seqs', ())):\n            self._finish(seq)\n"


@pytest.fixture
def forgetful(tmp_path):
    """A firmware that takes what was on its way when the connection broke for acknowledged."""
    folder = tmp_path / "firmware"
    shutil.copytree(checkout.FIRMWARE, folder)
    outbox = folder / "holdfast" / "outbox.py"
    text = outbox.read_text()
    assert text.count(REPLAY) == 1, "the replay is written differently now: mend this test"
    outbox.write_text(text.replace(REPLAY, NO_REPLAY))
    return folder


def test_firmware_without_replay_is_bad_and_the_lost_messages_are_named(forgetful):  # R31, R46
    plan = compile_plan(load(find("ap_outage")[0]), "ap_outage", 1)
    events = run(plan, firmware=forgetful)
    result = judge(events, plan, "sim")
    assert result.verdict == "bad"
    lost, = [f for f in result.findings if f.law == "lost"]
    assert result.numbers["lost"] >= 3 and len(lost.ids) == result.numbers["lost"]
    assert all(name in lost.text for name in lost.ids)
    drained, = [e for e in events if e["ev"] == "drained"]
    assert not drained["ok"] and drained["took_ms"] >= plan["drain_ms"]
