# topics.py - the table of topics: what a record's topic slot means. Kept in flash (NVS), written once per new topic.
# May import: nothing of ours; the block, and load and save for the flash, are handed in.
# Time: none.   Blocks: for one NVS write at a new topic.
#
# A slot stands for topic, flags, time to live, schema and, where it is fixed, payload size: what need not be in every record.
# The table only grows, so a reset between saving it and using it hurts nothing. When it is full, records carry it all.
# Flags: bits 0-1 QoS, 4 retain, 8 urgent, 16 and up the number of the class. Schema: how the payload is packed (typed.py), 0: it
# is not.
from binascii import crc32
from micropython import const
from struct import pack, unpack_from

_ENTRY = const(">BBIBB")  # flags, size, ttl_s, schema, length of the topic that follows
_ENTRY_SIZE = const(8)
_BLOB_MAX = const(1900)  # bytes; half a page of NVS
_INLINE = const(63)  # slot of records whose payload begins with flags, ttl_s, schema, length and topic
_INLINE_HEAD = const(">BIBB")
_INLINE_SIZE = const(7)
_VARIES = const(255)
_UNKNOWN = const(254)
_GENEROUS = const(32)  # slots from here on are for one topic each
_RESUME = const(27)  # in the resume record: entries of the table that the records refer to, low byte of its CRC
_RESUME_FORM = const("BB")


def _name(topic):
    name = topic.encode()
    if len(name) > 250:
        raise ValueError("topic %r: more than 250 bytes" % topic)
    return name


# What slots stand for; as much as reading records needs.
class Table:
    # Reads a table as it is saved, whole entries only. Returns where each of them ends.
    def read(self, blob):
        self.sizes = bytearray(b"\xfe" * 64)  # shared with the ring
        self.sizes[_INLINE] = _VARIES
        self._slots = [None]  # (topic, flags, ttl_s, schema)
        at = 0
        ends = [0]
        while at + _ENTRY_SIZE <= len(blob) and at + _ENTRY_SIZE + blob[at + 7] <= len(blob) and len(self._slots) < _INLINE:
            flags, size, ttl_s, schema, n = unpack_from(_ENTRY, blob, at)
            at += _ENTRY_SIZE + n
            ends.append(at)
            self._enter(str(blob[at - n : at], "utf-8"), flags, size, ttl_s, schema)
        return ends

    def _enter(self, topic, flags, size, ttl_s, schema):
        self.sizes[len(self._slots)] = size
        self._slots.append((topic, flags, ttl_s, schema))

    # Finds topic, flags, ttl_s and schema of the record in `slot` whose payload lies in buf from start on. Returns where what the
    # application gave begins.
    def look_up(self, slot, buf, start):
        if slot == _INLINE:
            self.flags, self.ttl_s, self.schema, n = unpack_from(_INLINE_HEAD, buf, start)
            start += _INLINE_SIZE + n
            self.topic = str(buf[start - n : start], "utf-8")
        else:
            self.topic, self.flags, self.ttl_s, self.schema = self._slots[slot]
        return start


class Topics(Table):
    # load: () -> bytes saved last. save: (bytes) -> None, raises OSError.
    def __init__(self, block, load, save):
        self._block = block
        self._save = save
        self._full = False
        self._last = {}  # topic -> the slot used last for it
        entries, check = block.peek(_RESUME, _RESUME_FORM)
        self.blob = blob = load()
        try:
            ends = self.read(blob)
            self.blob = blob[: ends[-1]]
            good = entries < len(ends) and (not entries or crc32(blob[: ends[entries]]) & 255 == check)
        except UnicodeError:
            good = False
        if not good:
            # Not the table that the records were written with: nothing says what they shall be read as. They are lost, and must never
            # be taken for something else.
            self.blob = b""
            self.read(b"")
            block.area[:] = bytes(len(block.area))
            block.poke(_RESUME, _RESUME_FORM, 0, 0)

    # The slot for these attributes and a payload of n bytes, made where there is none yet: 63 when the table is full or
    # cannot be saved; prefix() then goes before the payload.
    def slot(self, topic, flags, ttl_s, n, schema):
        slot = self._last.get(topic, 0)
        if slot and self._fits(slot, topic, flags, ttl_s, n, schema):
            return slot
        # Most topics always have payloads of one size: the first slot of one takes that for granted and saves the length in
        # every record. A second one is made when another size comes.
        size = n if n < _UNKNOWN and len(self._slots) < _GENEROUS else _VARIES
        for slot in range(1, len(self._slots)):
            if self._fits(slot, topic, flags, ttl_s, n, schema):
                break
            if self._slots[slot][0] == topic:
                size = _VARIES
        else:
            slot = self._add(topic, flags, ttl_s, size, schema)
        self._last[topic] = slot
        return slot

    def _fits(self, slot, topic, flags, ttl_s, n, schema):
        if slot == _INLINE:
            return False
        name, known, ttl, packed = self._slots[slot]
        size = self.sizes[slot]
        return name == topic and known == flags and ttl == ttl_s and packed == schema and (size == n or size == _VARIES)

    # Makes a slot. size: of every payload to come, 255 when it varies, at most 253.
    def _add(self, topic, flags, ttl_s, size, schema):
        name = _name(topic)
        blob = self.blob + pack(_ENTRY, flags, size, ttl_s, schema, len(name)) + name
        if self._full or len(self._slots) == _INLINE or len(blob) > _BLOB_MAX:
            return _INLINE
        try:
            self._save(blob)
        except OSError:
            self._full = True  # not asked again in this life: that costs time and wear
            return _INLINE
        self.blob = blob
        self._enter(topic, flags, size, ttl_s, schema)
        n = len(self._slots) - 1
        self._block.poke(_RESUME, _RESUME_FORM, n, crc32(blob) & 255)
        return n

    # What goes before the payload of a record in slot 63.
    def prefix(self, topic, flags, ttl_s, schema):
        name = _name(topic)
        return pack(_INLINE_HEAD, flags, ttl_s, schema, len(name)) + name
