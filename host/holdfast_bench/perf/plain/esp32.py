# esp32.py - NVS that begins empty.
class NVS:
    def __init__(self, name):
        self._kept = {}

    def get_i32(self, key):
        if key not in self._kept:
            raise OSError(-4354)
        return self._kept[key]

    def set_i32(self, key, value):
        self._kept[key] = value

    def get_blob(self, key, buf):
        if key not in self._kept:
            raise OSError(-4354)
        data = self._kept[key]
        buf[: len(data)] = data
        return len(data)

    def set_blob(self, key, data):
        self._kept[key] = bytes(data)

    def erase_key(self, key):
        if key not in self._kept:
            raise OSError(-4354)
        del self._kept[key]

    def commit(self):
        pass
