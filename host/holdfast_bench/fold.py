"""Puts small modules of the firmware together for its build: on a chip every module costs some 200 bytes of heap, a file to be looked for along the
path, and its imports once more. The source stays one idea a file; what is loaded together anyway becomes one module of the build.

Knows the package's sources; nothing of runs. What belongs together says GROUPS; a module that a plain node does not need stays by itself.
A name that two parts of a group give to different things gets the part's name behind it in the later one. Refused is whatever would mean something else
afterwards: a part that takes another's name for a built-in, an import with a new name, a module used as an object whose names had to change.
"""

import ast
import builtins
import io
import tokenize
from collections import Counter
from dataclasses import dataclass

from .errors import BenchError

# What the parts are put into: the parts, those needed by others first. The first group is what a wake without radio needs as well.
GROUPS = {
    "outbox": ("errors", "block", "clock", "ring", "topics"),
    "session": ("backoff", "breaker", "retry", "rtt", "packets", "envelope", "transport", "path"),
    "supervisor": ("states", "ladder", "subscriptions", "wire", "endpoint", "watchdog"),
    "node": ("nvs", "router", "lives", "events"),
}
HOME = {part: head for head, parts in GROUPS.items() for part in parts}


@dataclass(frozen=True)
class Folded:
    """package: {module: source text}. parts: {module that was put together: {part: names of its functions}}; renamed: {module: {name: what the part calls it}}."""

    package: dict
    parts: dict
    renamed: dict


def fold(package, groups=None):
    """The Folded for a package: {module: source text}. Raises BenchError where that would change what the firmware does, and SyntaxError."""
    groups = {head: [part for part in parts if part in package] for head, parts in (groups or GROUPS).items() if head in package}
    home = {part: head for head, parts in groups.items() for part in parts}
    trees = {module: ast.parse(text) for module, text in package.items()}
    objects = {alias.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.module for alias in node.names}
    keywords = {node.arg for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    made, parts, renamed = {}, {}, {}
    for module, text in package.items():
        if module in home:
            continue
        group = [*groups.get(module, ()), module]
        if len(group) == 1:
            made[module] = _Part(module, text, trees[module], home, group).text({}, set())
            continue
        bound, texts, renamed[module] = {}, [], {}
        sources = [_Part(name, package[name], trees[name], home, group) for name in group]
        for part in sources:
            rename = {}
            for name, what in part.bound.items():
                if name in bound and bound[name] != what:
                    if part.name in objects or name in keywords or name in part.in_classes or _wanted(trees, part.name, name):
                        raise BenchError("%s.py: %s is a name of %s's, too, and cannot be another one there" % (part.name, name, module))
                    rename[name] = "%s_%s" % (name, part.name)
            for other in sources:
                taken = {name for name in other.bound if other is not part and hasattr(builtins, name)} & part.used - set(part.bound)
                if taken:
                    raise BenchError("%s.py: %s is a built-in, and something else in %s.py" % (part.name, min(taken), other.name))
            renamed[module].update({new: old for old, new in rename.items()})
            texts.append(part.text(rename, set(bound)))
            bound.update({rename.get(name, name): what for name, what in part.bound.items()})
        made[module] = _gathered("".join(texts))
        parts[module] = {part.name: part.functions for part in sources}
    return Folded(made, parts, renamed)


def _wanted(trees, module, name):
    return any(isinstance(node, ast.ImportFrom) and node.module == module and name in [alias.name for alias in node.names] for tree in trees.values() for node in ast.walk(tree))


class _Part:
    """One module. bound: {name: what it stands for} at its top. used: names that it reads. functions: those that it defines."""

    def __init__(self, name, text, tree, home, group):
        self.name, self._text, self._tree, self._home, self._group = name, text, tree, home, group
        self.bound = {}
        for statement in tree.body:
            for node in _shallow(statement):
                if isinstance(node, ast.Import):
                    self.bound.update({alias.asname or alias.name.partition(".")[0]: ("module", alias.name) for alias in node.names})
                elif isinstance(node, ast.ImportFrom):
                    if not self._own(node):
                        self.bound.update({alias.asname or alias.name: (node.level, node.module, alias.name) for alias in node.names})
                elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    self.bound[node.name] = (name, node.name)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self.bound[node.id] = (name, node.id)
        self.in_classes = {node.id for body in ast.walk(tree) if isinstance(body, ast.ClassDef) for statement in body.body for node in _shallow(statement) if isinstance(node, ast.Name)}
        self.in_classes |= {node.name for body in ast.walk(tree) if isinstance(body, ast.ClassDef) for node in body.body if hasattr(node, "name")}
        self.used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        self._first = {}  # module of the build: (the first import from it at the top, names that this one imports for all)
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.level and node.module in home and not self._own(node):
                self._first.setdefault(home[node.module], (node, []))[1].extend(node.names)
        self.functions = sorted({node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))})

    def _own(self, node):
        return node.level == 1 and node.module in self._group

    def text(self, rename, known):
        """The source, with names changed and imports as they have to be in the build. known: names that parts before this one have at the top."""
        edits = []  # (line, column, line of the end, its column, text instead)
        function = {}
        for outer in ast.walk(self._tree):
            if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)):
                function.update({node: outer for node in ast.walk(outer)})
        for node in ast.walk(self._tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                new = self._import(node, function.get(node), rename, known)
                if new is not None:
                    edits.append((node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, new))
        covered = {line for edit in edits for line in range(edit[0], edit[2] + 1)}
        before = None
        for token in tokenize.generate_tokens(io.StringIO(self._text).readline):
            if token.type == tokenize.NAME and token.string in rename and before != "." and token.start[0] not in covered:
                edits.append((*token.start, *token.end, rename[token.string]))
            before = token.string
        lines = self._text.splitlines(keepends=True)
        for first, column, last, end, new in sorted(edits, reverse=True):
            lines[first - 1:last] = [lines[first - 1][:column] + new + lines[last - 1][end:]]
        return "".join(lines)

    def _import(self, node, function, rename, known):
        """What stands in the build instead of an import; None: the same."""
        if isinstance(node, ast.Import):
            return None
        if not node.level:
            if node.module == "micropython" and all(alias.name == "const" for alias in node.names):
                return "pass"  # the compiler needs no import of that
            left = [] if function else self._left(node.names, rename, known)
            return None if function or len(left) == len(node.names) else _from(node.module, left)
        if not node.module:
            if any(alias.name in self._group and len(self._group) > 1 for alias in node.names):
                raise BenchError("%s.py, line %d: a part of the same module of the build" % (self.name, node.lineno))
            if not any(alias.name in self._home for alias in node.names):
                return None
            return "from . import " + ", ".join("%s as %s" % (self._home[alias.name], alias.asname or alias.name) if alias.name in self._home else ast.unparse(alias) for alias in node.names)
        if self._own(node):
            for alias in node.names:
                again = function and Counter(_binds(function))[alias.name] != 1
                if alias.asname or again:
                    raise BenchError("%s.py, line %d: %s has two meanings there, in the build" % (self.name, node.lineno, alias.asname or alias.name))
            return "pass"
        if node.module in self._home:
            head = self._home[node.module]
            first, names = self._first.get(head, (None, ()))
            if function:
                return _from("." + head, node.names)
            return _from("." + head, self._left(names, rename, known)) if node is first else "pass"
        return None

    def _left(self, names, rename, known):
        return [alias for alias in names if alias.asname or alias.name not in known or alias.name in rename]


def _gathered(text):
    """A source whose first import from a module outside imports all that is imported from there at its top."""
    wanted = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and not node.level and not any(alias.asname for alias in node.names):
            wanted.setdefault(node.module, []).append(node)
    lines = text.splitlines(keepends=True)
    for module, nodes in wanted.items():
        names = list(dict.fromkeys(alias.name for node in nodes for alias in node.names))
        for node in nodes:
            lines[node.lineno - 1] = _from(module, [ast.alias(name) for name in (names if node is nodes[0] else ())]) + "\n"
    return "".join(lines)


def _from(module, names):
    return "from %s import %s" % (module, ", ".join(map(ast.unparse, names))) if names else "pass"


def _shallow(statement):
    """A statement and what is in it, but for the bodies of functions and classes."""
    yield statement
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        for child in ast.iter_child_nodes(statement):
            yield from _shallow(child)


def _binds(function):
    """Every name that a function binds, as often as it does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)
