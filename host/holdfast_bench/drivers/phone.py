"""The phone of whoever sets a twin up: a thread that joins its access point and asks its name server and its page over real sockets.

May use: world.phone for what it asks, the twin's host.
"""

import contextlib
import socket
import threading
import time

from ..world import phone

SLICE_S = 0.5


class Phone:
    """`fields`: what its owner types. say(ev, **fields) goes into the history. Ends by itself, or with close()."""

    def __init__(self, host, board, fields, say):
        self._board, self._fields, self._say = board, fields, say
        self._http, self._dns = host.forward(board, 80), host.forward(board, 53, udp=True)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phone", daemon=True)
        self._thread.start()

    def close(self):
        self._ended.set()
        self._thread.join(phone.ANSWER_MS / 1000)

    def _run(self):
        until = time.monotonic() + phone.LIMIT_MS / 1000
        while time.monotonic() < until and not self._ended.wait(phone.LOOK_MS / 1000):
            ap = self._board.silicon.wifi.soft_ap
            if ap is None:
                continue
            self._say("joined", ssid=ap[0], open=not ap[1])
            if self._ended.wait(phone.JOIN_MS / 1000) or self._visited():
                return
            self._ended.wait(phone.AGAIN_MS / 1000)

    def _visited(self):
        visit = phone.visit(self._fields, lambda ev, *pairs: self._say(ev, **dict(zip(pairs[::2], pairs[1::2]))))
        answer = None
        while True:
            try:
                what, data = visit.send(answer)
            except StopIteration as e:
                return e.value
            answer = (self._asked if what == "dns" else self._requested)(data)

    def _asked(self, query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(SLICE_S)
            until = time.monotonic() + phone.ANSWER_MS / 1000
            while time.monotonic() < until and not self._ended.is_set():
                with contextlib.suppress(OSError):
                    s.sendto(query, self._dns)
                    return s.recv(512)
        return None

    def _requested(self, request):
        """The answer is all that comes until the node closes."""
        heard, until = b"", time.monotonic() + phone.ANSWER_MS / 1000
        try:
            with socket.create_connection(self._http, phone.ANSWER_MS / 1000) as s:
                s.sendall(request)
                s.settimeout(SLICE_S)
                while time.monotonic() < until and not self._ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        piece = s.recv(4096)
                        if not piece:
                            break
                        heard += piece
        except OSError:
            pass
        return heard or None
