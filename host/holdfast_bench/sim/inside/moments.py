"""The worst moments: instants at which a fault hurts most, such as between a write and its commit or before an acknowledgement.

`Moments.wait(name, nth, strike)` calls strike() when that moment comes for the nth time from now on. What watches for a moment is
in place only while somebody waits for it. May use: the rig, world.air.
"""

from ...world import air

# name -> what it is, for people
NAMES = {
    "rtc_write": "an RTC write is about to happen", "rtc_written": "an RTC write has just happened",
    "nvs_write": "an NVS write is about to happen", "nvs_written": "an NVS write has happened, its commit has not",
    "syn": "a SYN leaves the chip", "syn_ack": "the answer to a SYN is on its way",
    "data_up": "bytes leave the chip", "data_down": "bytes of the broker are on their way",
    "connect": "CONNECT has arrived, CONNACK has not been sent", "received": "PUBLISH has arrived and is not acknowledged",
    "dns": "the chip asks the name server", "joined": "the radio has joined, there is no address yet", "got_ip": "the address is there",
    "radio_lost": "the radio has noticed that the access point is gone", "boot": "a life of the chip begins",
}
_FRAMES = {"syn": (True, air.SYN), "syn_ack": (False, air.SYN_ACK), "data_up": (True, air.DATA), "data_down": (False, air.DATA)}
_RADIO = {"connected": "joined", "got_ip": "got_ip", "disconnected": "radio_lost"}


class _Eye(air.Rule):
    """Sees frames, lets every one pass."""

    def __init__(self, moments):
        super().__init__()
        self._moments = moments

    def on_frame(self, frame, now_ms):
        for name in _FRAMES:
            if name in self._moments.waited and _FRAMES[name] == (frame.up, frame.kind):
                # Behind the frame: what strikes may change the rules.
                self._moments.later(name)
        return 0


class Moments:
    def __init__(self, rig):
        self._rig = rig
        self.waited = {}        # name -> [[how often still, strike], …]; hooks look here first
        self._eye = _Eye(self)
        self._watch_memories()

    def wait(self, name, nth, strike):
        """strike() at the nth time from now on. Returns what forget() takes."""
        entry = [nth, strike, name]
        self.waited.setdefault(name, []).append(entry)
        if name in _FRAMES and self._eye not in self._rig.air.rules:
            self._rig.air.add(self._eye)
        return entry

    def forget(self, entry):
        """Nobody waits any more; an entry that has struck is fine."""
        entries = self.waited.get(entry[2], [])
        if entry in entries:
            entries.remove(entry)
            if not entries:
                del self.waited[entry[2]]
        if not [name for name in self.waited if name in _FRAMES]:
            self._rig.air.remove(self._eye)

    def hit(self, name):
        """It is that moment. Strikes may end the chip's life; where the chip itself got here, `hit_by_chip` says so to it."""
        for entry in list(self.waited.get(name, ())):
            entry[0] -= 1
            if entry[0] <= 0:
                self.forget(entry)
                entry[1]()

    def later(self, name):
        self._rig.kernel.after(0, self.hit, name)

    def hit_by_chip(self, name):
        if name in self.waited:
            self.hit(name)
            self._rig.kernel.check()

    def radio(self, name):
        if name in _RADIO:
            self.hit(_RADIO[name])

    def _watch_memories(self):
        chip = self._rig.chip
        write, set_nvs, resolve = chip.rtc.write, chip.nvs.set, chip.resolver.servers

        def rtc_write(buf):
            if self.waited:
                self.hit_by_chip("rtc_write")
                write(buf)
                self.hit_by_chip("rtc_written")
            else:
                write(buf)

        def nvs_set(space, key, value):
            self.hit_by_chip("nvs_write")
            set_nvs(space, key, value)
            self.hit_by_chip("nvs_written")

        def servers(ip):
            self.hit_by_chip("dns")
            return resolve(ip)

        chip.rtc.write, chip.nvs.set, chip.resolver.servers = rtc_write, nvs_set, servers
