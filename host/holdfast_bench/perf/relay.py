"""A relay in front of the broker, as the bars were measured with: acknowledgements that come together travel together.

That one logged every packet, which takes it a while; this one waits a little for what else comes, and passes it on as one piece. May know: sockets. One thread a direction; ends with its process.
"""

import contextlib
import socket
import threading
import time

PIECE = 65536
TOGETHER_S = 0.002


def relay(host, port, to_port):
    """Listen on host:port and join each connection to host:to_port."""
    listener = socket.create_server((host, port))
    threading.Thread(target=_accept, args=(listener, (host, to_port)), daemon=True).start()


def _accept(listener, target):
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(target)
        for source, sink in ((near, far), (far, near)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(PIECE):
            time.sleep(TOGETHER_S)
            with contextlib.suppress(BlockingIOError):
                data += source.recv(PIECE, socket.MSG_DONTWAIT)
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
