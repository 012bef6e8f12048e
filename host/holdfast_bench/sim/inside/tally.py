"""What has been handed over and has not arrived: only to know when a drain is finished. The verdict is the host's."""

from json import loads


class Tally:
    def __init__(self):
        self._open = []         # [life, {n: sequence number}]; lives are few
        self._cut = False

    def _of(self, life):
        for entry in self._open:
            if entry[0] == life:
                return entry[1]
        # The lives before have nothing new to hand over: only those that miss something are kept.
        self._open = [entry for entry in self._open if entry[1]]
        numbers = {}
        self._open.append([life, numbers])
        return numbers

    def note(self, name, rest):
        """A console record; `rest` is what follows `"t":`."""
        if name == "accept":
            if self._cut:
                return
            event = loads('{"t":' + rest)
            self._of(event["life"].encode())[event["n"]] = event["i"]
        elif name == "drop":
            event = loads('{"t":' + rest)
            first, last = event["i"], event["i"] + event.get("n", 1)
            for _, numbers in self._open:
                for n in [n for n in numbers if first <= numbers[n] < last]:
                    del numbers[n]

    def recv(self, payload):
        """A message has arrived: "<life>:<n> …", bare or as "p" of an envelope."""
        colon = payload.find(b":")
        if payload[:1] == b"{":
            at = payload.find(b'"p":')
            at = payload.find(b'"', at + 4) + 1 if at >= 0 else 0
            colon = payload.find(b":", at) if at else -1
        else:
            at = 0
        if colon < 0:
            return
        life = payload[at:colon]
        for known, numbers in self._open:
            if known == life:
                end = colon + 1
                while end < len(payload) and 48 <= payload[end] <= 57:
                    end += 1
                if end > colon + 1:
                    numbers.pop(int(payload[colon + 1:end]), None)
                return

    def memory_lost(self):
        """Everything that lay in RTC memory is gone."""
        self._open.clear()

    def cut(self):
        """What is handed over from now on does not count."""
        self._cut = True

    def missing(self):
        """How many have not arrived."""
        return sum([len(numbers) for _, numbers in self._open])

    def first(self):
        """The name of one that is missing: the lowest number of the first life that misses any."""
        for life, numbers in self._open:
            if numbers:
                return "%s:%d" % (str(life, "utf-8"), min(numbers))
        return ""
