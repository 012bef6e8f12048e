# typed.py - typed payloads (R32): a topic whose payloads are values packed by struct, big-endian, scaled to whole numbers.
# May import: struct, json; the node is handed in.   Time: none.   Blocks: never.   Loaded by node.typed().
#
# Receivers learn how to read them from the schema, which the node publishes retained (docs/protocol.md).
from binascii import crc32
from json import dumps
from math import isinf, isnan
from struct import calcsize, pack

_KEPT = 5  # message flags, see topics.py: retained, QoS 1
_WHOLE = "bBhHiIqQ"
_FLOAT = "fd"


# What one field of the description means: name, code, scale, unit. Raises ValueError.
def _field(text):
    parts = text.split(":")
    code, _, scale = parts[1].partition("/") if len(parts) in (2, 3) else ("", "", "")
    if len(code) != 1 or code not in _WHOLE + _FLOAT or not parts[0]:
        raise ValueError("field %r: not of the form name:code, name:code/scale or with :unit behind, code one of %s" % (text, _WHOLE + _FLOAT))
    scale = scale or "1"
    if not scale.isdigit() or int(scale) < 1 or (code in _FLOAT and scale != "1"):
        raise ValueError("field %r: the scale is a whole number from 1, and only for whole numbers" % text)
    return parts[0], code, int(scale), parts[2] if len(parts) == 3 else ""


class Typed:
    # node: has publish(). fields: "temp:h/10:C hum:B:%": in order, separated by blanks, name:code, code as in struct; /scale: the
    # value is multiplied by it and sent as a whole number; :unit is for the reader.
    def __init__(self, node, topic, fields):
        self._node = node
        self.topic = topic
        self._fields = [_field(text) for text in fields.split()]
        if not self._fields:
            raise ValueError("typed topic %s: no fields" % topic)
        self._form = ">" + "".join([f[1] for f in self._fields])
        self.size = calcsize(self._form)
        names = [f[0] for f in self._fields]
        if len(names) != len(set(names)):
            raise ValueError("typed topic %s: a name comes twice" % topic)
        # Tells one description of a topic from the ones that earlier firmware had; 1 to 255.
        self.id = crc32(" ".join(fields.split()).encode()) % 255 + 1

    # The retained message by which receivers learn it: (topic below the prefix, payload).
    def schema(self):
        columns = [{"n": n, "c": c, "k": k, "u": u} for n, c, k, u in self._fields]
        return "schema/%02x/%s" % (self.id, self.topic), dumps({"s": self.id, "f": columns}).encode()

    # The values as bytes. None, or a float that is none, says that there is no value. Raises ValueError for one too many, too few
    # or out of range, naming the field.
    def pack(self, *values):
        fields = self._fields
        if len(values) != len(fields):
            raise ValueError("%s: %d values given, %s wanted" % (self.topic, len(values), ", ".join([f[0] for f in fields])))
        return pack(self._form, *[_scaled(fields[i], values[i]) for i in range(len(fields))])

    # Hands the values over as one message; named arguments as for node.publish(). Returns the sequence number.
    def publish(self, *values, **how):
        return self._node.publish(self.topic, self.pack(*values), schema=self.id, **how)


# A Typed, whose schema the node tells every broker from now on. Raises ValueError.
def make(node, topic, fields):
    made = Typed(node, topic, fields)
    schema = made.schema()
    if schema not in node.schemas:
        node.schemas.append(schema)
        if node.supervisor:
            node.supervisor.tell(*schema, flags=_KEPT)
    return made


def _scaled(field, value):
    name, code, scale, _ = field
    missing = value is None or isinstance(value, float) and (isnan(value) or isinf(value))
    if code in _FLOAT:
        return float("nan") if missing else float(value)
    bits = 8 * calcsize(">" + code)
    # The value that stands for "none" lies at the end of the range that is missed least.
    low, high, none = (1 - (1 << bits - 1), (1 << bits - 1) - 1, -1 << bits - 1) if code in "bhiq" else (0, (1 << bits) - 2, (1 << bits) - 1)
    if missing:
        return none
    whole = value * scale if isinstance(value, int) else int(value * scale + (0.5 if value >= 0 else -0.5))
    if not low <= whole <= high:
        raise ValueError("%s: %r is not from %s to %s" % (name, value, low / scale, high / scale))
    return whole
