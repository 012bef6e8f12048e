"""Envelopes as a receiver reads them (docs/protocol.md): the firmware's own writers, and everything that is not one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_bench import frames
from holdfast_bench.device_files import load
from holdfast_bench.envelope import BARE, FRAME, JSON, Malformed, open_envelope

T = 1_700_000_000_000


@given(st.integers(1, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.sampled_from(["null", str(T)]), st.binary(max_size=200))
def test_what_the_firmware_wraps_is_opened_again(seq, epoch, t, payload):  # R20, R33
    opened = open_envelope(load("envelope").wrap(seq, epoch, t, payload))
    assert opened[:7] == (JSON, epoch, seq, None if t == "null" else T, payload, None, False)
    opened = open_envelope(load("frames").wrap(seq, epoch, t, payload))
    assert opened[:7] == (FRAME, epoch, seq, None if t == "null" else T, payload, None, False)


@given(st.binary(max_size=300))
def test_anything_else_is_bare_or_refused_never_a_crash(raw):
    try:
        opened = open_envelope(raw)
    except Malformed as e:
        assert str(e)
    else:
        assert opened.kind != BARE or opened.payload == raw


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
       st.sampled_from("ibpt"))
def test_fields_of_any_type_are_judged(value, key):
    fields = {"i": 1, "b": 1, "t": T, "p": "x"}
    fields[key] = value
    try:
        opened = open_envelope(json.dumps(fields).encode())
    except Malformed as e:
        assert key in str(e) and key != "t"
    else:
        assert opened.kind == JSON and 1 <= opened.seq <= 0xFFFFFFFF and (opened.time_ms or T) > 1577836800000


@pytest.mark.parametrize("text, why", [
    ('{"i":0,"b":1,"p":"x"}', "i is no number"), ('{"i":true,"b":1,"p":"x"}', "i is no number"), ('{"i":1,"b":-1,"p":"x"}', "b is no number"),
    ('{"i":1,"b":4294967296,"p":"x"}', "b is no number"), ('{"i":1,"b":1,"p":5}', "p is no text"), ('{"i":1,"b":1,"p64":"%"}', "p64 is no base64")])
def test_a_wrong_field_is_refused_by_its_name(text, why):
    with pytest.raises(Malformed, match=why):
        open_envelope(text.encode())


def test_a_damaged_frame_is_refused():
    frame = bytearray(frames.encode(frames.MESSAGE, 7, frames.message(0, 1, T, b"", b"hello")))
    frame[-6] ^= 1
    with pytest.raises(Malformed, match="damaged"):
        open_envelope(bytes(frame))


def test_an_object_without_number_is_what_the_application_said():
    raw = b'{"temperature": 21.5}'
    assert open_envelope(raw)[:7] == (BARE, None, None, None, raw, None, False)


@pytest.mark.parametrize("t", [0, 3600_000, -5, 1e300, "now", 946684800000, 10**15])
def test_a_clock_that_was_never_set_is_no_time(t):
    opened = open_envelope(json.dumps({"i": 1, "b": 1, "t": t, "p": "x"}).encode())
    assert opened.time_ms is None and opened.odd_clock


def test_a_trace_id_of_the_sender_is_kept_when_it_is_one():  # R37
    assert open_envelope(b'{"i":1,"b":1,"t":null,"p":"x","tr":"ab-1"}').trace == "ab-1"
    for odd in ("", "x" * 65, "a\nb", 5):
        assert open_envelope(json.dumps({"i": 1, "b": 1, "p": "x", "tr": odd}).encode()).trace is None


def test_deep_nesting_is_survived():
    assert open_envelope(b'{"i":' * 100_000).kind == BARE
