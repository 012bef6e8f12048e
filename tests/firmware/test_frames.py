# Frames on the chip's words, held to the vectors of docs/frames-vectors.json (R32, R33).
import gc
import json
import random
import sys
from binascii import unhexlify

import holdfast.frames as frames

VECTORS = sys.path[0] + "/../../docs/frames-vectors.json"


def vectors(name):
    with open(VECTORS) as f:
        return json.load(f)[name]


def decoded(stream, pieces, limit=1024, salt=0):
    found = []
    decoder = frames.Decoder(lambda kind, seq, payload: found.append((kind, seq, bytes(payload))), limit, salt)
    at = 0
    while at < len(stream):
        n = pieces()
        decoder.feed(stream[at : at + n])
        at += n
    decoder.flush()
    assert decoder.waiting == 0
    return found


def test_frames_are_encoded_as_specified():
    for v in vectors("frames"):
        assert frames.encode(v["kind"], v["sequence"], unhexlify(v["payload"]), v["salt"]) == unhexlify(v["frame"]), v["name"]


def test_frames_are_decoded_as_specified_in_any_pieces():
    for v in vectors("frames"):
        for n in (1, 2, 7, 1000):
            assert decoded(unhexlify(v["frame"]), lambda: n, 1024, v["salt"]) == [(v["kind"], v["sequence"], unhexlify(v["payload"]))], v["name"]


def test_messages_are_as_specified():
    for v in vectors("messages"):
        fields = v["flags"], v["epoch"], v["t"], unhexlify(v["topic"]), unhexlify(v["payload"]), v.get("schema", 0), v.get("number", 0)
        assert frames.message(*fields) == unhexlify(v["body"]), v["name"]
        assert frames.open_message(memoryview(unhexlify(v["body"]))) == fields, v["name"]


def test_the_envelope_is_as_specified():
    for v in vectors("envelopes"):
        assert frames.wrap(v["sequence"], v["epoch"], str(v["t"]), unhexlify(v["payload"])) == unhexlify(v["frame"]), v["name"]


def test_streams_yield_exactly_their_intact_frames():
    for v in vectors("streams"):
        wanted = [(f["kind"], f["sequence"], unhexlify(f["payload"])) for f in v["frames"]]
        for n in (1, 3, 16, 1000):
            assert decoded(unhexlify(v["stream"]), lambda: n, v.get("limit", 1024), v.get("salt", 0)) == wanted, (v["name"], n)


def test_a_message_that_is_cut_off_is_refused():
    body = frames.message(1, 2, 3, b"topic", b"", 9, 77)
    for n in range(len(body)):
        try:
            frames.open_message(body[:n])
        except ValueError:
            continue
        assert False, n


def test_a_handler_that_raises_does_not_disturb_the_frames_after_it():
    found = []

    def take(kind, seq, payload):
        if seq == 1:
            raise RuntimeError
        found.append(seq)

    decoder = frames.Decoder(take)
    try:
        decoder.feed(frames.encode(5, 1) + frames.encode(5, 2)[:10])
        assert False
    except RuntimeError:
        pass
    decoder.feed(frames.encode(5, 2)[10:])
    assert found == [2]


def test_random_streams():
    random.seed(33)
    for _ in range(300):
        stream = b""
        wanted = []
        for seq in range(random.randrange(6)):
            payload = bytes([random.getrandbits(8) for _ in range(random.randrange(40))])
            frame = frames.encode(1, seq, payload)
            kind = random.randrange(4)
            if kind == 0:
                frame = bytes([random.getrandbits(8) for _ in range(random.randrange(60))])
            elif kind == 1:
                frame = frame[: random.randrange(len(frame))]
            else:
                wanted.append((1, seq, payload))
            stream += frame
        assert decoded(stream, lambda: random.randrange(1, 50), 64) == wanted, stream


def test_decoding_needs_no_memory_that_grows_with_the_traffic():
    n = [0]

    def take(kind, seq, payload):
        n[0] += 1

    decoder = frames.Decoder(take, 256)
    stream = frames.encode(1, 5, b"x" * 200) + b"garbage"
    decoder.feed(stream)
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(200):
        decoder.feed(stream)
    gc.collect()
    assert n[0] == 201
    assert gc.mem_alloc() - before < 200, gc.mem_alloc() - before
