"""Virtual boards for anybody's tools, until Ctrl-C: the core of `holdfast twin`."""

import signal
import threading

from ..errors import TimedOut
from . import TwinHost
from .host import KEY, SSID

BROKER = {1883: ("127.0.0.1", 1883), 8883: ("127.0.0.1", 8883)}


def serve(count=1, say=print, hosts=None, folder=None, on_ready=None, rfc2217=None, **options):
    """Start `count` boards, say where their ports are, and stay until Ctrl-C or SIGTERM. Leaves no process and no port behind.

    hosts: {name: {port: (real host, real port)}} of the boards' network; by default `broker` is this machine. folder: where
    the boards keep their flash (a temporary one when not given). on_ready(host) is called once all boards run. rfc2217: TCP port of the
    first board's serial port; the others have the next ones. options go to TwinHost.add_board. Raises BenchError when a board cannot be made.
    """
    end = threading.Event()
    former = signal.signal(signal.SIGTERM, lambda *_: end.set()) if threading.current_thread() is threading.main_thread() else None
    try:
        with TwinHost(folder=folder) as host:
            for name, routes in sorted((hosts or {"broker": BROKER}).items()):
                ip = host.add_host(name, routes)
                say("network   %s, %s.local and %s lead to %s" % (name, name, ip, ", ".join(
                    "%s:%d (port %d)" % (real[0], real[1], port) for port, real in sorted(routes.items()))))
            say('Wi-Fi     "%s", key "%s"' % (SSID, KEY))
            boards = [host.add_board(**options) for _ in range(count)]
            for board in boards:
                board.power_on()
            for number, board in enumerate(boards):
                starts = options.get("blank") or _starts(board)
                say("%-9s %s%s" % (board.name, board.port, "" if starts else "   (it does not start: its console says why)"))
                if rfc2217 is not None:
                    say("%-9s rfc2217://127.0.0.1:%d" % ("", board.serve_rfc2217(rfc2217 + number)))
            say("Ctrl-C ends them")
            if on_ready:
                on_ready(host)
            while not end.wait(0.5):
                pass
    except KeyboardInterrupt:
        pass
    finally:
        if former is not None:
            signal.signal(signal.SIGTERM, former)


def _starts(board):
    """Whether MicroPython runs on it. What its folder holds may be anything."""
    try:
        board.wait_running()
        return True
    except TimedOut:
        return False
