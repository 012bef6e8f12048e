"""Parameters of a scenario: `[parameters]` gives names and defaults, "$name" stands for the value anywhere in the file.

Pure. Works on what TOML gives, before the schema is checked: a value may be "$outage_s", or a sum such as "$outage_s + 10".
"""

import ast
import operator
import re

_NAME = re.compile(r"\$([A-Za-z_]\w*)")
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


class ParameterError(ValueError):
    """What is wrong with a parameter; `place` is where in the file, as a tuple of keys and indices."""

    def __init__(self, place, text):
        self.place = place
        super().__init__(text)


def fill_in(raw, given=None):
    """(the file's content with every "$name" replaced, {name: value}). `given`: {name: value} over the defaults.

    Raises ParameterError: a name that is not declared, a value out of its range, a sum that is none.
    """
    values = _values(raw.get("parameters", {}), given or {})
    return {key: value if key == "parameters" else _filled(value, values, (key,)) for key, value in raw.items()}, values


def _values(declared, given):
    values = {}
    if not isinstance(declared, dict):
        raise ParameterError(("parameters",), "`parameters` is a table of names and defaults, not %r" % (declared,))
    for name in given:
        if name not in declared:
            raise ParameterError(("parameters",), "the scenario has no parameter %r; it has: %s" % (name, ", ".join(sorted(declared)) or "none"))
    for name, entry in declared.items():
        place = ("parameters", name)
        entry = entry if isinstance(entry, dict) else {"default": entry}
        unknown = sorted(set(entry) - {"default", "min", "max", "about"})
        if unknown:
            raise ParameterError((*place, unknown[0]), "unknown key `%s` of a parameter; possible: default, min, max, about" % unknown[0])
        if "default" not in entry:
            raise ParameterError(place, "parameter `%s` has no default" % name)
        value = given.get(name, entry["default"])
        if isinstance(entry["default"], (int, float)) and not isinstance(entry["default"], bool):
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise ParameterError(place, "parameter `%s` is a number, not %r" % (name, value))
            if "min" in entry and value < entry["min"]:
                raise ParameterError(place, "parameter `%s` is %s, at least %s is allowed" % (name, value, entry["min"]))
            if "max" in entry and value > entry["max"]:
                raise ParameterError(place, "parameter `%s` is %s, at most %s is allowed" % (name, value, entry["max"]))
        values[name] = value
    return values


def _filled(value, values, place):
    if isinstance(value, dict):
        return {k: _filled(v, values, (*place, k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, values, (*place, i)) for i, v in enumerate(value)]
    if not isinstance(value, str) or not _NAME.search(value):
        return value
    for name in _NAME.findall(value):
        if name not in values:
            raise ParameterError(place, "`$%s` is not declared under [parameters]" % name)
    if _NAME.fullmatch(value):
        return values[value[1:]]
    if value.startswith("$") and all(isinstance(values[n], (int, float)) for n in _NAME.findall(value)):
        try:
            return _sum(ast.parse(_NAME.sub(lambda m: repr(values[m.group(1)]), value), mode="eval").body)
        except (SyntaxError, ValueError, ZeroDivisionError):
            raise ParameterError(place, "%r cannot be worked out: parameters, numbers and + - * / are possible" % value) from None
    return _NAME.sub(lambda m: "%s" % values[m.group(1)], value)  # within a text: its words


def _sum(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_sum(node.left), _sum(node.right))
    raise ValueError
