"""The build with short names: the same firmware, smaller, and its tracebacks still readable. R41, R49"""

import ast
import re
import subprocess
import symtable

import pytest

from holdfast_bench import checkout, fold, mpy, reduce
from holdfast_bench.choices import choices
from holdfast_bench.cli import app_of
from holdfast_bench.errors import BenchError
from holdfast_bench.scenario import compile_plan, load
from holdfast_bench.sim import stock_spec
from holdfast_bench.sim.runner import run
from typer.testing import CliRunner

PACKAGE = checkout.FIRMWARE / "holdfast"
SOURCES = {path.stem: path.read_text() for path in sorted(PACKAGE.glob("*.py"))}
ALIKE = ("ap_outage", "watchdog_hang", "power_cut", "messy_network")


@pytest.fixture(scope="module")
def names():
    return reduce.names(SOURCES)


def test_functions_and_classes_of_a_module_can_be_turned_back(names):
    for module, text in SOURCES.items():
        pairs = [(a.name, b.name) for a, b in zip(ast.walk(ast.parse(text)), ast.walk(ast.parse(names.translate(text))), strict=True) if isinstance(a, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
        assert all(names.modules[module].get(short, short) == original for original, short in pairs), module


def scopes(text):
    """The symbol tables of a module, in order."""
    found = [symtable.symtable(text, "m", "exec")]
    for table in found:
        found += table.get_children()
    return found


def test_every_scope_has_as_many_names_as_before_and_they_mean_the_same(names):
    for module, text in SOURCES.items():
        for before, after in zip(scopes(text), scopes(names.translate(text)), strict=True):
            kinds = [[(s.is_parameter(), s.is_local(), s.is_global(), s.is_free(), s.is_imported()) for s in t.get_symbols()] for t in (before, after)]
            originals = {s.get_name(): kind for s, kind in zip(before.get_symbols(), kinds[0])}
            shorts = {s.get_name(): kind for s, kind in zip(after.get_symbols(), kinds[1])}
            assert {names.short.get(name, name): kind for name, kind in originals.items()} == shorts, (module, before.get_name())
            assert len(originals) == len(shorts), (module, before.get_name())


def test_attributes_of_one_object_have_names_of_their_own(names):
    """Those of each class, of what it is derived from and of what is derived from it."""
    classes = {node.name: (module, node) for module, text in SOURCES.items() for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)}
    others = {node.attr for text in SOURCES.values() for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) != "self"}

    def attributes(name):
        module, node = classes[name]
        found = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self"}
        found |= {n.name for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
        for base in node.bases:
            base = ast.unparse(base)
            imported = [alias.name for n in ast.walk(ast.parse(SOURCES[module])) if isinstance(n, ast.ImportFrom) for alias in n.names if alias.asname == base]
            base = imported[0] if imported else base
            found |= attributes(base) if base in classes else reduce._MQTT if base == "MQTTClient" else set()
        return found

    for name in classes:
        mine = attributes(name)
        assert len(mine | others) == len({names.short.get(n, n) for n in mine | others}), name


def test_lines_stay_where_they_are_and_every_module_is_python(names):
    for module, text in SOURCES.items():
        short = names.translate(text)
        ast.parse(short)
        assert len(short.splitlines()) == len(text.splitlines())


def test_a_class_and_what_it_is_derived_from_share_no_replacement(names):
    base = "class Base:\n    def first_thing(self):\n        return 1\n"
    package = {"__init__": "", "base": base, "other": "from .base import Base\n\n\nclass Other(Base):\n    def second_thing(self):\n        return 2\n",
               "third": "from .other import Other\n\n\nclass Third(Other):\n    def third_thing(self):\n        return 3\n"}
    made = reduce.names(package)
    assert len({made.short[name + "_thing"] for name in ("first", "second", "third")}) == 3
    derived = {n.attr for n in ast.walk(ast.parse(names.translate(SOURCES["session"]))) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self"}
    written = {n.attr for n in ast.walk(ast.parse(SOURCES["session"])) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self"}
    assert derived & reduce._MQTT == written & reduce._MQTT  # Session is derived from umqtt's client


def test_what_an_application_uses_keeps_its_name(names):
    page = (checkout.ROOT / "docs" / "firmware.md").read_text()
    api = page[page.index("## The API"):page.index("## Configuration")]
    words = {word for row in re.findall(r"^\| `([^|]*)` \|", api, re.M) for word in re.findall(r"[a-z_]+", re.sub('"[^"]*"', "", row))}
    assert {"publish", "typed", "queued", "watch", "announce", "settled", "limit_ms", "ttl_s", "upload_every"} <= words
    assert not words & set(names.short)
    assert not {"Node", "Typed", "ConfigError", "Full", "Fault", "VERSION", "release"} & set(names.short)


def test_names_that_come_from_outside_are_left_alone():
    package = {"__init__": "", "one": "class A:\n    def connect(self, own_name):\n        self.own_too = own_name\n        self.wlan.connect(reconnects=1)\n"}
    made = reduce.names(package)
    text = made.translate(package["one"])
    assert "own_name" not in text and "own_too" not in text
    assert "def connect(self" in text and ".wlan.connect(reconnects=1)" in text


def test_a_name_made_up_at_run_time_is_refused():
    with pytest.raises(BenchError, match="one.py, line 2: getattr"):
        reduce.names({"__init__": "", "one": "def f(a, b):\n    return getattr(a, b)\n"})
    with pytest.raises(BenchError, match="one.py, line 2: __dict__"):
        reduce.names({"__init__": "", "one": "def f(a):\n    return 'own' in a.__dict__\n"})


def test_a_module_may_be_called_like_an_attribute():
    package = {"__init__": "", "shelf": "class Shelf:\n    pass\n", "one": "from .shelf import Shelf\n\n\nclass A:\n    def __init__(self):\n        self.shelf = Shelf()\n"}
    made = reduce.names(package)
    assert made.translate(package["one"]).startswith("from .shelf import %s\n" % made.short["Shelf"]) and made.short["shelf"] != "shelf"


def test_modules_that_are_imported_as_such_keep_their_names():
    package = {"__init__": "", "shelf": "width = 1\n", "one": "from . import shelf\n\n\nclass A:\n    def __init__(self):\n        self.shelf = shelf.width\n"}
    assert "from . import shelf\n" in reduce.names(package).translate(package["one"])


def test_every_module_can_be_loaded(tmp_path):
    """On its own, as MicroPython finds it, on the interpreter with stand-ins for the chip's modules."""
    made = mpy.firmware(PACKAGE)[0]
    program = tmp_path / "all.py"
    program.write_text("import sys\nsys.path[:0] = sys.argv[1:]\nfor name in %r:\n    __import__('holdfast.' + name)\nprint('loaded')\n" % [m for m in SOURCES if m != "__init__" and m not in fold.HOME])
    plain = checkout.ROOT / "host" / "holdfast_bench" / "perf" / "plain"
    done = subprocess.run([*choices().micropython.command, str(program), str(plain), str(made.parent), str(choices().umqtt)], capture_output=True, text=True)
    assert done.stdout == "loaded\n", done.stdout + done.stderr


def test_one_made_up_for_a_module_of_the_chip_is_not():
    assert reduce.names({"__init__": "", "one": "import network\n\n\ndef f(own_name):\n    return getattr(network, own_name)\n"}).short


def test_an_attribute_that_only_others_set_is_like_no_other():
    package = {"a": "class A:\n    def __init__(self):\n        self.first_thing = 1\n", "b": "def fill(obj):\n    obj.second_thing = 2\n", "__init__": ""}
    made = reduce.names(package)
    assert made.short["first_thing"] != made.short["second_thing"]


def test_every_module_is_smaller_and_whole(tmp_path):
    """Also with a module of one's own, and unlike a build for reading."""
    short, made = mpy.firmware(PACKAGE)
    written = mpy.compiled({"holdfast": PACKAGE}, "written") / "holdfast"
    assert {p.name for p in short.glob("*.mpy")} == {m + ".mpy" for m in SOURCES if m not in fold.HOME}
    assert {p.name for p in written.glob("*.mpy")} == {m + ".mpy" for m in SOURCES}
    assert sum(p.stat().st_size for p in short.glob("*.mpy")) < 0.85 * sum(p.stat().st_size for p in written.glob("*.mpy"))
    assert made.modules == reduce.load(short).modules


def test_a_build_as_written_leaves_no_list_of_names(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__init__.py").write_text("")
    (tmp_path / "src" / "one.py").write_text("def own_name():\n    pass\n")
    mpy.build(tmp_path / "src", tmp_path / "made", "holdfast/")
    assert reduce.load(tmp_path / "made").modules["one"]
    monkeypatch.setenv("HOLDFAST_LINES", "1")
    mpy.build(tmp_path / "src", tmp_path / "made", "holdfast/")
    assert not (tmp_path / "made" / reduce.FILE).exists()
    assert b"own_name" in (tmp_path / "made" / "one.mpy").read_bytes()


@pytest.mark.skipif(not choices().micropython32, reason="no 32-bit MicroPython on this machine")
def test_the_interpreter_knows_the_names_that_are_said_to_be_known(tmp_path):
    every, more = reduce.known()
    (tmp_path / "words").write_text("\n".join([*every, *more, "certainly_unknown"]))
    (tmp_path / "ask.py").write_text("import micropython\nclass O: pass\no = O()\nfor w in open('words'):\n    setattr(o, w.strip(), 0)\nmicropython.qstr_info(1)\n")
    said = subprocess.run([*choices().micropython32.command, "ask.py"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    news = set(re.findall(r"^Q\((.*)\)$", said, re.M))
    assert "certainly_unknown" in news and not news & {*every, *more}


FAULTY = """
import asyncio
import holdfast
node = holdfast.Node("config.json")

async def measure():
    node.publish("sensor/n", "1")
    node.typed("sensor/air", "temp:%")

node.run(measure())
"""


def test_tracebacks_name_what_the_source_has(tmp_path):  # R36
    spec = stock_spec(compile_plan(load(checkout.SCENARIOS / "ap_outage.toml"), "ap_outage", 1))
    spec.main = tmp_path / "app.py"
    spec.main.write_text(FAULTY)
    trace = next(e["trace"] for e in run(spec).events() if e["ev"] == "err" and e["code"] == "app")
    assert 'File "holdfast/typed.py", in _field' in trace, trace
    assert "ValueError: field 'temp:%'" in trace


def test_a_traceback_that_somebody_has_copied_is_turned_back_by_a_command(tmp_path):
    names = mpy.firmware(PACKAGE)[1]
    field = next(short for short, original in names.modules["typed"].items() if original == "_field")
    text = tmp_path / "seen.txt"
    text.write_text('Traceback (most recent call last):\n  File "main.py", line 7, in measure\n  File "typed", line 1, in %s\nAttributeError: \'Typed\' object has no attribute \'%s\'\n' % (field, field))
    said = CliRunner().invoke(app_of(("traceback",)), ["traceback", str(text)])
    assert said.exit_code == 0, said.output
    assert said.output.splitlines() == ["Traceback (most recent call last):", '  File "main.py", line 7, in measure', '  File "holdfast/typed.py", in _field',
                                        "AttributeError: 'Typed' object has no attribute '%s'" % names.meant("typed", field)]
    assert "_field" in names.meant("typed", field).split("|")


def histories(name, seed, monkeypatch):
    plan = compile_plan(load(checkout.SCENARIOS / (name + ".toml")), name, seed)
    for lines in ("", "1"):
        monkeypatch.setenv("HOLDFAST_LINES", lines)
        yield re.sub(rb'free\\+": \d+', b"free", run(stock_spec(plan)).history)


@pytest.mark.parametrize("name", ALIKE)
def test_it_does_to_the_byte_what_the_source_does(name, monkeypatch):
    """The same history from both builds, but for the free heap."""
    short, written = histories(name, 1, monkeypatch)
    assert short == written


# Without those in which the firmware itself travels over the air.
LIBRARY = sorted(path.stem for path in checkout.SCENARIOS.glob("*.toml")
                 if "sim" in load(path).places and load(path).boards == 1 and not path.stem.startswith("update"))


@pytest.mark.soak
@pytest.mark.parametrize("name", LIBRARY)
def test_it_does_so_in_every_scenario(name, monkeypatch):
    for seed in (1, 2, 3):
        short, written = histories(name, seed, monkeypatch)
        assert short == written
