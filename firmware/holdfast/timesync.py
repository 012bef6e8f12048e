# timesync.py - sets the chip's clock by SNTP (RFC 4330), stepped, and keeps it right. Loaded where the setting `ntp` names a server.
# May import: asyncio, socket, machine, errors, transport; the node is handed in.   Time: the chip's clock, ticks.
# Blocks: for DNS, when the server is given by name.
from asyncio import TimeoutError, core, sleep_ms, wait_for_ms
from machine import RTC
from micropython import const
from random import getrandbits
import socket
from struct import pack_into, unpack_from
from time import gmtime, ticks_diff, ticks_ms

from .errors import Fault, translate
from .transport import resolve

_PORT = const(123)
_ANSWER_MS = const(2000)
_SIZE = const(48)
_TO_2000 = 3155673600  # seconds from 1900 to 2000
_ERA = 1 << 32
_FIRST_PAUSE_MS = const(5000)
_LONGEST_MS = const(60000)


# Seconds and microseconds since 2000 that the server says it is. Raises Fault: timeout, dns, protocol.
async def ask(host):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        query = bytearray(_SIZE)
        query[0] = 0x1B  # version 3, client
        pack_into(">II", query, 40, getrandbits(32), getrandbits(32))  # comes back: who did not see the question cannot answer it
        sent_at = ticks_ms()
        sock.sendto(query, resolve(host, _PORT) if isinstance(host, str) else host)
        data = await wait_for_ms(_answer(sock), _ANSWER_MS)
        return judge(query, data, ticks_diff(ticks_ms(), sent_at))
    except OSError as e:
        raise translate(e, True)
    except TimeoutError:
        raise Fault("timeout", "no answer from the time server")
    finally:
        sock.close()


async def _answer(sock):
    await _readable(sock)
    return sock.recv(_SIZE + 20)


def _readable(sock):
    yield core._io_queue.queue_read(sock)


# What an answer to `query` says. round_trip_ms: half of it has passed since it was written.
def judge(query, data, round_trip_ms):
    if len(data) < _SIZE or data[0] & 7 != 4 or not 0 < data[1] < 16 or data[24:32] != query[40:48]:
        raise Fault("protocol", "no answer of a time server")
    seconds, fraction = unpack_from(">II", data, 40)
    if seconds < _TO_2000:
        seconds += _ERA  # from 2036 on
    us = (fraction >> 12) * 1000000 // (1 << 20) + round_trip_ms * 500
    return seconds - _TO_2000 + us // 1000000, us % 1000000


def set_clock(seconds, us):
    year, month, day, hour, minute, second, weekday = gmtime(seconds + (0 if gmtime(0)[0] == 2000 else 946684800))[:7]
    RTC().datetime((year, month, day, weekday, hour, minute, second, us))


# Asks when the path is up, until there was an answer; then every every_s.
async def run(node, server, every_s):
    pause = _FIRST_PAUSE_MS
    while True:
        ms = 1000
        if node.path.up():
            try:
                found = await ask(server)
                known = node.clock.known()
                set_clock(*found)
                node.clock.check()
                if not known:
                    node.supervisor.hurry()  # TLS has waited for it
                pause = _FIRST_PAUSE_MS
                ms = every_s * 1000
            except Fault as e:
                node.error(e.args[0], "time: %s" % e.args[1])
                ms = pause
                pause = min(pause * 2, 3600000)
        while ms > 0:
            await sleep_ms(min(ms, _LONGEST_MS))
            ms -= _LONGEST_MS
