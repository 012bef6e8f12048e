# R19: a battery node's wakes: when the radio is used, what is loaded, when it sleeps.
import sys

import holdfast.duty as duty
from stand_ins import Device

PERIOD = 600


# Power goes to sleep: ends a life.
class Asleep(Exception):
    pass


class Machine:
    def __init__(self):
        self.wdt = []

    def WDT(self, timeout):
        self.wdt.append(timeout)


class Node:
    # One life on a device; `online`: whether an upload succeeds.
    def __init__(self, device, online):
        self.outbox = device.boot()
        self.clock = device.clock
        self.config = {"watchdog_s": 30, "spool_at": 75}
        self.verbose = False
        self.online = online
        self.uploads = self.saves = 0
        self.errors = []

    def error(self, kind, text):
        self.errors.append(text)

    def sleep(self, ms, save):
        self.slept = ms
        self.saves += bool(save)
        raise Asleep


class Battery:
    def __init__(self, every=6):
        self.device = Device(size=700)
        self.every = every
        self.online = True
        self.save = None
        duty.machine = self.machine = Machine()
        duty._upload = self._upload
        self.took = self.did = 0

    # In place of the network: acknowledges everything, or nothing.
    async def _upload(self, node, limit_s, listen_ms, next_s):
        self.did += 1
        self.next_s = next_s
        if self.online:
            box = node.outbox
            while box.load():
                box.take()
                box.ack(box.pid)
            box.commit()
        return self.online

    def wake(self, n=1, urgent=False, size=4):
        for _ in range(n):
            self.node = node = Node(self.device, self.online)

            def sample():
                self.took += 1
                node.outbox.put("t", b"x" * size, 1 | (8 if urgent else 0), 0)

            try:
                duty.run(node, sample, PERIOD, self.every, 30, 500, self.save)
            except Asleep:
                pass
            self.device.clock.t += node.slept // 100

    # Which of the next n wakes used the radio, as 0 and 1.
    def pattern(self, n):
        found = ""
        for _ in range(n):
            before = self.did
            self.wake()
            found += str(self.did - before)
        return found


def test_the_radio_is_used_at_the_first_wake_and_then_at_every_nth():
    battery = Battery(every=6)
    assert battery.pattern(19) == "1000001" + "000001" * 2
    assert battery.took == 19 and battery.node.outbox.waiting == 0


def test_a_wake_without_radio_loads_nothing_of_the_network():
    battery = Battery()
    battery.wake()
    for name in sorted(sys.modules):
        assert not name.startswith("holdfast.") or name[9:] in ("duty", "outbox", "ring", "block", "layout", "recover", "topics"), name
    assert "asyncio" in sys.modules  # the upload's
    for name in [n for n in sys.modules if n.startswith("asyncio")]:
        del sys.modules[name]
    battery.wake(3)
    assert "asyncio" not in sys.modules


def test_an_urgent_message_and_a_nearly_full_memory_do_not_wait():
    battery = Battery(every=60)
    assert battery.pattern(3) == "100"
    battery.wake(urgent=True)
    assert battery.did == 2
    battery.wake(4, size=60)
    assert battery.did == 2
    battery.wake(2, size=60)
    assert battery.did == 3


def test_without_a_network_tries_become_rarer_and_what_does_not_fit_goes_to_flash():
    battery = Battery(every=12)
    battery.online = False
    assert battery.pattern(30) == "1" + "01" + "0001" + "00000001" + "000000000001" + "000"
    battery.wake(urgent=True)
    assert battery.did == 5  # not even for that: the network is away
    battery.wake(7, size=60)
    assert battery.node.saves
    battery.online = True
    battery.wake()
    assert battery.did == 6 and battery.node.outbox.waiting == 0
    assert battery.pattern(13) == "000000000001" + "0"


def test_what_waits_goes_to_flash_before_a_sleep_when_asked():  # low battery, long sleep
    battery = Battery()
    battery.wake(3)
    assert not battery.node.saves
    volts = [3300, 3300, 2700, 2650]
    battery.save = lambda: volts.pop(0) < 2800
    saves = []
    for _ in range(4):
        battery.wake()
        saves.append(battery.node.saves)
    assert saves == [0, 0, 1, 1]
    battery.save = True
    battery.wake()
    assert battery.node.saves == 1


def test_wakes_lie_on_a_grid_however_long_each_takes():
    battery = Battery()
    at = []
    for took in (3, 40, 5999, 20, 8000, 1):
        at.append(battery.device.clock.t)
        battery.device.clock.t += took
        battery.wake()
    assert [t // (PERIOD * 10) for t in at] == [0, 1, 2, 4, 5, 7] and not sum([t % (PERIOD * 10) for t in at]), at


def test_a_sample_that_raises_costs_itself_alone_and_a_coroutine_is_run():
    battery = Battery()
    node = Node(battery.device, True)

    def broken():
        raise OSError(5)

    async def good():
        node.outbox.put("t", b"1", 1, 0)

    for sample in (broken, good):
        try:
            duty.run(node, sample, PERIOD, 6, 30, 500, None)
        except Asleep:
            pass
    assert node.errors == ["OSError(5,)"] and node.outbox.accepted == 1
    assert battery.machine.wdt == [30000, 30000]  # a sample that hangs is bitten


def test_arguments_are_checked():
    node = Node(Device(), True)
    for name, args in (("period_s", (0, 6, 30, 500)), ("period_s", (1.5, 6, 30, 500)), ("upload_every", (60, 0, 30, 500)), ("limit_s", (60, 6, 1, 500))):
        try:
            duty.run(node, None, *args, None)
            assert False, args
        except ValueError as e:
            assert str(e).startswith(name)
