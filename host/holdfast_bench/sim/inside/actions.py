"""The actions of a plan, in the file in which the host has put them, one JSON object a line: those of a day are thousands, and in the heap they
would be most of what the collector has to look at, again and again.

May use: the file, opened before the chip's own file system takes the place of this machine's.
"""

import json
from array import array


class Actions:
    """Like a list of dicts, to be read only."""

    def __init__(self, file):
        self._file = file
        self._at = at = array("I")
        here = 0
        for line in file:
            at.append(here)
            here += len(line)

    def __len__(self):
        return len(self._at)

    def __getitem__(self, number):
        self._file.seek(self._at[number])
        return json.loads(self._file.readline())

    def __iter__(self):
        for number in range(len(self._at)):
            yield self[number]
