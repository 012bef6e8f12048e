# portal.py - what a phone meets at a node that is being set up: a name server that answers everything with the node, and one small page.
# May import: asyncio, socket, errno; what the form means is handed in. Time: ticks.   Blocks: never.
#
# Whoever is in range may send anything: every connection has a time limit, every request a size, and a name server's answer is never longer than twice the question.
from asyncio import core, create_task, sleep_ms
from errno import EAGAIN
from micropython import const
import socket
from time import ticks_diff, ticks_ms

_CLIENTS = const(4)
_HEAD_MAX = const(1536)
_BODY_MAX = const(1024)
_LIMIT_MS = const(8000)  # for a request, and for taking the answer
_CHUNK = const(256)
_AGAIN_MS = const(2000)
_QUERY_MAX = const(255)


class Bad(Exception):
    pass


# "a%20b+c" -> "a b c". Raises Bad.
def unquoted(data):
    done = bytearray()
    i = 0
    while i < len(data):
        c = data[i]
        if c == 0x25:
            try:
                c = int(str(data[i + 1 : i + 3], "ascii"), 16)
            except (ValueError, UnicodeError):
                raise Bad("escape")
            if len(data) < i + 3:
                raise Bad("escape")
            i += 2
        elif c == 0x2B:
            c = 0x20
        done.append(c)
        i += 1
    try:
        return str(done, "utf-8")
    except UnicodeError:
        raise Bad("not UTF-8")


# The fields of a form, as a browser sends it. Raises Bad.
def form(body):
    fields = {}
    for pair in body.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            if len(fields) > 15:
                raise Bad("too many fields")
            fields[unquoted(name)] = unquoted(value)
    return fields


# (method, path, bytes of the body that follow) of the head of a request. Raises Bad.
def request(head):
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ")
    if len(words) != 3 or words[2][:5] != b"HTTP/":
        raise Bad("no HTTP")
    n = 0
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        if name == b"content-length":
            value = value.strip()
            if not value.isdigit() or len(value) > 6:
                raise Bad("length")
            n = int(value)
        elif name == b"transfer-encoding":
            raise Bad("length")
    if n > _BODY_MAX:
        raise Bad("too long")
    return words[0], words[1], n


# Text as HTML.
def escaped(text):
    for c, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(c, code)
    return text


# The answer to a query of DNS: every name has the address `ip` (4 bytes). None for what is no query.
def answer(query, ip):
    n = len(query)
    if not 17 <= n <= _QUERY_MAX or query[2] & 0xF8 or query[4:6] != b"\0\1":
        return None
    i = 12
    while i < n and query[i]:
        if query[i] > 63:
            return None
        i += query[i] + 1
    if i + 5 > n:
        return None
    found = query[i + 1 : i + 5] == b"\0\1\0\1"  # an IPv4 address is asked for
    head = query[:2] + b"\x85\x80\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
    return head + query[12 : i + 5] + (b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\x04" + ip if found else b"")


def _io(queue, sock):
    yield queue(sock)


# page() -> the page, as an iterator of str. offer(fields) -> (text for a page, whether it was taken). at: the node's address, str.
class Portal:
    def __init__(self, page, offer, at, port=80):
        self._page = page
        self._offer = offer
        self._at = at
        self._ip = bytes([int(n) for n in at.split(".")])
        self._port = port
        self._clients = []  # tasks
        self.served = self.refused = self.names = 0
        self.last = ticks_ms()  # when somebody last sent a request that was one
        self.taken = False
        create_task(self._again(self._listen))
        create_task(self._again(self._resolve))

    async def _again(self, what):
        while True:
            try:
                await what()
            except OSError:
                pass
            await sleep_ms(_AGAIN_MS)

    async def _listen(self):
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            sock.bind(socket.getaddrinfo("0.0.0.0", self._port)[0][-1])
            sock.listen(2)
            while True:
                await _io(core._io_queue.queue_read, sock)
                try:
                    client, _ = sock.accept()
                except OSError as e:
                    if e.errno == EAGAIN:
                        continue
                    raise
                self._clients = [task for task in self._clients if not task.done()]
                if len(self._clients) >= _CLIENTS:
                    self._clients.pop(0).cancel()
                self._clients.append(create_task(self._serve(client)))
        finally:
            sock.close()

    async def _serve(self, client):
        try:
            client.setblocking(False)
            began = ticks_ms()
            try:
                head, rest = await self._head(client, began)
                method, path, n = request(head)
                while len(rest) < n:
                    rest += await self._some(client, began)
                self.last = ticks_ms()
                if method == b"POST" and path == b"/":
                    text, self.taken = self._offer(form(rest[:n]))
                    await self._say(client, "200 OK", (text,))
                elif method != b"GET":
                    raise Bad("method")
                elif path == b"/":
                    await self._say(client, "200 OK", self._page())
                else:  # what phones ask to learn whether they are online
                    await self._say(client, "302 Found\r\nLocation: http://%s/" % self._at, ())
                self.served += 1
            except Bad:
                self.refused += 1
                await self._say(client, "400 Bad Request", ("Bad request",))
        except OSError:
            self.refused += 1
        finally:
            client.close()

    async def _head(self, client, began):
        data = b""
        while True:
            data += await self._some(client, began)
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                return data[:end], data[end + 4 :]
            if len(data) > _HEAD_MAX:
                raise Bad("too long")

    async def _some(self, client, began):
        while True:
            try:
                data = client.recv(_CHUNK)
                if not data:
                    raise OSError(0)  # it has closed
                return data
            except OSError as e:
                if e.errno != EAGAIN or ticks_diff(ticks_ms(), began) > _LIMIT_MS:
                    raise
            await sleep_ms(20)

    async def _say(self, client, status, parts):
        began = ticks_ms()
        for part in self._with_head(status, parts):
            data = part.encode()
            while data:
                n = client.write(data)
                if n:
                    data = data[n:]
                elif ticks_diff(ticks_ms(), began) > _LIMIT_MS:
                    raise OSError(0)
                else:
                    await sleep_ms(20)
        await sleep_ms(50)

    def _with_head(self, status, parts):
        yield "HTTP/1.0 %s\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" % status
        for part in parts:
            yield part

    async def _resolve(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind(socket.getaddrinfo("0.0.0.0", 53)[0][-1])
            while True:
                await _io(core._io_queue.queue_read, sock)
                try:
                    query, who = sock.recvfrom(_QUERY_MAX + 1)
                    told = answer(query, self._ip)
                    if told:
                        self.names += 1
                        sock.sendto(told, who)
                except OSError as e:
                    if e.errno != EAGAIN:
                        raise
        finally:
            sock.close()
