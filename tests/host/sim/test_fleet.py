"""A fleet that comes back all at once: the firmware's own retry controller against a broker of limited speed. R3, R47"""

import json
import xml.etree.ElementTree as ET

import pytest
from holdfast_bench import checkout
from holdfast_bench.cli import app_of
from holdfast_bench.cli.fleet import BAR, JITTERS
from holdfast_bench.errors import BenchError
from holdfast_bench.fleet.controller import defaults, firmware_module
from holdfast_bench.fleet.model import Fleet, recover
from typer.testing import CliRunner


def test_every_node_is_the_firmwares_own_controller():
    retry = firmware_module("retry")
    assert retry.__dict__["Target"].failed.__code__.co_filename == str(checkout.FIRMWARE / "holdfast" / "retry.py")
    # The supervisor asks the controller for every time limit, as the model does.
    supervisor = (checkout.FIRMWARE / "holdfast" / "supervisor.py").read_text()
    assert ".target.dial_ms(" in supervisor and ".target.opened(" in supervisor
    assert defaults(("policy", "cap_ms"))["policy"] in ("decorrelated", "exponential", "gentle", "fixed")
    with pytest.raises(BenchError, match="no setting"):
        defaults(("no_such_setting",))


@pytest.mark.parametrize("outage_ms", [2000, 30_000, 200_000])
def test_single_node_is_back_soon_after_its_broker(outage_ms):  # the fast side of the same policy
    alone = recover(Fleet(1, 1000, "decorrelated", "equal", outage_ms))
    assert alone.all_ms <= (1500 if outage_ms < 60_000 else 11_000)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("outage_ms", [0, 10_000, 120_000])
def test_default_policy_stays_near_the_ideal_and_does_not_collapse(tls, outage_ms):
    own = defaults(("policy", "jitter"))
    back = recover(Fleet(800, 40, own["policy"], own["jitter"], outage_ms, tls))
    assert 0.95 <= back.factor <= BAR
    assert back.wasted <= 800 // 2


@pytest.mark.parametrize("nodes,rate,backlog", [(200, 20, 128), (1000, 50, 500), (2000, 50, 1000)])
@pytest.mark.parametrize("outage_ms", [0, 10_000])
def test_fleet_in_the_queue_of_a_slow_broker_waits_for_its_turn(nodes, rate, backlog, outage_ms):  # R3, R47
    """Its queue holds 6, 10, 20 s of work: whoever gave up before would make it longer for all."""
    own = defaults(("policy", "jitter"))
    back = recover(Fleet(nodes, rate, own["policy"], own["jitter"], outage_ms, backlog=backlog))
    assert back.factor <= BAR, back.wasted


def test_fleet_that_began_in_step_does_not_stay_in_step():  # R3
    """Ten thousand nodes lose their broker at one moment, and its queue holds a quarter of a second: it must not run dry between their tries."""
    own = defaults(("policy", "jitter"))
    assert recover(Fleet(10_000, 500, own["policy"], own["jitter"])).factor <= 1.3


def test_work_is_not_done_faster_than_the_broker_can():
    """Probes cannot fake it: each SYN and each handshake takes its unit of the broker's time."""
    plain, tls = (recover(Fleet(300, 30, "decorrelated", "equal", 0, tls)) for tls in (False, True))
    assert plain.all_ms >= plain.fleet.ideal_ms * 0.95 and tls.all_ms >= 2 * plain.fleet.ideal_ms * 0.95
    assert plain.curve[-1][1] == 300 and all(a[0] <= b[0] for a, b in zip(plain.curve, plain.curve[1:]))


def test_queue_longer_than_patience_collapses_and_the_model_shows_it():
    """A broker that lets nodes queue for longer than they wait does its work for nodes that have gone: worth knowing, not to be hidden."""
    back = recover(Fleet(800, 20, "fixed", "none", 1000, backlog=800, limit_ms=200_000, connack_ms=1000))
    assert back.all_ms is None and back.wasted > 800


def test_jitter_spreads_what_comes_in_step():
    step, spread = (recover(Fleet(500, 1000, "exponential", jitter, 90_000, quick_ms=0, backlog=500)) for jitter in ("none", "equal"))
    assert step.fleet.ideal_ms == spread.fleet.ideal_ms
    assert step.arrivals != spread.arrivals and max(spread.arrivals) < max(step.arrivals)


def test_same_fleet_is_the_same_story():
    fleet = Fleet(200, 20, "decorrelated", "full")
    assert recover(fleet) == recover(fleet)


def test_command_compares_plots_and_writes_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app_of(), ["fleet", "--nodes", "500", "--rate", "50", "--plot", "f.svg", "--json", "f.json"])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "f.json").read_text())
    assert {t["jitter"] for t in told} == set(JITTERS) and sum(t["default"] for t in told) == 1
    assert sum(len(list(ET.parse(tmp_path / "f.svg").iter("{http://www.w3.org/2000/svg}polyline"))) for _ in "1") == len(told)


@pytest.mark.parametrize("args,says", [(["--nodes", "0"], "--nodes 0"), (["--rate", "-1"], "--rate -1"), (["--policy", "lazy"], "--policy lazy"), (["--jitter", "much"], "--jitter much"),
                                       (["--plot", "/nonexistent/f.svg", "--nodes", "5"], "cannot write")])
def test_bad_input_is_one_line(args, says):
    result = CliRunner().invoke(app_of(), ["fleet", *args])
    assert result.exit_code == 2 and says in result.output and "Traceback" not in result.output
