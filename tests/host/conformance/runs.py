"""Runs probes: in virtual time on the fakes alone (lab_sim.py), or on a twin by its serial port. -> the lines the chip printed."""

import re
import subprocess
import tempfile
from pathlib import Path

import lab_twin

from holdfast_bench.choices import choices
from holdfast_bench.mpy import world_and_chip
from holdfast_bench.twin import flashimage

HERE = Path(__file__).parent
TRACES = HERE / "traces"
PROBES = [name for name in sorted(path.stem.partition("_")[2] for path in TRACES.glob("probe_*.py")) if name != "heap"]  # docs/twin.md says why
LIMIT_S = 110


def recorded(probe):
    return (TRACES / ("out_%s_1.26.txt" % probe)).read_text()


def base_port(probe):
    """The number that stood for BASE_PORT when the probe was recorded."""
    return int(re.search(r"ports: echo (\d+)", recorded(probe)).group(1))


def on_sim(probe):
    found = choices()
    with tempfile.TemporaryDirectory(prefix="holdfast-probe-") as folder:
        flash = Path(folder) / "flash.bin"
        flashimage.blank(flash)
        command = [*found.twin.command, "-X", "heapsize=8m", "-m", "lab_sim", str(TRACES / ("probe_%s.py" % probe)), str(base_port(probe)),
                   str(flash), str(found.umqtt)]
        done = subprocess.run(command, cwd=folder, env={"MICROPYPATH": "%s:%s:.frozen" % (world_and_chip(), HERE)}, capture_output=True,
                              text=True, errors="replace", timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


def on_twin(probe):
    return lab_twin.run((TRACES / ("probe_%s.py" % probe)).read_text(), base_port(probe))
