"""Frames (R32, R33): the vectors of the specification, its independent reading, and streams that try to mislead a receiver."""

import base64
import json
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast_bench import frames
from holdfast_bench.checks.ledger import fold

VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "frames-vectors.json").read_text())
LIMIT = 64


def decoded(stream, cuts=(), limit=1024, salt=0):
    found = []
    decoder = frames.Decoder(lambda kind, seq, payload: found.append((kind, seq, bytes(payload))), limit, salt)
    at = 0
    for cut in [*sorted(cuts), len(stream)]:
        decoder.feed(stream[at:cut])
        assert decoder.waiting <= limit + frames.OVERHEAD
        at = max(at, cut)
    decoder.flush()
    assert decoder.waiting == 0
    return found


def named(cases):
    return {"argvalues": cases, "ids": [case["name"] for case in cases]}


@pytest.mark.parametrize("v", **named(VECTORS["frames"]))
def test_a_frame_is_what_the_specification_says(v):
    """Read from the bytes with nothing but struct and zlib, then compared with the encoder."""
    raw, payload = bytes.fromhex(v["frame"]), bytes.fromhex(v["payload"])
    magic, version, kind, length, seq, check = struct.unpack_from(">HBBHIH", raw)
    assert (magic, version, kind, length, seq) == (0xF548, 1, v["kind"], len(payload), v["sequence"])
    assert check == zlib.crc32(raw[:10], v["salt"]) & 0xFFFF
    assert raw[12:-4] == payload and struct.unpack(">I", raw[-4:])[0] == zlib.crc32(raw[:-4], v["salt"])
    assert frames.encode(kind, seq, payload, v["salt"]) == raw
    assert decoded(raw, salt=v["salt"]) == [(kind, seq, payload)]


@pytest.mark.parametrize("v", **named(VECTORS["messages"]))
def test_a_message_is_what_the_specification_says(v):
    fields = v["flags"], v["epoch"], v["t"], bytes.fromhex(v["topic"]), bytes.fromhex(v["payload"]), v.get("schema", 0), v.get("number", 0)
    assert frames.message(*fields).hex() == v["body"]
    assert frames.open_message(bytes.fromhex(v["body"])) == fields


@pytest.mark.parametrize("v", **named(VECTORS["streams"]))
def test_a_stream_yields_exactly_its_intact_frames(v):
    stream = bytes.fromhex(v["stream"])
    wanted = [(f["kind"], f["sequence"], bytes.fromhex(f["payload"])) for f in v["frames"]]
    for step in (1, 2, 5, 13, len(stream)):
        assert decoded(stream, range(step, len(stream), step), v.get("limit", 1024), v.get("salt", 0)) == wanted


def test_a_payload_beyond_the_length_field_is_refused():
    with pytest.raises(ValueError, match="65536 bytes"):
        frames.encode(1, 0, bytes(65536))


@given(st.lists(st.one_of(st.binary(max_size=80), st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=LIMIT)))),
       st.lists(st.integers(0, 2000)), st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_any_garbage_between_frames_and_any_split(parts, cuts, salt):
    stream = b"".join(part if isinstance(part, bytes) else frames.encode(*part, salt) for part in parts)
    assert decoded(stream, [c for c in cuts if c < len(stream)], LIMIT, salt) == [part for part in parts if not isinstance(part, bytes)]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400)))
@settings(max_examples=300, deadline=None)
def test_noise_alone_is_never_a_frame(noise, cuts):
    assert decoded(noise.replace(b"\x01", b"\xf5H\x01"), cuts, LIMIT) == []


def test_damage_anywhere_in_a_frame_is_noticed():
    raw = frames.encode(frames.MESSAGE, 7, b"21.5 degrees", 5)
    for i in range(len(raw) * 8):
        broken = bytearray(raw)
        broken[i >> 3] ^= 1 << (i & 7)
        assert decoded(bytes(broken) + raw, salt=5) == [(frames.MESSAGE, 7, b"21.5 degrees")], i


def test_every_truncation_lets_the_next_frame_through():
    raw = frames.encode(frames.MESSAGE, 7, bytes(range(40)))
    for i in range(len(raw)):
        assert decoded(raw[:i] + raw, range(0, 200, 9)) == [(frames.MESSAGE, 7, bytes(range(40)))], i


@pytest.mark.parametrize("v", **named(VECTORS["envelopes"]))
def test_an_envelope_is_opened_and_counts_for_the_verdict(v):
    raw = bytes.fromhex(v["frame"])
    assert frames.open_envelope(raw) == (v["sequence"], v["epoch"], v["t"], bytes.fromhex(v["payload"]), None)
    assert frames.open_envelope(raw + b"x") is None and frames.open_envelope(raw[:-1]) is None and frames.open_envelope(b"") is None
    numbered = frames.encode(frames.MESSAGE, 1, frames.message(0, 1, 0, b"", b"cafe01:17 21.5"))
    event = {"t": 5, "src": "broker", "ev": "recv", "payload64": base64.b64encode(numbered).decode()}
    boot = {"t": 1, "src": "board/b1", "ev": "boot", "life": "cafe01", "epoch": 1}
    assert [m.n for m in fold([boot, event]).messages if m.received_at] == [17]


def test_what_only_looks_like_a_header_holds_nothing_up():
    raw = frames.encode(frames.MESSAGE, 7, b"21.5")
    found = []
    decoder = frames.Decoder(lambda kind, seq, payload: found.append(seq))
    decoder.feed(b"\xf5H\x01\x01\x03\xff\0\0\0\1\x12\x34" + raw)  # promises 1023 bytes, its check is wrong
    assert found == [7] and decoder.waiting == 0


class Streams:
    """Random streams of whole, truncated, beheaded and damaged frames and noise, with the frames that must come out of each."""

    def __init__(self, seed):
        self._rng = rng = random.Random(seed)
        sizes = [0, 1, 3, 8, 20, 33, LIMIT]
        kinds_seqs = [(rng.randrange(256), rng.getrandbits(32), rng.randbytes(rng.choice(sizes))) for _ in range(2048)]
        self._pool = [(fields, frames.encode(*fields)) for fields in kinds_seqs]
        # What is cut off in front is never the rest of what was cut off behind: together they might be a whole frame. All
        # frames begin alike, so what is beheaded loses its sequence, and what is truncated its check: one byte might be made up.
        self._heads, self._tails = self._pool[::2], self._pool[1::2]
        self._long = frames.encode(1, 1, bytes(LIMIT + 1))

    def draw(self):
        """(stream, its intact frames)"""
        bits = self._rng.getrandbits(256)
        stream, wanted = [], []
        for _ in range(1 + (bits & 3)):
            how, pick, at = bits >> 2 & 7, bits >> 5 & 1023, bits >> 15 & 1023
            bits >>= 40
            if how < 3:
                fields, raw = self._pool[pick << 1 | at & 1]
                wanted.append(fields)
            elif how == 3:
                raw = self._heads[pick][1]
                raw = raw[:at % (len(raw) - 3)]
            elif how == 4:
                raw = self._tails[pick][1]
                raw = raw[10 + at % (len(raw) - 10):]
            elif how == 5:
                raw = bytearray(self._pool[pick][1])
                raw[at % len(raw)] ^= 1 + (at >> 3) % 255
            elif how == 6:
                raw = self._rng.randbytes(at & 31)
            else:
                raw = self._long[:at & 127] if at & 512 else b"\xf5H\x01" + self._rng.randbytes(at & 31)
            stream.append(raw)
        return b"".join(stream), wanted


def fuzz(seed, count):
    streams, found = Streams(seed), []
    decoder = frames.Decoder(lambda kind, seq, payload: found.append((kind, seq, bytes(payload))), LIMIT)
    cuts = random.Random(seed + 1)
    for number in range(count):
        stream, wanted = streams.draw()
        at = cuts.getrandbits(8)
        if at < 128:
            decoder.feed(stream[:at])
            decoder.feed(stream[at:])
        elif at < 240:
            decoder.feed(stream)
        else:
            for i in range(0, len(stream), at & 15 or 1):
                decoder.feed(stream[i:i + (at & 15 or 1)])
        decoder.flush()
        if found != wanted or decoder.waiting:
            raise AssertionError("seed %d, stream %d: %s\nfound  %r\nwanted %r" % (seed, number, stream.hex(), found, wanted))
        found.clear()


def test_thirty_thousand_random_streams():
    fuzz(1, 30_000)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_ten_million_random_streams_without_a_wrong_frame_or_a_stall(seed):
    fuzz(seed, 500_000)
