"""The firmware's reading of name servers' answers, on the host: packets of every shape, against what the bench's own name server says."""

import types
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast_bench.world import dns_udp

SOURCE = Path(__file__).resolve().parents[3] / "firmware" / "holdfast" / "lookup.py"


def device_module():
    """lookup.py with what it imports from MicroPython's modules left away: reading needs none of it."""
    module = types.ModuleType("holdfast_lookup")
    text = SOURCE.read_text()
    head, rest = text.split("\n_PORT = ", 1)
    exec(compile("const = lambda n: n\n" + "\n" * head.count("\n") + "_PORT = " + rest, str(SOURCE), "exec"), module.__dict__)  # noqa: S102
    return module


lookup = device_module()
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(".".join)
ADDRESS = st.tuples(st.integers(1, 223).filter(lambda n: n != 127), *[st.integers(0, 255)] * 3).map(lambda parts: ".".join(map(str, parts)))


@given(name=NAME, number=st.integers(0, 65535), ips=st.lists(ADDRESS, max_size=8, unique=True), local=st.booleans())
def test_what_the_bench_answers_is_what_the_firmware_reads(name, number, ips, local):  # R27
    asked = bytes(lookup.question(name, number, local))
    read, end = dns_udp.name_asked(asked)
    assert read == name and end == len(asked)
    found = lookup.answers(dns_udp.response(asked, end, ips, 60, mdns=local), asked)
    assert found == (ips or (None if local else []))


@settings(max_examples=400)
@given(data=st.data(), ips=st.lists(ADDRESS, min_size=1, max_size=4))
def test_a_damaged_answer_is_none_or_one_with_addresses(data, ips):  # R27: no exception, no endless loop, nothing beyond the bounds
    asked = bytes(lookup.question("broker.example.org", 7, data.draw(st.booleans())))
    packet = bytearray(dns_udp.response(asked, len(asked), ips, 60))
    for _ in range(data.draw(st.integers(0, 6))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    packet = bytes(packet[:data.draw(st.integers(0, len(packet)))]) + data.draw(st.binary(max_size=40))
    _harmless(lookup.answers(packet, asked))


@settings(max_examples=400)
@given(tail=st.binary(max_size=500), counts=st.tuples(st.integers(0, 255), st.integers(0, 255)), pointers=st.lists(st.integers(0, 0x3FFF), max_size=60))
def test_anything_behind_a_right_head_is_harmless(tail, counts, pointers):  # R27: pointers to anywhere included
    asked = bytes(lookup.question("broker.example.org", 7, False))
    head = asked[:2] + b"\x81\x80\0\1" + bytes(counts) + b"\0\0\0\0" + asked[12:]
    chain = b"".join(bytes((0xC0 | p >> 8, p & 255)) for p in pointers)
    for packet in (head + tail, head + chain + tail, head + tail + chain):
        _harmless(lookup.answers(packet[:512], asked))


@given(other=st.integers(0, 65535), ips=st.lists(ADDRESS, min_size=1, max_size=4))
def test_another_number_is_no_answer(other, ips):  # R27
    asked = bytes(lookup.question("broker.example.org", 7, False))
    packet = dns_udp.response(asked, len(asked), ips, 60)
    found = lookup.answers(bytes((other >> 8, other & 255)) + packet[2:], asked)
    assert found == (ips if other == 7 else None) or len(set(ips)) < len(ips)


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_what_is_no_name_is_not_asked_for(name):
    with pytest.raises(ValueError):
        lookup.question(name, 1, False)


def _harmless(found):
    assert found is None or found is False or len(found) <= 8 and len(set(found)) == len(found)
    for text in found or []:
        parts = [int(n) for n in text.split(".")]
        assert len(parts) == 4 and 0 < parts[0] < 224 and parts[0] != 127
