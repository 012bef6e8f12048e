"""What has been handed over and has not arrived: only to know when a drain is finished. The verdict is the host's.

Numbers of a life count up from 1, so the last one handed over says enough: it is kept as it came and read when it matters.
"""

from json import loads


class _Life:
    def __init__(self, name):
        self.name = name            # as bytes
        self.last = b""             # its newest accept record
        self.below = 1              # every number below this has arrived
        self.ahead = []             # numbers from there on that have arrived

    def arrived(self, n):
        if n == self.below:
            self.below = n + 1
            while self.below in self.ahead:
                self.ahead.remove(self.below)
                self.below += 1
        elif n > self.below and n not in self.ahead:
            self.ahead.append(n)

    def missing(self):
        """How many of those handed over have not arrived."""
        if not self.last:
            return 0
        try:
            last = loads(self.last[1:])["n"]
        except (ValueError, KeyError):
            return 0                # a garbled record counts for nothing here
        # What was handed over after the cut may have arrived too, and makes up for nothing.
        return max(0, last - self.below + 1 - sum([n <= last for n in self.ahead]))


class Tally:
    def __init__(self):
        self._lives = []            # the newest last
        self._dropped = 0           # messages the firmware gave up, as it says
        self._cut = False

    def note(self, data, start):
        """A console record (bytes); its event's name stands at `start`."""
        if data.startswith(b'accept"', start):
            if not self._cut:
                at = data.find(b'"', data.find(b'"life":') + 7) + 1
                self._life(data, at, data.find(b'"', at)).last = data
        elif data.startswith(b'drop"', start):
            try:
                self._dropped += loads(data[1:]).get("n", 1)
            except ValueError:
                pass

    def _life(self, data, begin, end):
        lives = self._lives
        if lives and data.find(lives[-1].name, begin) == begin:
            return lives[-1]
        name = data[begin:end]
        for life in lives:
            if life.name == name:
                return life
        # The lives before hand nothing over any more: only those that miss something are kept.
        self._lives = [life for life in lives if life.missing()]
        self._lives.append(_Life(name))
        return self._lives[-1]

    def recv(self, payload):
        """A message has arrived: "<life>:<n> …", bare or as "p" of an envelope."""
        for life in self._lives:
            name = life.name
            at = payload.find(name)
            if at >= 0:
                start = at + len(name) + 1
                end = payload.find(b" ", start)
                if end < 0:
                    end = payload.find(b'"', start)
                try:
                    life.arrived(int(payload[start:end if end >= 0 else len(payload)]))
                except ValueError:
                    pass            # nobody's number
                return

    def memory_lost(self):
        """Everything that lay in RTC memory is gone."""
        self._lives.clear()

    def cut(self):
        """What is handed over from now on does not count."""
        self._cut = True

    def missing(self):
        """How many have not arrived."""
        return max(0, sum([life.missing() for life in self._lives]) - self._dropped)

    def first(self):
        """The name of one that is missing."""
        for life in self._lives:
            if life.missing():
                return "%s:%d" % (str(life.name, "utf-8"), life.below)
        return ""
