"""The pytest plugin: `pytest --board sim --board twin`. Fixtures for a board and its world; a verdict at the end of every test.

Installed with the package. A test that uses `board`, `boards`, `wifi`, `network`, `broker`, `power`, `ledger` or `bench` gets a run of
its own, on every --board given. When its code has passed, everything is healed and drained, and the test fails if the verdict is
not good. May use: session, fixtures' facades, report.
"""

import contextlib
import fcntl
import hashlib
import re
import tempfile
from pathlib import Path

import pytest

from .errors import BenchError, Cannot

FIXTURES = ("bench", "board", "boards", "wifi", "network", "broker", "power", "ledger")
SESSION = pytest.StashKey()
PAGE = pytest.StashKey()
LOG_LINES = 40


def pytest_addoption(parser):
    group = parser.getgroup("holdfast", "Holdfast: boards and their world")
    group.addoption("--board", action="append", default=[], metavar="PLACE", help="sim, twin, or a board file's name; several times for several. Default: sim.")
    group.addoption("--board-port", action="append", default=[], metavar="PORT", help="The port of a real board; in the order of --board.")
    group.addoption("--holdfast-seed", type=int, default=1, help="What random values are drawn from (1).")
    group.addoption("--holdfast-broker", choices=("mosquitto", "builtin", "external"), default=None, help="Which broker; otherwise the best there is.")
    group.addoption("--holdfast-app", default=None, metavar="FILE", help="The application on the boards: a Python file, or a folder with a main.py.")
    group.addoption("--holdfast-firmware", default=None, metavar="DIR", help="Another firmware than that of the checkout.")
    group.addoption("--holdfast-no-deploy", action="store_true", help="Real boards: test the firmware and the configuration that are on them.")
    group.addoption("--holdfast-report", default="runs/pytest", metavar="DIR", help="Where pages of failing tests go (runs/pytest).")
    parser.addini("holdfast_board", "Places that tests run on when no --board is given.", type="args", default=["sim"])
    parser.addini("holdfast_app", "The application on the boards, relative to the ini file.", default="")


def pytest_configure(config):
    config.addinivalue_line("markers", "holdfast(boards=1, config={}, world={}, seed=None, app=None, drain_s=45, ready_s=60, verdict='good'): the run of a test; "
                                       "verdict=None leaves the judgement to the test")
    config.addinivalue_line("markers", "needs(*faults): faults of the catalogue that the test makes; skipped where one cannot be made")
    config.addinivalue_line("markers", "places(*names): runs on these only: sim, twin, hil")


def _places(config):
    return config.getoption("--board") or config.getini("holdfast_board")


def _kind(place):
    return place if place in ("sim", "twin") else "hil"


def pytest_generate_tests(metafunc):
    if "holdfast_place" in metafunc.fixturenames:
        places = _places(metafunc.config)
        marks = [[] if _kind(p) != "hil" else [pytest.mark.xdist_group("board " + p)] for p in places]
        metafunc.parametrize("holdfast_place", [pytest.param((index, place), id=place, marks=m) for (index, place), m in zip(enumerate(places), marks)],
                             indirect=True)


@pytest.fixture
def holdfast_place(request):
    """(number, name) of the place this test runs on."""
    return request.param


@pytest.fixture
def bench(request, holdfast_place):
    """The run: time, faults, expectations, commands, the history. The other fixtures are views of it."""
    from .places import Options
    from .session import Session

    index, place = holdfast_place
    wanted = _wanted(request)
    _check_place(request, place)
    ports, firmware = request.config.getoption("--board-port"), request.config.getoption("--holdfast-firmware")
    number = wanted.get("boards", 1)
    options = Options(broker=request.config.getoption("--holdfast-broker") or ("builtin" if _inside_broker(request) else None),
                      ports=tuple(ports[:number] if number > 1 else ports[index:index + 1]), firmware=Path(firmware) if firmware else None,
                      deploy=not request.config.getoption("--holdfast-no-deploy"))
    session = Session(place, boards=number, config=wanted.get("config"), world=wanted.get("world"),
                      seed=wanted.get("seed") or request.config.getoption("--holdfast-seed"), name=_plain(request.node.name), options=options,
                      app=_app(request, wanted), ready_s=wanted.get("ready_s", 60))
    with _alone(place, options.ports):
        try:
            session.start()
            for name in _needed(request):
                session.rig.check_fault(name, session.plan["boards"])
        except Cannot as e:
            session.close()
            pytest.skip(str(e))
        except BenchError as e:
            session.close()
            pytest.fail(str(e), pytrace=False)
        request.node.stash[SESSION] = session
        yield session
        session.close()


@pytest.fixture
def boards(bench):
    """Every board of the run, as a list (`@pytest.mark.holdfast(boards=3)`)."""
    from .fixtures import Board
    return [Board(bench, name) for name in bench.plan["boards"]]


@pytest.fixture
def board(boards):
    """The first board."""
    return boards[0]


@pytest.fixture
def wifi(bench):
    """The access point of the boards: off(), on(), away(for_s), …"""
    from .fixtures import Wifi
    return Wifi(bench)


@pytest.fixture
def network(bench):
    """What lies between boards and broker: blackhole(), refused(), loss(), …"""
    from .fixtures import Network
    return Network(bench)


@pytest.fixture
def broker(bench):
    """The broker: stop(), start(), killed(), publish(), …"""
    from .fixtures import Broker
    return Broker(bench)


@pytest.fixture
def power(bench):
    """The boards' supply: off(), on(), cut(for_s), reset(kind)."""
    from .fixtures import Power
    return Power(bench)


@pytest.fixture
def ledger(bench):
    """What was handed over, what arrived, what is missing: accepted, delivered, waiting, lost, …"""
    from .fixtures import Messages
    return Messages(bench)


# -- what a test asks for ---------------------------------------------------------------------------------------------------

def _wanted(request):
    mark = request.node.get_closest_marker("holdfast")
    wanted = dict(mark.kwargs) if mark else {}
    unknown = sorted(set(wanted) - {"boards", "config", "world", "seed", "app", "drain_s", "ready_s", "verdict"})
    if unknown:
        pytest.fail("mark holdfast has no %r; possible: boards, config, world, seed, app, drain_s, ready_s, verdict" % unknown[0], pytrace=False)
    return wanted


def _needed(request):
    return [name for mark in request.node.iter_markers("needs") for name in mark.args]


def _inside_broker(request):
    from .faults import catalogue

    known = catalogue()
    unknown = [n for n in _needed(request) if n not in known]
    if unknown:
        pytest.fail("mark needs: there is no fault %r; `holdfast faults` lists them" % unknown[0], pytrace=False)
    return any("hooks" in known[n].needs for n in _needed(request))


def _check_place(request, place):
    for mark in request.node.iter_markers("places"):
        if _kind(place) not in mark.args:
            pytest.skip("runs on %s only" % " and ".join(mark.args))


def _app(request, wanted):
    """The application: the mark's (beside the test's file), the option's (in the current folder), the ini file's (beside that)."""
    if wanted.get("app"):
        return request.path.parent / wanted["app"]
    if request.config.getoption("--holdfast-app"):
        return Path(request.config.getoption("--holdfast-app"))
    ini = request.config.getini("holdfast_app")
    return request.config.rootpath / ini if ini else None


@contextlib.contextmanager
def _alone(place, ports):
    """A real board is used by one test at a time, also when several processes run them."""
    if _kind(place) != "hil":
        yield
        return
    name = hashlib.sha256(repr((place, ports)).encode()).hexdigest()[:12]
    with open(Path(tempfile.gettempdir()) / ("holdfast-board-%s.lock" % name), "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def _plain(name):
    return re.sub(r"[^\w.-]+", "_", name).strip("_")


# -- verdict and report -----------------------------------------------------------------------------------------------------

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """The test's own code, then heal, drain and verdict: the test passes when both are good."""
    try:
        done = yield
    except Exception as e:
        session = pyfuncitem.stash.get(SESSION, None)
        if session is not None and not isinstance(e, pytest.skip.Exception):
            session.abandon("%s: %s" % (type(e).__name__, str(e).split("\n")[0]))
            _keep(pyfuncitem, session)
        raise
    session = pyfuncitem.stash.get(SESSION, None)
    if session is None:
        return done
    mark = pyfuncitem.get_closest_marker("holdfast")
    wanted = mark.kwargs if mark else {}
    if wanted.get("verdict", "good") is not None:
        result = session.finish(wanted.get("drain_s", 45))
        if result.verdict != wanted.get("verdict", "good"):
            _keep(pyfuncitem, session)
            pytest.fail("\n".join(["the run is %s:" % result.verdict, *_findings(result)]), pytrace=False)
    return done


def _findings(result):
    for f in result.findings:
        yield "%s %s: %s%s" % ("✗" if f.verdict == "bad" else "?", f.law, f.text, " (%.1f s)" % (f.t / 1000) if f.t is not None else "")
        if f.going_on:
            yield "    at that moment: %s" % f.going_on


def _keep(item, session):
    """The page and the JSON of a failing test; the path goes into its report."""
    from .report import write_reports

    folder = Path(item.config.getoption("--holdfast-report")) / _plain(item.nodeid)[-120:]
    with contextlib.suppress(BenchError):
        item.stash[PAGE] = write_reports([(session.result, session.plan)], folder)[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    session = item.stash.get(SESSION, None)
    if session is not None and call.when == "call" and report.failed:
        report.sections.append(("Holdfast: what happened last", _history(session)))
        if PAGE in item.stash:
            report.sections.append(("Holdfast: page of the run", str(item.stash[PAGE])))
    return report


def _history(session):
    from .words import in_words

    told = [e for e in session.events if e["ev"] not in ("accept", "sent", "ack", "recv")][-LOG_LINES:]
    return "\n".join("%9.2f s  %-9s %s" % (e["t"] / 1000, e["src"], in_words(e)) for e in told)
