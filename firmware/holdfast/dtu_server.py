# dtu_server.py - the serial line at a TCP port of the node (R35): whoever connects gets what it says, and may say something. Loaded where configured.
# May import: socket, asyncio, dtu, errors, bell; the node is handed in.   Time: ticks.   Blocks: never.
#
# While nobody is connected, packets wait in RAM (buffer_bytes; 0: they do not wait, as suits question and answer); when that is full the line is left unread if flow control is wired, else the oldest
# are dropped and reported. What has been written to a connection that then breaks is lost: plain TCP acknowledges nothing to a program.
from asyncio import core, create_task, sleep_ms
from errno import EAGAIN
from micropython import const
from time import ticks_diff, ticks_ms
import socket

from .bell import Bell
from .dtu import Dtu

_CHUNK = const(128)
_UNSENT = const(2048)
_AGAIN_MS = const(2000)  # until listening is tried again
_STUCK_MS = const(20000)  # a client that takes nothing for so long is gone


def _io(queue, sock):
    yield queue(sock)


class Server:
    def __init__(self, node, cfg):
        self._node = node
        self._cfg = cfg
        self._waiting = []  # packets nobody has taken
        self._bytes = 0
        self._clients = []
        self._bell = Bell()
        self.line = Dtu(node, cfg, self._take)
        self.line.start()
        create_task(self._listen())
        create_task(self._send())

    # A packet of the line.
    def _take(self, packet):
        limit = self._cfg["buffer_bytes"]
        if not limit:
            if not self._clients:
                return  # an answer that nobody waits for any more must not be taken for that to the next question
            limit = _UNSENT
        while self._bytes + len(packet) > limit:
            if "rts" in self._cfg["flow"] or not self._waiting:
                return False
            self._bytes -= len(self._waiting.pop(0))
            self._node.outbox.lost(0, 1, "overflow")
        self._waiting.append(bytes(packet))
        self._bytes += len(packet)
        self._bell.ring()

    # A port that listens, again whenever that fails; the address may come and go meanwhile.
    async def _listen(self):
        while True:
            sock = socket.socket()
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.setblocking(False)
                sock.bind(socket.getaddrinfo("0.0.0.0", self._cfg["port"])[0][-1])
                sock.listen(1)
                while True:
                    await _io(core._io_queue.queue_read, sock)
                    client, _ = sock.accept()
                    client.setblocking(False)
                    self._welcome(client)
            except OSError as e:
                if e.errno != EAGAIN:
                    self._node.error("link", "dtu: %r" % e)
            finally:
                sock.close()
            await sleep_ms(_AGAIN_MS)

    # A client more; when there are too many the oldest goes: it may be one that has vanished without a word.
    def _welcome(self, client):
        if len(self._clients) == self._cfg["clients"]:
            self._bye(self._clients[0], "replaced")
        if not self._cfg["buffer_bytes"]:
            self._waiting.clear()
            self._bytes = 0
        one = Client(client)
        self._clients.append(one)
        one.reader = create_task(self._read(one))
        one.out = self._cfg["registration"]
        self._node.emit("dtu", {"clients": len(self._clients)})
        self._bell.ring()

    def _bye(self, client, why):
        if client in self._clients:
            self._clients.remove(client)
            client.sock.close()
            if client.reader is not core.cur_task:
                client.reader.cancel()
            self._node.emit("dtu", {"clients": len(self._clients), "why": why})

    async def _read(self, client):
        buf = bytearray(_CHUNK)
        try:
            while True:
                await _io(core._io_queue.queue_read, client.sock)
                n = client.sock.readinto(buf)
                if n == 0:
                    return self._bye(client, "closed")
                if n:
                    while not self.line.room(n):
                        await sleep_ms(20)  # the line is slower than the network: that one has to wait
                    self.line.send(bytes(buf[:n]))
        except OSError as e:
            self._bye(client, repr(e))

    # Sends to every client what is waiting, and heartbeats.
    async def _send(self):
        cfg = self._cfg
        beat_ms = cfg["heartbeat_s"] * 1000
        at = ticks_ms()
        while True:
            now = ticks_ms()
            if cfg["heartbeat"] and ticks_diff(now, at) >= beat_ms:
                at = now
                for client in self._clients:
                    client.out = client.out or cfg["heartbeat"]
            busy = False
            if self._clients and self._waiting and not any([client.out for client in self._clients]):
                packet = self._waiting.pop(0)
                self._bytes -= len(packet)
                for client in self._clients:
                    client.out = packet
            for client in list(self._clients):
                why = client.flush(now)
                if why:
                    self._bye(client, why)
                busy = busy or client.out
            if busy:
                await sleep_ms(10)
            elif not (self._clients and self._waiting):
                await self._bell.wait(min(beat_ms, 1000))


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.out = b""
        self.reader = None
        self._since = ticks_ms()

    # Writes what it can; says why the client is gone, if it is.
    def flush(self, now):
        try:
            while self.out:
                n = self.sock.write(self.out)
                if not n:
                    break
                self.out = self.out[n:]
                self._since = now
        except OSError as e:
            return repr(e)
        if self.out and ticks_diff(now, self._since) > _STUCK_MS:
            return "takes nothing"
        if not self.out:
            self._since = now
