"""The commit of a deployment under power cuts, on the real littlefs of MicroPython: the old firmware or the new one, never a mixture (R49)."""

import subprocess
from pathlib import Path

import pytest

from holdfast_bench.choices import choices
from holdfast_bench.deploy import onboard

SCRIPT = Path(__file__).with_name("cut_commit.py")
PATHS = ["/lib/holdfast/a.mpy", "/lib/holdfast/b.mpy", "/lib/holdfast/c.mpy", "/lib/holdfast/d.mpy", "/config.json", "/main.py"]
OLD, NEW = "A" * len(PATHS), "B" * len(PATHS)


def cuts(tmp_path, step):
    script = tmp_path / "commit.py"
    script.write_text(onboard.commit(PATHS, []))
    done = subprocess.run([*choices().twin.command, "-X", "heapsize=4m", str(SCRIPT), str(script), str(step)], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-1000:]
    first, *lines = done.stdout.splitlines()
    assert first.startswith("whole ")
    # Files that a cut left open are closed by the collector, on a flash that is gone: it grumbles.
    return [line.partition(" ")[2] for line in lines if line[:1].isdigit()]


def check(found):
    assert set(found) == {OLD, NEW}, sorted(set(found))
    assert found == sorted(found), "once new, always new"


def test_a_cut_anywhere_in_a_commit_leaves_old_or_new(tmp_path):
    check(cuts(tmp_path, 83))


@pytest.mark.soak
def test_soak_a_cut_at_every_few_bytes_of_a_commit(tmp_path):
    check(cuts(tmp_path, 5))
