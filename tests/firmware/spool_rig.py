# spool_rig.py - a device with a second tier on a flash in a file, whose power can be cut: for tests.
import os
import random
import time

from holdfast.spool import Spool
from stand_ins import Device
import disk


class Node:
    # The device's half that a power cut leaves, and its lives.
    def __init__(self, folder="/flash/spool", room_kb=64, erases=5000, device=None, **how):
        self.folder = folder
        self.room_kb = room_kb
        self.erases = erases
        self.device = device or Device(**how)
        self.attach()

    def attach(self):
        self.box = box = self.device.box
        box.spool = self.spool = Spool(box, self.device.store, self.room_kb, self.erases, self.folder)
        box.spill = self.spool.spill
        box.commit()

    def reset(self):
        self.device.boot()
        self.attach()

    def power_cut(self):
        self.device.rtc.data = b""
        self.reset()

    def publish(self, n, topic="t", size=20, flags=1, ttl_s=0):
        sent = []
        for _ in range(n):
            self.device.clock.t += 10
            seq = self.box.put(topic, b"%0*d" % (size, self.box.block.next_seq), flags, ttl_s)
            if seq:
                sent.append((self.box.block.epoch, seq))
        return sent

    # What would be sent now, in order, each acknowledged before the next: [(epoch, number)].
    def drain(self, most=100000):
        sent = []
        box = self.box
        while len(sent) < most and box.load():
            assert bytes(box.payload) == b"%0*d" % (len(box.payload), box.seq), (box.seq, bytes(box.payload))
            sent.append((box.epoch, box.seq))
            box.take()
            if box.flags & 3:
                box.ack(box.pid)
            else:
                box.written()
            box.commit()
        return sent


class mounted:
    def __init__(self, blocks=disk.BLOCKS, fat=False):
        self.blocks = blocks
        self.fat = fat

    def __enter__(self):
        self.image = disk.Image("/tmp/holdfast-disk-%d-%d" % (time.time_ns(), random.getrandbits(30)), self.blocks)  # another process draws the same numbers
        self.device = disk.mount(self.image, "/flash", self.blocks, True, self.fat)
        return self

    def __exit__(self, *_):
        os.umount("/flash")
        self.device.free()
        self.image.close()


def files():
    return sorted([e[0] for e in os.ilistdir("/flash/spool")])


# n messages of the ring or the spool are on their way from now on: their packet ids.
def under_way(node, n):
    pids = []
    while len(pids) < n and node.box.load():
        pids.append(node.box.pid)
        node.box.take()
    return pids
