"""Shortens the names inside the firmware's package for its build: on a chip each name that the interpreter does not have already takes 7 bytes
and its text, and its text once more in every .mpy. Knows the package's sources, and what names come from outside; nothing of runs.

A name of the package's own – attribute, method, function, class, parameter – is replaced everywhere by one of `known_names.txt`, which every
MicroPython has in its ROM. Two names share a replacement only when no module has both, nor a class and the classes it is derived from; so what stands in a
module can be turned back, which `Names.restore` does for tracebacks. Lines stay where they are. Not touched: what an application uses
(what `__init__` defines, the public names of API's classes), strings, keywords of calls, modules, exceptions, everything that comes from the interpreter, umqtt or the chip.
"""

import ast
import functools
import io
import json
import keyword
import re
import tokenize
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError

FILE = "names.json"
API = ("Node", "Typed")  # classes that applications get hold of: their methods without underscore, and the parameters of these, stay,
ATTRIBUTES = ("id", "config", "cause", "boots", "life", "verbose")  # and these attributes
_HERE = Path(__file__).resolve().parent
_KNOWN = _HERE / "known_names.txt"
# The fakes of modules that the firmware can import, and of classes that they offer.
_CHIP = tuple(_HERE / "chip" / (name + ".py") for name in "_asyncio _thread errno esp esp32 lan machine micropython network os ppp select socket ssl sys time uart vfs".split())
# umqtt.simple 1.3.4 to 1.8: what MQTTClient has, and calls of its socket.
_MQTT = frozenset("""MQTTClient MQTTException client_id sock server port ssl ssl_params pid cb user pswd keepalive lw_topic lw_msg lw_qos lw_retain _send_str _recv_len
    set_callback set_last_will connect disconnect ping publish subscribe wait_msg check_msg read write close setblocking settimeout send recv topic msg retain qos""".split())
# Replacements that could be taken for something: the interpreter looks for these in objects of any class.
_NEVER = frozenset("send throw close write read readinto readline ioctl value args errno const super self cls print open main utf micropython builtins match".split())
_BASES = {"MQTTClient": _MQTT, "Exception": {"args", "value", "errno"}, "ValueError": {"args", "value", "errno"}}
_DYNAMIC = ("getattr", "setattr", "hasattr", "namedtuple")
_FRAME = re.compile(r'File "(\w+)", line \d+(?:, in (<?\w+>?))?')
_QUOTED = re.compile(r"'(\w+)'")


@dataclass(frozen=True)
class Names:
    """What stands for what: {module: {replacement: original}}."""

    modules: dict

    @functools.cached_property
    def short(self):
        return {name: short for names in self.modules.values() for short, name in names.items()}

    def translate(self, text):
        """Source text with the replacements, each in its line."""
        lines = text.splitlines(keepends=True)
        for token in reversed(_names(text)):
            if token.string in self.short:
                row, column = token.start
                line = lines[row - 1]
                lines[row - 1] = line[:column] + self.short[token.string] + line[column + len(token.string):]
        return "".join(lines)

    def restore(self, text):
        """Text from a board – a traceback, or its end – with the names of the source. Other text stays as it is."""
        return "\n".join(map(Restorer(lambda: self).line, text.split("\n")))

    def save(self, folder):
        Path(folder, FILE).write_text(json.dumps(self.modules, indent=0, sort_keys=True) + "\n")


class Restorer:
    """Names.restore() for lines as they come. names: a function that returns the Names, called when there is anything to restore."""

    def __init__(self, names):
        self._names = names
        self._module = None  # where the last frame of a traceback was

    def line(self, line):
        frame = _FRAME.search(line)
        if frame:
            modules = self._names().modules
            self._module = frame.group(1) if frame.group(1) in modules else None
            if self._module:
                function = frame.group(2)
                where = 'File "holdfast/%s.py"' % self._module + (", in " + modules[self._module].get(function, function) if function else "")
                line = line[:frame.start()] + where + line[frame.end():]
        elif self._module:  # the exception, which was raised there
            names = self._names().modules[self._module]
            line = _QUOTED.sub(lambda found: "'%s'" % names.get(found.group(1), found.group(1)), line)
            self._module = None
        return line


def load(folder):
    """The Names of a build. Raises BenchError when the folder holds none."""
    path = Path(folder, FILE)
    try:
        return Names(json.loads(path.read_text()))
    except (OSError, ValueError) as e:
        raise BenchError("%s is not the list of names of a build: %s" % (path, e)) from None


def names(package):
    """The Names for a package: {module: source text}. Raises BenchError where a name is made up at run time, and SyntaxError."""
    found = _Package(package)
    ours = {name for name in found.defined - found.kept - _outside() if not keyword.iskeyword(name) and not name.startswith("__")}
    taken = {place: used - ours for place, used in found.places.items()}
    where = defaultdict(list)
    for place, used in found.places.items():
        for name in used & ours:
            where[name].append(place)
    short = {}
    # What costs most has the first choice: the text, once per module.
    for name in sorted(ours, key=lambda name: (-len(where[name]) * (len(name) + 2), name)):
        places = list(taken) if name in found.loose else where[name]
        short[name] = next(word for word in _palette() if all(word not in taken[place] for place in places))
        for place in places:
            taken[place].add(short[name])
    return Names({module: {short[name]: name for name in sorted(found.tokens[module] & ours)} for module in package})


class _Package:
    """What the sources say. tokens: names that stand in each module. places: those that must differ in it: its own, and those of the modules
    that its classes are derived from. imported: modules from outside. defined: by the package. kept: must stay. loose: attributes that only others set."""

    def __init__(self, package):
        self.tokens, self.places, self.imported = {}, {}, {}
        self.defined, self.kept, own, loose = set(), set(), set(), set()
        classes, derived = defaultdict(list), []
        for module, text in package.items():
            self.tokens[module] = {token.string for token in _names(text)}
            self.places[module] = set(self.tokens[module])
            tree = ast.parse(text)
            self.imported[module] = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    classes[node.name].append(module)
                    derived += [(module, ast.unparse(base).rpartition(".")[2]) for base in node.bases]
                    self._class(node, own)
                self._node(module, node, own, loose)
            for statement in tree.body:
                if isinstance(statement, ast.Assign):
                    self._assigned(statement, own)
                if module == "__init__" and isinstance(statement, (ast.Assign, ast.FunctionDef, ast.ClassDef)):
                    self.kept.update([statement.name] if hasattr(statement, "name") else [target.id for target in statement.targets])
        for _ in derived:  # so far a class may be derived
            for module, base in derived:
                for origin in classes[base]:
                    self.places[module] |= self.places[origin]
                self.places[module] |= _BASES.get(base, set())
        self.loose = loose - own

    def _node(self, module, node, own, loose):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.add(node.name)
            self.defined.add(node.name)
        elif isinstance(node, ast.arg):
            self.defined.add(node.arg)
        elif isinstance(node, ast.Attribute):
            if node.attr == "__dict__":
                raise BenchError("%s.py, line %d: __dict__ has the names as they are in the build, not as they are written" % (module, node.lineno))
            if isinstance(node.ctx, ast.Store):
                self.defined.add(node.attr)
                (own if isinstance(node.value, ast.Name) and node.value.id == "self" else loose).add(node.attr)
        elif isinstance(node, ast.keyword):
            self.kept.add(node.arg)
        elif isinstance(node, ast.Import):
            self.kept.update(*(alias.name.split(".") for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            if not node.level or not node.module:  # from outside; or modules, and what __init__ defines
                self.kept.update([*(node.module or "").split("."), *(alias.name for alias in node.names)])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC:
            of_outside = isinstance(node.args[0], ast.Name) and node.args[0].id in self.imported[module]
            if not isinstance(node.args[1], ast.Constant) and not of_outside and ast.unparse(node) != "hasattr(package, name)":
                raise BenchError("%s.py, line %d: %s of a name that is not known when the firmware is built" % (module, node.lineno, node.func.id))
            self.kept.update(str(getattr(node.args[1], "value", "")).split())

    def _class(self, node, own):
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                self._assigned(statement, own)
        if any(base.id in ("Exception", "ValueError", "OSError") for base in node.bases if isinstance(base, ast.Name)):
            self.kept.add(node.name)  # shown to people
        if node.name in API:
            self.kept.add(node.name)
            for part in ast.walk(node):
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and (part.name == "__init__" or not part.name.startswith("_")):
                    self.kept.update([part.name, *(a.arg for a in part.args.args + part.args.kwonlyargs)])
            self.kept.update(ATTRIBUTES)

    def _assigned(self, statement, own):
        for target in statement.targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    own.add(node.id)
                    hidden = node.id.startswith("_") and isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "const"
                    if not hidden:  # the compiler puts the value of such a constant where its name stands: it is in no .mpy
                        self.defined.add(node.id)


def _names(text):
    """The NAME tokens of a source, but for the names of modules in `from .module import`."""
    found, module, before = [], False, ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            if token.string == "import":
                module = False
            if not module:
                found.append(token)
            if token.string == "from" and before != "yield":
                module = True
            before = token.string
        elif token.type == tokenize.NEWLINE:
            module = False  # it was a `raise … from`
    return found


@functools.cache
def known():
    """(names of every MicroPython since .mpy version 6, further ones that its interpreters have)."""
    lines = [line.split() for line in _KNOWN.read_text().splitlines() if line and not line.startswith("#")]
    return tuple(lines[0]), tuple(lines[1])


@functools.cache
def _palette():
    every, more = known()
    fit = [word for word in every if word.islower() and word.isidentifier()]
    fit += sorted((word for word in more if word[0].isalpha() and word.islower() and len(word) < 7), key=lambda word: (len(word), word))
    made = [a + b for a in "abcdefghijklmnopqrstuvwxyz" for b in "0123456789"]
    return tuple(word for word in fit + made if not keyword.iskeyword(word) and not word.startswith("__") and word not in _NEVER)


@functools.cache
def _outside():
    """Names that belong to the interpreter, to umqtt.simple, or, by the fakes, to the chip's modules: what these and their classes define."""
    found = {word for words in known() for word in words} | _MQTT
    for path in _CHIP:
        tree = ast.parse(path.read_text())
        for body in [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
            for node in body:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    found.add(node.name)
                elif isinstance(node, ast.Assign):
                    found.update(part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name))
    return frozenset(name for name in found if not name.startswith("_") or name in _MQTT or name.startswith("__"))


def sources():
    """The files that a build depends on besides the package."""
    return [Path(__file__).resolve(), _KNOWN, *_CHIP]
