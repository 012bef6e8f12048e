"""Shortens the names inside the firmware's package for its build: on a chip each name that the interpreter does not have already takes 7 bytes
and its text, and its text once more in every .mpy. Knows the package's sources, and what names come from outside; nothing of runs.

A name of the package's own – attribute, method, function, class, parameter – is replaced everywhere by one of `known_names.txt`, which every
MicroPython has in its ROM, if possible by one that its modules name already. Two names share a replacement only where they can never meet: not at the top of
one module, in one function, in one class and those it is derived from; and all functions and classes of a module differ, so that a traceback can be
turned back, which `Names.restore` does. Lines stay where they are. Not touched: what an application uses (what `__init__` defines, the public names of API's classes), strings, keywords of calls, modules, exceptions, everything that comes from the interpreter, umqtt or the chip.
"""

import ast
import functools
import io
import json
import keyword
import re
import tokenize
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from . import fold
from .errors import BenchError

FILE = "names.json"
API = ("Node", "Typed")  # classes that applications get hold of: their methods without underscore, and the parameters of these, stay,
BASES = ("Events",)  # what these are derived from: their methods likewise, but for the one that makes them,
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
_INTERNED = 10  # characters of a string that is in a table of names, at most
_FRAME = re.compile(r'File "(\w+)", line \d+(?:, in (<?\w+>?))?')
_QUOTED = re.compile(r"'(\w+)'")


@dataclass(frozen=True)
class Names:
    """What stands for what in a build. short: {original: replacement}. modules: {module: {replacement: function or class}}; others: {module: {replacement:
    what else it stands for there}}. parts: of modules that fold.py put together, {module: {part: its functions}}."""

    modules: dict
    others: dict = field(default_factory=dict)
    parts: dict = field(default_factory=dict)
    short: dict = field(default_factory=dict)

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
        Path(folder, FILE).write_text(json.dumps({"modules": self.modules, "others": self.others, "parts": self.parts}, indent=0, sort_keys=True) + "\n")

    def meant(self, module, name):
        """What a name of the build may stand for in a module: a|b when there are several."""
        found = [self.modules.get(module, {}).get(name), *self.others.get(module, {}).get(name, ())]
        return "|".join(sorted(filter(None, found))) or name

    def source(self, module, function):
        """The file in which a function of a module of the build stands, without .py; several, where each has one of that name."""
        parts = self.parts.get(module, {module: ()})
        return "|".join([part for part, functions in sorted(parts.items()) if function in functions] or [module])


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
                function = frame.group(2) and modules[self._module].get(frame.group(2), frame.group(2))
                where = 'File "holdfast/%s.py"' % self._names().source(self._module, function) + (", in " + function if function else "")
                line = line[:frame.start()] + where + line[frame.end():]
        elif self._module:  # the exception, which was raised there
            line = _QUOTED.sub(lambda found: "'%s'" % self._names().meant(self._module, found.group(1)), line)
            self._module = None
        return line


def load(folder):
    """The Names of a build. Raises BenchError when the folder holds none."""
    path = Path(folder, FILE)
    try:
        return Names(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as e:
        raise BenchError("%s is not the list of names of a build: %s" % (path, e)) from None


def names(package):
    """The Names for a package: {module: source text}. Raises BenchError where a name is made up at run time, and SyntaxError."""
    found = _Package(package)
    ours = {name for name in found.defined - found.kept - _outside() if not keyword.iskeyword(name) and not name.startswith("__")}
    taken = {space: (used | found.loose if space[0] == "class" else used) - ours for space, used in found.spaces.items()}
    classes = [space for space in taken if space[0] == "class"]
    spaces, modules = defaultdict(list), defaultdict(list)
    for space, used in found.spaces.items():
        for name in used & ours:
            spaces[name].append(space)
    for module, used in found.tables.items():
        for name in used & ours:
            modules[name].append(module)
    tables = {module: used - ours for module, used in found.tables.items()}
    short = {}
    # What costs most has the first choice: the text, once per module. Then that which costs least in the tables of its modules.
    for name in sorted(ours, key=lambda name: (name not in found.loose, -len(modules[name]) * (len(name) + 2), name)):
        places = spaces[name] + classes * (name in found.loose)
        used = set().union(found.asked, *(taken[place] for place in places))
        costs = ((sum(cost for module in modules[name] if word not in tables[module]), i, word) for i, (word, cost) in enumerate(_palette()) if word not in used)
        short[name] = min(costs)[2]
        for place in places:
            taken[place].add(short[name])
        for module in modules[name]:
            tables[module].add(short[name])
    told, others = {}, {}
    for module in package:
        told[module] = {short[name]: name for name in sorted(found.functions[module] & ours)}
        others[module] = defaultdict(list)
        for name in sorted(found.tokens[module] & ours - found.functions[module]):
            others[module][short[name]].append(name)
    return Names(told, {module: dict(names) for module, names in others.items()}, {}, short)


def reduced(package):
    """A package as it is compiled: {module of the build: source text}, and its Names. Raises as names() and fold.fold() do."""
    folded = fold.fold(package)
    made = names(folded.package)
    texts = {module: made.translate(text) for module, text in folded.package.items()}
    told = {module: {short: folded.renamed.get(module, {}).get(name, name) for short, name in found.items()} for module, found in made.modules.items()}
    return texts, Names(told, made.others, folded.parts, made.short)


class _Package:
    """What the sources say. tokens: names that stand in each module; tables: those of them, and of its strings, that its .mpy will have in its table (names of local
    variables are in none). functions: functions and classes of each. imported: modules from
    outside. defined: names of the package's own. kept: must stay. asked: looked for by name at run time. loose: attributes that others set: of which class is not known.

    spaces: names that must differ from each other: {("module", m): what its top has and its functions use of that; ("class", c): attributes of c and of the
    classes it is derived from, and of those derived from it; ("function", m, line): all that is read or written there; ("functions", m): those of a
    module, or a traceback says nothing}."""

    def __init__(self, package):
        self.tokens, self.tables, self.functions, self.imported = {}, {}, {}, {}
        self.spaces = defaultdict(set)
        self.defined, self.kept, self.asked, self.loose = set(), set(), set(), set()
        trees = {module: ast.parse(text) for module, text in package.items()}
        self._families(trees)
        for module, text in package.items():
            tree = trees[module]
            self.tokens[module] = {token.string for token in _names(text)}
            self.functions[module] = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
            self.spaces["functions", module] = set(self.functions[module])
            self.imported[module] = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    self._class(node)
                self._node(module, node)
            self.tables[module] = set(self.functions[module])
            self._scopes(module, tree)
            for statement in tree.body:
                if isinstance(statement, ast.Assign):
                    self._assigned(statement)
                if module == "__init__" and isinstance(statement, (ast.Assign, ast.FunctionDef, ast.ClassDef)):
                    self.kept.update([statement.name] if hasattr(statement, "name") else [target.id for target in statement.targets])

    def _families(self, trees):
        """Which classes share attributes: {name of a class: the space of all that are related to it}."""
        family, bases = {}, []
        for tree in trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    family.setdefault(node.name, node.name)
                    bases += [(node.name, ast.unparse(base).rpartition(".")[2]) for base in node.bases]
        # A class may be imported under another name: then that is its name here as well.
        for tree in trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom):
                    bases += [(alias.asname, alias.name) for alias in node.names if alias.asname and alias.name in family]
                    family.update({alias.asname: alias.asname for alias in node.names if alias.asname and alias.name in family and alias.asname not in family})
        for child, base in bases * 8:
            if base in family:
                old, new = sorted((family[child], family[base]), reverse=True)
                family = {name: new if head == old else head for name, head in family.items()}
        self._family = family
        for child, base in bases:
            self.spaces["class", family[child]] |= _BASES.get(base, set())

    def _scopes(self, module, tree):
        """Fills spaces and the table of a module."""
        top, table = self.spaces["module", module], self.tables[module]

        def walk(node, of_class, function, local):
            for child in ast.iter_child_nodes(node):
                inner, within, names = of_class, function, local
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    (function if function is not None else self.spaces["class", of_class] if of_class else top).add(child.name)
                    if function is None:
                        within, names = self.spaces["function", module, child.lineno], _local(child)
                elif isinstance(child, ast.ClassDef):
                    top.add(child.name)
                    inner = self._family[child.name]
                here = within if within is not None else self.spaces["class", of_class] if of_class else top
                if isinstance(child, ast.Name):
                    here.add(child.id)
                    if child.id not in names:
                        top.add(child.id)
                        table.add(child.id)
                elif isinstance(child, ast.arg):
                    here.add(child.arg)
                    table.add(child.arg)
                elif isinstance(child, ast.ExceptHandler) and child.name:
                    here.add(child.name)
                elif isinstance(child, (ast.Import, ast.ImportFrom)):
                    here.update((alias.asname or alias.name).partition(".")[0] for alias in child.names)
                    table.update(alias.name for alias in child.names)
                    table.add(getattr(child, "module", None) or "")
                elif isinstance(child, ast.keyword):
                    table.add(child.arg or "")
                elif isinstance(child, ast.Constant) and isinstance(child.value, str) and len(child.value) <= _INTERNED:
                    table.add(child.value)
                elif isinstance(child, ast.Attribute):
                    table.add(child.attr)
                    if isinstance(child.value, ast.Name) and child.value.id in ("self", "cls") and of_class:
                        self.spaces["class", of_class].add(child.attr)
                walk(child, inner, within, names)

        walk(tree, None, None, ())

    def _node(self, module, node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.defined.add(node.name)
        elif isinstance(node, ast.arg):
            self.defined.add(node.arg)
        elif isinstance(node, ast.Attribute):
            if node.attr == "__dict__":
                raise BenchError("%s.py, line %d: __dict__ has the names as they are in the build, not as they are written" % (module, node.lineno))
            if isinstance(node.ctx, ast.Store):
                self.defined.add(node.attr)
                if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                    self.loose.add(node.attr)
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
            words = str(getattr(node.args[1], "value", "")).split()
            self.kept.update(words)
            self.asked.update(words)

    def _class(self, node):
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                self._assigned(statement)
        if any(base.id in ("Exception", "ValueError", "OSError") for base in node.bases if isinstance(base, ast.Name)):
            self.kept.add(node.name)  # shown to people
        if node.name in API + BASES:
            self.kept.add(node.name)
            for part in ast.walk(node):
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and (part.name == "__init__" and node.name in API or not part.name.startswith("_")):
                    self.kept.update([part.name, *(a.arg for a in part.args.args + part.args.kwonlyargs)])
            self.kept.update(ATTRIBUTES)

    def _assigned(self, statement):
        for target in statement.targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    constant = isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "const"
                    # The compiler puts the value of a constant wherever its name stands in the module.
                    (self.kept if constant else self.defined).add(node.id)


def _local(function):
    """The names of a function's own variables, and of those in it."""
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ExceptHandler):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node is not function:
            found.add(node.name)
    return found - {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}


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
    """(name, bytes that one costs in a table): those that a .mpy has by number, those in the ROM, then names that nobody has."""
    every, more = known()
    found = {word: 4 for word in every if word.islower() and word.isidentifier()}
    for word in sorted((word for word in more if word[0].isalpha() and word.islower() and len(word) < 7), key=lambda word: (len(word), word)):
        found[word] = len(word) + 4
    for word in [a + b for a in "abcdefghijklmnopqrstuvwxyz" for b in "0123456789"]:
        found[word] = 16
    return tuple((word, cost) for word, cost in found.items() if not keyword.iskeyword(word) and not word.startswith("__") and word not in _NEVER)


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
    return [Path(__file__).resolve(), Path(fold.__file__).resolve(), _KNOWN, *_CHIP]
