# The second tier (R31) under a power cut, or a reset, at every write of a block: nothing that was in flash is lost, nothing is sent that was not accepted.
import gc
import os
import random

from spool_rig import Node, mounted
from stand_ins import Counting
from test_tears import torn
import disk

CHIP = True
HEAP = "400k"  # an ESP32 with one life, a second life on a second flash beside it, and the book kept about both
LIMIT_S = 3600


# A life of random operations; at each write to flash a second life is begun on what a cut there leaves.
class Recorded:
    def __init__(self, seed, flash, sample):
        random.seed(seed)
        self.flash = flash
        self.sample = sample
        self.checks = self.operations = 0
        self.live = {}  # (epoch, number) -> (topic, payload): accepted, not acknowledged
        self.safe = {}  # of these: in flash
        self.gone = {}
        self.order = []
        self.node = Node(size=1024, room_kb=64, erases=1000000)
        flash.image.on_write = self.look

    def look(self, offset, buf):
        if random.random() >= self.sample:
            return
        state = random.getrandbits(30)
        gc.collect()
        for n in (0, random.randrange(1, len(buf))) if len(buf) > 1 and not self.flash.fat else (0,):
            for power in (True, False):
                self.check(disk.Overlay(self.flash.image, offset, buf[:n]), power)
        random.seed(state)

    def check(self, image, power):
        self.checks += 1
        device = self.node.device
        worn, epochs = device.store.worn, device.store.epochs
        second = disk.mount(image, "/cut", fat=self.flash.fat)
        try:
            other = Node("/cut/spool", 64, 1000000, device.revived(b"" if power else device.rtc.data))
            box = other.box
            found = {}
            while box.load():
                message = (box.epoch, box.seq)
                found[message] = True
                known = self.live.get(message) or self.gone.get(message)
                assert known == (box.topic, bytes(box.payload)), message
                box.take()
                box.ack(box.pid) if box.flags & 3 else box.written()
            for message in self.safe if power else self.live:
                assert message in found, (message, power)
            assert not other.device.drops, other.device.drops
            assert box.put("after", b"x", 1, 0)
        finally:
            os.umount("/cut")
            second.free()
            image.close()
            device.store.worn, device.store.epochs = worn, epochs

    def settle(self, message):
        if message not in self.live:
            assert message in self.gone, message  # a power cut takes the note of how far a segment was done: once more
            return
        self.gone[message] = self.live.pop(message)
        self.safe.pop(message, None)
        self.order.append(message)
        if len(self.order) > 250:  # more than a segment holds
            self.gone.pop(self.order.pop(0))

    def run(self, operations):
        node = self.node
        while self.operations < operations:
            self.operations += 1
            box = node.box
            node.device.clock.t += random.choice((1, 10, 300))
            what = random.random()
            if what < 0.55:
                self.publish(box)
            elif what < 0.65:
                self.to_flash(box)
            elif what < 0.96:
                self.send(box)
            elif what < 0.985:
                node.reset()
            else:
                for message in list(self.live):
                    if message not in self.safe:
                        self.settle(message)
                node.power_cut()
        return self

    def publish(self, box):
        message = ("t%d" % random.randrange(4), bytes([random.getrandbits(8) for _ in range(random.randrange(40))]))
        before = box.waiting
        box.spill = lambda: self.to_flash(box)
        seq = box.put(message[0], message[1], random.choice((0, 1, 1, 2)), 0)
        self.live[box.block.epoch, seq] = message

    def to_flash(self, box):
        n = self.node.spool.spill()
        if n:
            for message in self.live:
                self.safe[message] = True
        return n

    def send(self, box):
        for _ in range(random.randrange(1, 12)):
            if len(box.seqs) >= 16 or not box.load():
                break
            message = (box.epoch, box.seq)
            box.take()
            if not box.flags & 3:
                self.settle(message)
                box.written()
            elif random.random() < 0.8:
                self.settle(message)
                box.ack(box.pid)
            box.commit()
        if random.random() < 0.5:
            box.rewind()


def test_a_cut_at_a_write_to_flash_loses_nothing_that_was_there():  # R31
    with mounted() as flash:
        done = Recorded(1, flash, 0.4).run(100)
        assert done.checks > 40, done.checks


def test_the_same_between_two_writes_to_a_fat():
    with mounted(fat=True) as flash:
        done = Recorded(4, flash, 0.7).run(150)
        assert done.checks > 40, done.checks


def soak(seed, fat=False):
    for seed in (seed, seed + 1):
        with mounted(fat=fat) as flash:
            done = Recorded(seed, flash, 1).run(1500)
            print("seed %d: %d operations, %d writes to flash, %d lives after a cut" % (seed, done.operations, flash.image.writes, done.checks))
            assert done.checks > 900


def test_soak_a_cut_at_every_write_to_littlefs():
    soak(2)


def test_soak_a_cut_at_every_write_to_fat():
    soak(4, True)


# Messages of which some expire in flash, more of them than one segment holds. A reset at each write to flash, and at each of the block, whole or torn.
def test_what_is_given_up_in_flash_is_counted_once():
    for seed in range(4):
        random.seed(seed)
        with mounted() as flash:
            device = Counting(size=1024, window=8)
            node = Node(room_kb=64, device=device)
            lasting = expired = 0
            for _ in range(3):
                for _ in range(8):
                    ttl_s = random.choice((0, 100))
                    assert node.publish(1, "t%d" % ttl_s, ttl_s=ttl_s)
                    lasting += not ttl_s
                    expired += bool(ttl_s)
                assert node.spool.spill()
            device.clock.t += 10000
            acked = {}
            checks = [0]

            def look(image, memory):
                checks[0] += 1
                state = random.getrandbits(30)
                worn = device.store.worn
                second = disk.mount(image, "/cut")
                try:
                    other = Node("/cut/spool", 64, 5000, device.revived(memory))
                    sent = other.drain()
                    assert other.device.given_up() == expired, (seed, expired, other.device.given_up())
                    assert len(set(sent).union(acked)) == lasting
                finally:
                    os.umount("/cut")
                    second.free()
                    image.close()
                    device.store.worn = worn
                random.seed(state)

            def on_flash(offset, buf):
                look(disk.Overlay(flash.image, offset, b""), device.rtc.data)

            def on_block(old, new):
                images = list(torn(old, new))
                for memory in [old, new] + [random.choice(images) for _ in range(3)]:
                    look(disk.Overlay(flash.image, 0, b""), memory)

            flash.image.on_write = on_flash
            device.rtc.on_write = on_block
            box = node.box
            while True:
                while len(box.seqs) < 5 and box.load():
                    box.take()
                if not box.seqs:
                    break
                seq = random.choice(box.seqs)
                pid = box.pid_of(seq) if seq > 0 else -seq
                acked[(box.block.epoch, seq if seq > 0 else node.spool._flight[pid][0])] = True
                box.ack(pid)
                box.commit()
            assert len(acked) == lasting and device.given_up() == expired and checks[0] > 50
