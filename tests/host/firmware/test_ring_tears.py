"""R31: a reset at any byte of any write loses nothing that was accepted before; damage is never delivered."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stand_ins import Device


class Tape:
    """RTC memory that keeps the block before and after each write."""

    def __init__(self):
        self.data = b""
        self.on_write = None

    def memory(self, data=None):
        if data is None:
            return self.data
        old, self.data = self.data, bytes(data)
        if self.on_write:
            self.on_write(old, self.data)


def torn(old, new):
    """Every block a reset can leave behind in the midst of the copy, upwards or downwards."""
    if len(old) != len(new):
        return  # the first write after power-on: the length is set last, nothing is there before
    changed = [i for i in range(len(new)) if old[i] != new[i]]
    for i in changed:
        yield new[:i] + old[i:]
        yield old[:i] + new[i:]


def revived(image, device):
    """The next life of `device` on that memory: (its messages by number, its drops)."""
    other = Device.__new__(Device)
    other.rtc = Tape()
    other.rtc.data = image
    other.store = device.store
    other.clock = device.clock
    other.size, other.policies, other.window, other.drops = device.size, device.policies, device.window, []
    epochs = device.store.epochs
    other.boot()
    assert device.store.epochs == epochs, "the block was taken for foreign"
    return {seq: (topic, payload) for seq, topic, payload in other.drain()}, other.drops


def run(seed, operations, sample):
    """A recorded run; `sample` of the writes, all when 1.0, are torn everywhere and looked at."""
    rng = random.Random(seed)
    device = Device(size=1024)
    device.rtc = Tape()
    device.boot()
    live, state, images = {}, {"coming": None, "gone": {}}, 0

    def look(old, new):
        nonlocal images
        if rng.random() >= sample:
            return
        given_up = {seq for first, n, _ in device.drops for seq in range(first, first + n)}  # announced, on its way out
        for image in torn(old, new):
            images += 1
            found, drops = revived(image, device)
            for seq in live:
                if seq not in given_up:
                    assert found.get(seq) == live[seq], (seq, live[seq])
            for seq in found:
                assert found[seq] == live.get(seq) or seq == state["coming"] and found[seq] == state["message"] or seq in state["gone"], seq
            for first, n, why in drops:
                assert not any(first <= seq < first + n for seq in live if seq not in given_up), (first, n, why)

    device.rtc.on_write = look
    for _ in range(operations):
        box = device.box
        device.clock.t += rng.choice((1, 1, 2, 300))
        choice = rng.random()
        if choice < 0.55:
            message = ("t%d" % rng.randrange(3), bytes(rng.randrange(256) for _ in range(rng.randrange(30))))
            state["coming"], state["message"] = device.block.next_seq, message
            seq = box.put(*message, 1, 0)
            for first, n, _ in device.drops:
                for gone in range(first, first + n):
                    state["gone"][gone] = live.pop(gone)
            device.drops = []
            live[seq] = message
            state["coming"] = None
        elif choice < 0.8:
            if len(box.seqs) < 16 and box.load():
                box.take()
        elif box.seqs:
            seq = rng.choice(box.seqs)
            state["gone"][seq] = live.pop(seq)
            box.ack(seq % 65000 + 1)
            box.commit()
        else:
            device.boot()
    return images


def test_a_reset_in_the_midst_of_a_write_loses_nothing():
    assert run(1, 220, 0.12) > 500


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_every_write_of_500_operations_torn_at_every_byte(seed):
    assert run(seed, 600, 1.0) > 20000


def filled(rng):
    device = Device(size=1024)
    device.rtc = Tape()
    device.boot()
    live = {}
    for _ in range(rng.randrange(5, 40)):
        device.clock.t += rng.choice((1, 5, 400))
        message = ("t%d" % rng.randrange(3), bytes(rng.randrange(256) for _ in range(rng.randrange(25))))
        live[device.box.put(*message, 1, 0)] = message
    for first, n, _ in device.drops:
        for gone in range(first, first + n):
            live.pop(gone)
    device.drops = []
    return device, live


def damaged(rng, image):
    image = bytearray(image)
    kind = rng.randrange(3)
    at = rng.randrange(len(image))
    n = rng.randrange(1, 120)
    if kind == 0:
        for _ in range(rng.randrange(1, 4)):
            image[rng.randrange(len(image))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        image[at:at + n] = bytes(len(image[at:at + n]))
    else:
        image[at:at + n] = bytes(rng.randrange(256) for _ in image[at:at + n])
    return bytes(image)


def corrupt(seed):
    """One damaged block: nothing but true messages comes out, and each one that is missing is reported. -> was any lost?"""
    rng = random.Random(seed)
    device, live = filled(rng)
    image = damaged(rng, device.rtc.data)
    epochs = device.store.epochs
    other = Device.__new__(Device)
    other.rtc, other.store, other.clock = Tape(), device.store, device.clock
    other.rtc.data = image
    other.size, other.policies, other.window, other.drops = 1024, device.policies, 16, []
    other.boot()
    if device.store.epochs != epochs:
        return True  # both headers hit: a new epoch begins, nothing is delivered
    lost = set()
    for first, n, why in other.drops:
        assert why == "unreadable"
        lost.update(range(first, first + n))
    found = {}
    for seq, topic, payload in other.drain():
        found[seq] = (topic, payload)
        assert live.get(seq) == (topic, payload), "garbage was delivered"
    for seq in live:
        assert (seq in found) != (seq in lost), (seq, sorted(lost))
    return bool(lost)


def test_corruption_is_never_delivered_and_always_reported():
    assert 0 < sum(corrupt(seed) for seed in range(400)) < 400


@pytest.mark.soak
def test_a_hundred_thousand_corruptions():
    assert sum(corrupt(seed) for seed in range(100000))


@given(st.binary(max_size=2048))
@settings(max_examples=150, deadline=None)
def test_any_content_of_the_memory_is_survived(content):
    device = Device.__new__(Device)
    device.rtc = Tape()
    device.rtc.data = content
    from stand_ins import Clock, Store
    device.store, device.clock = Store(), Clock()
    device.size, device.policies, device.window, device.drops = 2048, ("drop_oldest",), 16, []
    device.boot()
    assert device.box.put("a", b"1", 1, 0) == 1
    assert device.drain() == [(1, "a", b"1")]
