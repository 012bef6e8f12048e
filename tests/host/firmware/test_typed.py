"""R32: values packed by the node are the values that the host reads; nothing that merely looks like a schema is believed."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast_bench import envelope, schema

import holdfast.envelope as wrapping
from holdfast.typed import Typed


class Node:
    """Takes what a typed topic publishes."""

    def publish(self, topic, payload, **how):
        self.topic, self.payload, self.how = topic, payload, how
        return 1


def typed(fields, topic="sensor/air"):
    return Typed(Node(), topic, fields)


def learned(made):
    topic, payload = made.schema()
    assert topic.startswith("schema/")
    known = schema.Schemas()
    known.learn("n1", topic[len("schema/"):], payload)
    return known


def test_a_temperature_takes_two_bytes_and_comes_back_as_it_was():
    made = typed("temp:h/10:C")
    assert made.pack(21.5) == b"\x00\xd7" and made.pack(-3.25) == b"\xff\xdf"
    known = learned(made)
    assert known.values("n1", "sensor/air", made.pack(21.5), made.id) == {"temp": 21.5}


def test_the_whole_way_through_the_envelope():
    made = typed("temp:h/10:C hum:B:% on:B")
    made.publish(21.5, None, True, qos=0)
    node = made._node
    assert node.how == {"schema": made.id, "qos": 0}
    raw = wrapping.wrap(7, 3, "1700000000000", node.payload, node.how["schema"])
    opened = envelope.open_envelope(raw)
    assert (opened.epoch, opened.seq, opened.schema, opened.payload) == (3, 7, made.id, node.payload)
    assert learned(made).values("n1", "sensor/air", opened.payload, opened.schema) == {"temp": 21.5, "hum": None, "on": 1}


def test_payloads_that_happen_to_be_text_are_told_as_packed_all_the_same():
    assert json.loads(wrapping.wrap(1, 1, "null", b"AB", 9)) == {"i": 1, "b": 1, "t": None, "s": 9, "p64": "QUI="}


def test_messages_of_earlier_firmware_are_read_by_their_own_schema():
    old, new = typed("temp:h/10"), typed("temp:h/100 hum:B")
    known = learned(new)
    topic, payload = old.schema()
    known.learn("n1", topic[len("schema/"):], payload)
    assert known.values("n1", "sensor/air", old.pack(21.5), old.id) == {"temp": 21.5}
    assert known.values("n1", "sensor/air", new.pack(21.5, 40), new.id) == {"temp": 21.5, "hum": 40}
    assert known.values("n1", "sensor/air", b"xx", 77) is None and known.values("n2", "sensor/air", b"xx") is None


@pytest.mark.parametrize("fields,values,says", [
    ("temp:h/10", (4000,), "temp: 4000 is not from -3276.7 to 3276.7"), ("on:B", (255,), "on: 255 is not from 0"), ("a:B", (-1,), "a: -1"),
    ("a:B b:B", (1,), "1 values given, a, b wanted"),
])
def test_values_out_of_range_are_refused_by_name(fields, values, says):
    with pytest.raises(ValueError, match=says):
        typed(fields).pack(*values)


@pytest.mark.parametrize("fields", ["", "temp", "temp:z", "temp:hh", "temp:h/0", "temp:h/x", "temp:f/10", ":h", "a:b:c:d", "a:h a:h", "a:"])
def test_descriptions_that_cannot_be_are_refused(fields):
    with pytest.raises(ValueError):
        typed(fields)


NAMES = st.text("abcdefgh", min_size=1, max_size=4)
FIELD = st.one_of(st.tuples(st.sampled_from("bBhHiI"), st.sampled_from((1, 10, 1000))), st.tuples(st.sampled_from("qQfd"), st.just(1)))


@given(st.dictionaries(NAMES, FIELD, min_size=1, max_size=8), st.randoms())
@settings(max_examples=200, deadline=None)
def test_whatever_fits_comes_back_to_the_resolution_of_its_scale(fields, rng):
    made = typed(" ".join("%s:%s/%d" % (n, c, k) for n, (c, k) in fields.items()))
    values = []
    for code, scale in fields.values():
        bits = {"b": 7, "B": 8, "h": 15, "H": 16, "i": 31, "I": 32, "q": 63, "Q": 64}.get(code)
        if rng.random() < 0.1:
            values.append(None)
        elif bits is None:
            values.append(rng.uniform(-1e6, 1e6))
        else:
            low = 0 if code.isupper() else 1 - (1 << bits)
            whole = rng.randint(low, (1 << bits) - 2)
            values.append(whole if scale == 1 else whole / scale)
    found = learned(made).values("n1", "sensor/air", made.pack(*values), made.id)
    for (name, (code, scale)), value in zip(fields.items(), values):
        if value is None:
            assert found[name] is None
        elif code in "fd":
            assert math.isclose(found[name], value, rel_tol=1e-6, abs_tol=1e-38)
        else:
            assert abs(found[name] - value) <= 0.5 / scale


@given(st.text(max_size=20), st.one_of(st.binary(max_size=80), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["s", "f", "n", "c", "k", "u", "x"]), inner, max_size=4), max_leaves=12)))
@settings(max_examples=300, deadline=None)
def test_anything_else_under_schema_is_refused_and_nothing_worse(topic, payload):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    try:
        about, made = schema.learn(topic, raw)
    except schema.BadSchema:
        return
    assert about and made.size > 0
