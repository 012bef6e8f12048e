"""Typed payloads on the host: how a node packs the values of a topic (docs/protocol.md, R32).

A pure function over bytes that judges and never trusts. Knows nothing of brokers or databases.
"""

import json
import math
import struct
from typing import NamedTuple

FIELDS_MAX = 64
TEXT_MAX = 64
SCALE_MAX = 10**12
_WHOLE = "bBhHiIqQ"
_SIGNED = "bhiq"
_FLOAT = "fd"
_DIGITS = {"f": 7, "d": 17}


class BadSchema(ValueError):
    """It is no schema, or the payload does not fit it. The text says what is wrong."""


class Field(NamedTuple):
    name: str
    code: str   # as in struct
    scale: int  # the value was multiplied by it
    unit: str

    def value(self, raw):
        """What a raw number means; None: the node had no value."""
        if self.code in _FLOAT:
            return float("%.*g" % (_DIGITS[self.code], raw)) if math.isfinite(raw) else None
        bits = 8 * struct.calcsize(">" + self.code)
        none = -1 << (bits - 1) if self.code in _SIGNED else (1 << bits) - 1
        if raw == none:
            return None
        return raw if self.scale == 1 else raw / self.scale


class Schema:
    """How the payloads of one topic are packed."""

    def __init__(self, own_id, fields):
        self.id = own_id
        self.fields = tuple(fields)
        self._struct = struct.Struct(">" + "".join(f.code for f in self.fields))

    @property
    def size(self):
        """Bytes of a payload."""
        return self._struct.size

    def unpack(self, payload):
        """The values of a payload by name, in order. Raises BadSchema when it has another size."""
        if len(payload) != self.size:
            raise BadSchema("schema %02x: payload of %d bytes, not %d" % (self.id, len(payload), self.size))
        return {f.name: f.value(raw) for f, raw in zip(self.fields, self._struct.unpack(payload))}


def learn(topic, payload):
    """What a message under `schema/` says: (topic of the payloads, below the prefix; Schema). topic: below `schema/`, as "3f/sensor/air".
    Raises BadSchema."""
    own, _, about = topic.partition("/")
    try:
        given = json.loads(payload)
    except (ValueError, RecursionError):
        raise BadSchema("schema: not JSON") from None
    if not isinstance(given, dict) or not about or type(given.get("s")) is not int or "%02x" % given["s"] != own or not 1 <= given["s"] <= 255:
        raise BadSchema("schema: its number is not that of its topic")
    fields = given.get("f")
    if not isinstance(fields, list) or not 1 <= len(fields) <= FIELDS_MAX:
        raise BadSchema("schema %s: not 1 to %d fields" % (own, FIELDS_MAX))
    made = [_field(own, f) for f in fields]
    if len({f.name for f in made}) != len(made):
        raise BadSchema("schema %s: a name comes twice" % own)
    return about, Schema(given["s"], made)


def _field(own, given):
    if not isinstance(given, dict):
        raise BadSchema("schema %s: a field is no object" % own)
    name, code, scale, unit = given.get("n"), given.get("c"), given.get("k", 1), given.get("u", "")
    for text, low in ((name, 1), (unit, 0)):
        if not isinstance(text, str) or not low <= len(text) <= TEXT_MAX or not (text.isprintable()):
            raise BadSchema("schema %s: name or unit is no text of at most %d characters" % (own, TEXT_MAX))
    if not isinstance(code, str) or len(code) != 1 or code not in _WHOLE + _FLOAT:
        raise BadSchema("schema %s: %s has no code of %s" % (own, name, _WHOLE + _FLOAT))
    if type(scale) is not int or not 1 <= scale <= SCALE_MAX:
        raise BadSchema("schema %s: the scale of %s is no whole number from 1" % (own, name))
    return Field(name, code, scale, unit)


class Schemas:
    """The schemas that have been seen, of any number of nodes. A node that got new firmware has several for one topic."""

    def __init__(self):
        self._known = {}    # (device, topic, number) -> Schema; number None: the newest

    def learn(self, device, topic, payload):
        """A retained message below `<prefix>schema/` came. Raises BadSchema."""
        about, schema = learn(topic, payload)
        self._known[device, about, schema.id] = self._known[device, about, None] = schema
        return about, schema

    def values(self, device, topic, payload, number=None):
        """The values of a payload, None where no schema says how. number: as the envelope told (Opened.schema); without one the newest counts
        where the size fits. Raises BadSchema when it does not fit the one that was told."""
        schema = self._known.get((device, topic, number))
        if schema is None or (number is None and len(payload) != schema.size):
            return None
        return schema.unpack(payload)
