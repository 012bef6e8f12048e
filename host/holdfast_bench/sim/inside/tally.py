"""What has been handed over and has not arrived: only to know when a drain is finished. The verdict is the host's.

Numbers of a life count up from 1, so the last one handed over says enough: it is kept as it came and read when it matters.
What may be lost by promise (QoS 0) does not count.
"""

from array import array
from binascii import a2b_base64, crc32
from json import loads

QUIET_MS = 40_000   # online for so long without a message from before the cut: nothing more is coming, and no retransmission late
GAPS_MAX = 32       # of one life: more are not told apart, the oldest is taken for given up
GHOSTS_KEPT = 60    # lives before a loss of power of which something may lie in flash
LIVES_MAX = 48      # with something missing: beyond, those that miss one message only are kept as four bytes each (a battery node: a life a message)
DROPS_MODULO = 1 << 16  # the sum in a boot event
LIVES_KEPT = 8      # lives that miss nothing and are remembered all the same: an application may have several at a time


class _Life:
    def __init__(self, name):
        self.name = name            # as bytes
        self.last = b""             # its newest accept record
        self.below = 1              # every number below this has arrived
        self.ahead = []             # numbers from there on that have arrived: [first, last], …, in order
        self.upto = 0               # the last one that counts, known from the cut on
        self.given_up = 0           # gaps no longer told apart
        self.counts = True          # not of QoS 0

    def arrived(self, n):
        ahead = self.ahead
        if n == self.below:
            self.below = n + 1
            if ahead and ahead[0][0] == self.below:
                self.below = ahead.pop(0)[1] + 1
        elif n > self.below:
            i = len(ahead)
            while i and ahead[i - 1][0] > n:
                i -= 1
            # ahead[i - 1] begins at n or before it, ahead[i] behind it.
            if i and n <= ahead[i - 1][1]:
                return
            if i and ahead[i - 1][1] == n - 1:
                ahead[i - 1][1] = n
            else:
                ahead.insert(i, [n, n])
                i += 1
            if i < len(ahead) and ahead[i][0] == ahead[i - 1][1] + 1:
                ahead[i - 1][1] = ahead.pop(i)[1]
            if len(ahead) > GAPS_MAX:
                first, last = ahead.pop(0)
                self.given_up += first - self.below
                self.below = last + 1

    def count_ahead(self, last):
        """How many up to `last`: what was handed over after the cut may have arrived too, and makes up for nothing."""
        return sum([min(end, last) - first + 1 for first, end in self.ahead if first <= last])

    def newest(self):
        """The last number handed over, 0 for none."""
        try:
            return loads(self.last[1:])["n"] if self.last else 0
        except (ValueError, KeyError):
            return 0                # a garbled record counts for nothing here

    def missing(self):
        """How many of those handed over have not arrived."""
        if not self.counts:
            return 0
        last = self.newest()
        return max(0, last - self.below + 1 - self.count_ahead(last))


class Tally:
    def __init__(self, kernel):
        self._kernel = kernel
        self.state = None           # of the connection, as the board says; None: it has not said any since its start
        self.still_until_ms = 0     # it keeps still, in its safe mode, until then
        self._moved_at_ms = 0       # when that came, or a message that counts
        self._lives = []            # the newest last
        self._singles = array("I")  # crc32("<life>:<n>") of the one message that a life misses, 0: a free place
        self._alone = 0             # how many
        self._ghosts = []           # names of lives whose RTC memory is gone: what they have in flash may still come
        self._spooled = False       # something was moved to flash
        self._dropped = 0           # messages the firmware gave up, as it says
        self._told = 0              # of those, accepted ones, in this epoch
        self._epoch = None
        self._cut = False
        self._empty = False         # a life has begun since the cut with nothing to send: a node that sleeps is never online for long
        self.heard = False          # a command came through after the cut

    def handed_over(self, name, n):
        """A message that no console tells of: its own maker does."""
        if not self._cut:
            self._life(name.encode(), 0, len(name)).last = b' {"n":%d}' % n

    def note(self, data, start):
        """A console record (bytes); its event's name stands at `start`."""
        if data.startswith(b'sent"', start) or data.startswith(b'ack"', start):
            return
        if data.startswith(b'accept"', start):
            if not self._cut:
                at = data.find(b'"', data.find(b'"life":') + 7) + 1
                life = self._life(data, at, data.find(b'"', at))
                if not life.last and data.find(b'"q": 0') > 0:
                    life.counts = False
                life.last = data
        elif data.startswith(b'state"', start):
            try:
                self.state = loads(data[1:])["new"]
            except (ValueError, KeyError):
                pass
            self._moved_at_ms = self._kernel.now_ms
        elif data.startswith(b'heard"', start):
            self.heard = self._cut
        elif data.startswith(b'boot"', start):
            self.state = None
            self.still_until_ms = min(self.still_until_ms, self._kernel.now_ms)
            if self._cut and data.find(b'"queued": 0,') > 0:
                self._empty = True
            self._made_good(data)
        elif data.startswith(b'safe"', start):
            try:
                self.still_until_ms = self._kernel.now_ms + loads(data[1:])["for_s"] * 1000
            except (ValueError, KeyError):
                pass                # it is over: told without a time
        elif data.startswith(b'spool"', start):
            self._spooled = True
        elif data.startswith(b'drop"', start):
            try:
                drop = loads(data[1:])
                n = drop.get("n", 1)
                self._dropped += n
                if drop.get("i"):
                    self._told += n
            except ValueError:
                pass

    def _made_good(self, data):
        """A reset cut off the report of a drop: the sum that comes with the next start says how many there were in its epoch."""
        try:
            boot = loads(data[1:])
            epoch, drops = boot.get("epoch"), boot.get("drops", self._told)
        except ValueError:
            return
        if epoch != self._epoch:
            self._epoch, self._told = epoch, 0
        untold = (drops - self._told) % DROPS_MODULO
        if untold < DROPS_MODULO // 2:
            self._dropped += untold
            self._told = drops

    def _life(self, data, begin, end):
        for i in range(len(self._lives) - 1, -1, -1):
            if data.find(self._lives[i].name, begin) == begin:
                return self._lives[i]
        if len(self._lives) >= LIVES_KEPT:
            newest = self._lives[1 - LIVES_KEPT:]
            self._lives = [life for life in self._lives[:1 - LIVES_KEPT] if life.missing()] + newest
        if len(self._lives) >= LIVES_MAX:
            self._lives = [life for life in self._lives[:1 - LIVES_KEPT] if not self._set_apart(life)] + self._lives[1 - LIVES_KEPT:]
        self._lives.append(_Life(data[begin:end]))
        return self._lives[-1]

    def _set_apart(self, life):
        n = life.newest()
        if not life.counts or life.below != n or life.ahead:
            return False
        key = crc32(life.name + b":" + str(n).encode()) or 1
        self._alone += 1
        for i in range(len(self._singles)):
            if not self._singles[i]:
                self._singles[i] = key
                return True
        self._singles.append(key)
        return True

    def _single_arrived(self, payload):
        start = payload.find(b'"p":"') + 5 if payload[:1] == b"{" else 0
        end = payload.find(b" ", start)
        key = crc32(payload[start:end if end >= 0 else len(payload)]) or 1
        for i in range(len(self._singles)):
            if self._singles[i] == key:
                self._singles[i] = 0
                self._alone -= 1
                self._moved_at_ms = self._kernel.now_ms
                return True
        return False

    def recv(self, payload):
        """A message has arrived: "<life>:<n> …", bare or as "p" or "p64" of an envelope."""
        at = payload.find(b'"p64":"')
        if at >= 0:
            try:
                payload = a2b_base64(payload[at + 7:payload.rfind(b'"')])
            except ValueError:
                return
        for life in self._lives:
            name = life.name
            at = payload.find(name)
            if at >= 0 and not life.counts:
                return
            if at >= 0:
                start = at + len(name) + 1
                end = payload.find(b" ", start)
                if end < 0:
                    end = payload.find(b'"', start)
                try:
                    n = int(payload[start:end if end >= 0 else len(payload)])
                    life.arrived(n)
                    if n <= life.upto:
                        self._moved_at_ms = self._kernel.now_ms
                except ValueError:
                    pass            # nobody's number
                return
        if self._alone and self._single_arrived(payload):
            return
        for name in self._ghosts:
            if payload.find(name) >= 0:
                self._moved_at_ms = self._kernel.now_ms
                return

    def memory_lost(self):
        """Everything that lay in RTC memory is gone; what lay in flash is not."""
        if self._spooled:
            self._ghosts = (self._ghosts + [life.name for life in self._lives if life.missing()])[-GHOSTS_KEPT:]
            if self._alone and not self._ghosts:
                self._ghosts.append(b"many")
        self._lives.clear()
        self._singles = array("I")
        self._alone = 0

    def cut(self):
        """What is handed over from now on does not count."""
        self._cut = True
        self._moved_at_ms = self._kernel.now_ms
        for life in self._lives:
            life.upto = life.newest()

    def missing(self):
        """How many have not arrived and were not given up, as far as can be told.

        What was given up may have arrived all the same, its acknowledgement lost: so their number alone ends nothing.
        """
        missing = sum([life.missing() for life in self._lives]) + self._alone
        given_up = sum([life.given_up for life in self._lives])
        quiet = self.state == "online" and self._kernel.now_ms - self._moved_at_ms >= QUIET_MS
        if missing <= self._dropped - given_up and (quiet or self._empty):
            return 0
        return missing or (1 if self._ghosts else 0)

    def first(self):
        """The name of one that is missing."""
        for life in self._lives:
            if life.missing():
                return "%s:%d" % (str(life.name, "utf-8"), life.below)
        if self._alone:
            return "one of %d lives that miss one each" % self._alone
        return "one of %s" % str(self._ghosts[0], "utf-8") if self._ghosts else ""
