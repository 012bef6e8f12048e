"""Console line: records out of noise. RFC 7464 and what a UART does to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_bench.boards.records import COMMAND_MAX, LOG_LINE_MAX, RECORD_MAX, Splitter, frame


def items(*chunks, flush=False):
    splitter = Splitter()
    out = [item for chunk in chunks for item in splitter.feed(chunk)]
    return out + splitter.flush() if flush else out


STATE = b'\x1e{"ev":"state","t":5,"old":"down","new":"dialing"}\n'


def test_record_between_rom_log_and_prints():
    data = b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13\r\n" + STATE + b"hello\n>>> "
    assert items(data, flush=True) == [
        ("log", "ets Jul 29 2019 12:21:46"), ("log", "rst:0x1 (POWERON_RESET),boot:0x13"),
        ("event", {"ev": "state", "t": 5, "old": "down", "new": "dialing"}), ("log", "hello"), ("log", ">>> ")]


def test_record_cut_off_by_a_reset_is_log_and_the_next_one_counts():
    cut = b'\x1e{"ev":"accept","life":"a1","n":1ets Jul 29 2019\r\n'
    assert items(cut + STATE) == [("log", '{"ev":"accept","life":"a1","n":1ets Jul 29 2019'), ("event", json.loads(STATE[1:]))]


def test_record_cut_off_by_the_next_record_is_log():
    assert [kind for kind, _ in items(b'\x1e{"ev":"sta' + STATE)] == ["log", "event"]


@pytest.mark.parametrize("body", [b"17", b"[]", b'{"ev":5}', b'{"x":1}', b'{"ev":"accept","life":"a"}', b'{"ev":"accept","life":"a","n":true,"i":1}',
                                  b"\xff\xfe", b"[" * 5000, b'{"ev":"state","old":null,"new":"x"}'])
def test_records_that_are_no_events_are_log(body):
    assert [kind for kind, _ in items(b"\x1e" + body + b"\n")] == ["log"]


def test_unfinished_record_stays_when_the_line_is_silent_and_a_prompt_does_not():
    splitter = Splitter()
    assert splitter.feed(STATE[:10]) == [] and splitter.flush() == []
    assert splitter.feed(STATE[10:]) == [("event", json.loads(STATE[1:]))]


def test_lines_and_records_are_bounded_and_what_is_beyond_is_counted():
    splitter = Splitter()
    (kind, text), = splitter.feed(b"x" * (LOG_LINE_MAX + 7) + b"\n")
    assert (kind, len(text), splitter.discarded) == ("log", LOG_LINE_MAX, 7)
    splitter.feed(b"\x1e" + b"y" * (RECORD_MAX + 1) + b"\n")
    assert splitter.discarded == 8


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_noise_in_any_pieces_gives_the_same_items_and_raises_nothing(noise, size):
    pieces = [noise[i:i + size] for i in range(0, len(noise), size)]
    assert items(*pieces, flush=True) == items(noise, flush=True)


@given(st.binary(max_size=200).filter(lambda b: b"\x1e" not in b))
def test_a_record_is_found_behind_any_noise(noise):
    assert items(noise, STATE)[-1] == ("event", json.loads(STATE[1:]))


def test_commands_are_framed_and_bounded():
    assert frame({"cmd": "ping", "id": 1}) == b'\x1e{"cmd":"ping","id":1}\n'
    with pytest.raises(ValueError, match="more than the %d" % COMMAND_MAX):
        frame({"cmd": "publish", "payload": "x" * 200})
