"""Non-volatile storage as esp32.NVS shows it: named 32-bit numbers and blobs, written at once, safe after commit.

On the chip a value set without commit() was seen to survive a power cut, but nothing promises it: here each uncommitted
value is lost with probability 1/2 when the power goes. A subclass may keep the content in a file (`saved`).
"""

NOT_FOUND = (-4354, "ESP_ERR_NVS_NOT_FOUND")
NOT_ENOUGH_SPACE = (-4357, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
KEY_TOO_LONG = (-4361, "ESP_ERR_NVS_KEY_TOO_LONG")
INVALID_LENGTH = (-4364, "ESP_ERR_NVS_INVALID_LENGTH")

NAME_MAX = 15
ENTRY = 32                  # bytes an entry takes; blobs take a header and their length rounded up
CAPACITY = 4 * 126 * ENTRY  # 24 KB partition: six pages, one kept free, one of slack


class NvsError(Exception):
    """args: IDF code and its name, as the port raises them in an OSError."""


class Nvs:
    """All namespaces of the partition. Entries: [namespace, key, value, committed]; value is int or bytes."""

    def __init__(self):
        self.entries = []

    def _find(self, space, key):
        if len(key) > NAME_MAX or len(space) > NAME_MAX:
            raise NvsError(*KEY_TOO_LONG)
        for entry in self.entries:
            if entry[0] == space and entry[1] == key:
                return entry
        return None

    def get(self, space, key, kind):
        """The value of that kind (int or bytes); raises NvsError."""
        entry = self._find(space, key)
        if entry is None or not isinstance(entry[2], kind):
            raise NvsError(*NOT_FOUND)
        return entry[2]

    def set(self, space, key, value):
        entry = self._find(space, key)
        used = 0
        for e in self.entries:
            if e is not entry:
                used += _cost(e[2])
        if used + _cost(value) > CAPACITY:
            raise NvsError(*NOT_ENOUGH_SPACE)
        if entry is None:
            entry = [space, key, value, False]
            self.entries.append(entry)
        entry[2], entry[3] = value, False
        self.saved()

    def erase(self, space, key):
        entry = self._find(space, key)
        if entry is None:
            raise NvsError(*NOT_FOUND)
        self.entries.remove(entry)
        self.saved()

    def commit(self, space):
        for entry in self.entries:
            if entry[0] == space:
                entry[3] = True
        self.saved()

    def power_lost(self, rng):
        self.entries = [e for e in self.entries if e[3] or rng.chance(0.5)]
        self.saved()

    def saved(self):
        """Hook: the content has changed."""


def _cost(value):
    return ENTRY if isinstance(value, int) else ENTRY * (2 + (len(value) + ENTRY - 1) // ENTRY)
