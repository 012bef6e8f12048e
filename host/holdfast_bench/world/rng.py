"""Chance. One stream per subsystem, derived from the run's seed by name: a further draw in "air" shifts nothing elsewhere.

The same numbers on every interpreter (32 and 64 bit). Pure arithmetic; may use binascii.crc32.
"""

from binascii import crc32

_MASK = 0xFFFFFFFF


class Rng:
    """xorshift128 (Marsaglia 2003): small, quick, and good enough for drawing faults and delays; not for keys."""

    def __init__(self, seed):
        s = seed & _MASK
        state = []
        for _ in range(4):
            # splitmix32 spreads a poor seed over the whole state.
            s = (s + 0x9E3779B9) & _MASK
            z = s
            z = ((z ^ (z >> 16)) * 0x85EBCA6B) & _MASK
            z = ((z ^ (z >> 13)) * 0xC2B2AE35) & _MASK
            state.append(z ^ (z >> 16))
        self._x, self._y, self._z, self._w = state

    def bits(self):
        """A uniform number 0..2**29-1: a small int on every interpreter."""
        t = self._x ^ ((self._x << 11) & _MASK)
        self._x, self._y, self._z = self._y, self._z, self._w
        self._w = w = self._w ^ (self._w >> 19) ^ t ^ (t >> 8)
        return w >> 3

    def below(self, n):
        """A uniform integer 0..n-1, n up to 2**29."""
        return self.bits() % n

    def between(self, low, high):
        """A uniform integer low..high, both included."""
        return low + self.bits() % (high - low + 1)

    def chance(self, p):
        """True with probability p (0..1)."""
        return self.bits() < p * 536870912

    def pick(self, items):
        """One of a non-empty list or tuple."""
        return items[self.bits() % len(items)]

    def fill(self, n):
        """n random bytes."""
        data = bytearray(n)
        for i in range(n):
            data[i] = self.bits() >> 11 & 0xFF
        return bytes(data)


def rng_for(seed, name):
    """The stream of one subsystem or fault."""
    return Rng(crc32(("%d:%s" % (seed, name)).encode()))
