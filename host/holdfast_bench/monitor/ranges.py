"""Sets of whole numbers kept as ranges: what is missing of a stream takes room by its holes, not by its length."""

from bisect import bisect_right


class Ranges:
    """Disjoint ranges [first, last], ascending, never touching each other."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, pairs=()):
        self._firsts, self._lasts = [], []
        for first, last in pairs:
            self.add(first, last)

    def __iter__(self):
        return zip(self._firsts, self._lasts)

    def __len__(self):
        """How many ranges; `count` says how many numbers."""
        return len(self._firsts)

    def __contains__(self, n):
        at = bisect_right(self._firsts, n) - 1
        return at >= 0 and n <= self._lasts[at]

    @property
    def count(self):
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def add(self, first, last):
        firsts, lasts = self._firsts, self._lasts
        low = bisect_right(lasts, first - 2)        # the first range that touches or overlaps
        high = bisect_right(firsts, last + 1)       # behind the last one that does
        if low < high:
            first, last = min(first, firsts[low]), max(last, lasts[high - 1])
        firsts[low:high] = [first]
        lasts[low:high] = [last]

    def remove(self, first, last):
        """Returns how many of these numbers were in."""
        firsts, lasts = self._firsts, self._lasts
        low = bisect_right(lasts, first - 1)        # the first range that overlaps
        high = bisect_right(firsts, last)           # behind the last one that does
        if low >= high:
            return 0
        kept, gone = [], 0
        for f, l in zip(firsts[low:high], lasts[low:high]):
            gone += min(l, last) - max(f, first) + 1
            if f < first:
                kept.append((f, first - 1))
            if l > last:
                kept.append((last + 1, l))
        firsts[low:high] = [f for f, _ in kept]
        lasts[low:high] = [l for _, l in kept]
        return gone

    def text(self):
        """`3-7,9`, as it is stored and shown."""
        return ",".join("%d" % f if f == l else "%d-%d" % (f, l) for f, l in self)

    @classmethod
    def parse(cls, text):
        made = cls()
        for part in text.split(",") if text else ():
            first, _, last = part.partition("-")
            made.add(int(first), int(last or first))
        return made
