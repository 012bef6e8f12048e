# lookup.py - all addresses of a name (R27): asks the name server (RFC 1035), or the neighbours for names in .local (RFC 6762), over UDP, in steps.
# May import: asyncio, socket, transport, micropython, random, time.   Time: ticks.   Blocks: never; a look-up ends within 4 s.
# Loaded when the address of a broker is not known.
#
# Believed is what comes from where it was asked, with the number and the question that were sent; what does not, or makes no sense, is passed over.
from asyncio import TimeoutError, core, wait_for_ms
from micropython import const
from random import getrandbits
import socket
from time import ticks_diff, ticks_ms

from . import transport

_PORT = const(53)
_MDNS = "224.0.0.251"
_MDNS_PORT = const(5353)
_TRIES_MS = (1000, 1500, 1500)
_LONGEST = const(512)
_MOST = const(8)  # addresses
_RECORDS = const(32)  # looked at in one answer
_CHAIN = const(8)  # names that stand for another
_A = const(1)
_CNAME = const(5)
_NO_SUCH_NAME = const(3)
_HEAD = const(12)


# The question for the addresses of a name, with that number. Raises ValueError for what is no name.
def question(name, number, local):
    out = bytearray(_HEAD)
    out[0] = number >> 8
    out[1] = number & 255
    out[2] = 0 if local else 1  # recursion desired
    out[5] = 1
    if name.endswith("."):
        name = name[:-1]
    for label in name.split("."):
        label = label.encode()
        if not 0 < len(label) < 64:
            raise ValueError(name)
        out.append(len(label))
        out += label
    if len(out) > _HEAD + 254:
        raise ValueError(name)
    # Type A; class IN, with the bit that asks neighbours for an answer to us alone.
    out += b"\0\0\1\x80\1" if local else b"\0\0\1\0\1"
    return out


# The name at `at` in lower case, and where what follows it begins. A pointer leads to what stands before it, so none goes in circles.
# Raises ValueError, IndexError.
def _name(data, at):
    labels = b""
    after = None
    start = at
    while True:
        n = data[at]
        if n >= 0xC0:
            to = (n & 0x3F) << 8 | data[at + 1]
            if after is None:
                after = at + 2
            if to >= start:
                raise ValueError("pointer")
            at = start = to
        elif n > 63:
            raise ValueError("label")
        elif n:
            labels += data[at : at + n + 1]
            at += n + 1
            if at > len(data) or len(labels) > 254:
                raise ValueError("long")
        else:
            return labels.lower(), at + 1 if after is None else after


# What a packet says to a question of ours: its addresses as texts, none where there is no such name; None for what is no answer to it, False for one
# that says that the server cannot tell.
def answers(data, asked):
    try:
        return _answers(data, asked)
    except (ValueError, IndexError):
        return None


def _answers(data, asked):
    if data[:2] != asked[:2] or data[2] & 0xF8 != 0x80:  # an answer, to a plain question
        return None
    name, _ = _name(asked, _HEAD)
    at = _HEAD
    local = asked[-2] & 0x80
    if data[4] or data[5] > 1 or not data[5] and not local:
        return None
    if data[5]:
        said, at = _name(data, at)
        if said != name or data[at : at + 2] != b"\0\1" or data[at + 2] & 0x7F or data[at + 3] != 1:
            return None
        at += 4
    if data[2] & 2:  # truncated
        return False
    code = data[3] & 15
    if code:
        return [] if code == _NO_SUCH_NAME and not local else False
    found = []
    aliases = {}
    for _ in range(min(data[6] << 8 | data[7], _RECORDS)):
        owner, at = _name(data, at)
        kind = data[at] << 8 | data[at + 1]
        cls = (data[at + 2] & 0x7F) << 8 | data[at + 3]
        size = data[at + 8] << 8 | data[at + 9]
        at += 10
        if at + size > len(data):
            raise ValueError("cut off")
        if cls == 1:
            if kind == _A and size == 4:
                found.append((owner, data[at : at + 4]))
            elif kind == _CNAME:
                aliases[owner], _ = _name(data, at)
        at += size
    for _ in range(_CHAIN):
        name = aliases.get(name, name)
    good = []
    for owner, address in found:
        text = ".".join([str(n) for n in address])
        # Nobody's, our own, and those of groups lead to no broker.
        if owner == name and address[0] not in (0, 127) and address[0] < 224 and text not in good:
            good.append(text)
    if not good and local:
        return None
    return good[:_MOST]


# The addresses of a name as texts, in the server's order; none when there is no such name, None when nobody could tell. server: address of the
# name server, None or 0.0.0.0 when there is none.
async def look_up(name, server):
    local = name.lower().rstrip(".").endswith(".local")
    if not local and (not server or server == "0.0.0.0"):
        return None
    sock = None
    try:
        to = socket.getaddrinfo(*((_MDNS, _MDNS_PORT) if local else (server, _PORT)))[0][-1]  # numbers: nobody is asked
        for limit in _TRIES_MS:
            asked = question(name, getrandbits(16), local)
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # a port of its own for each try
            sock.setblocking(False)
            if transport.source:
                sock.bind((transport.source, 0))
            sock.sendto(asked, to)
            found = await _heard(sock, asked, None if local else to, limit)
            sock.close()
            sock = None
            if found is not None:
                return None if found is False else found
    except (OSError, ValueError):
        pass  # no path, no memory, no name: whoever asks next may know better
    finally:
        if sock:
            sock.close()
    return None


# What comes within limit_ms. sender: from where it has to be; None: any neighbour's port for that.
async def _heard(sock, asked, sender, limit_ms):
    began = ticks_ms()
    while True:
        left = limit_ms - ticks_diff(ticks_ms(), began)
        if left <= 0:
            return None
        try:
            await wait_for_ms(_readable(sock), left)
            data, source = sock.recvfrom(_LONGEST)
        except TimeoutError:
            return None
        if source == sender or sender is None and source[1] == _MDNS_PORT:
            found = answers(data, asked)
            if found is not None:
                return found


def _readable(sock):
    yield core._io_queue.queue_read(sock)
