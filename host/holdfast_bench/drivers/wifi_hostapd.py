"""The driver `hostapd`: an access point on this machine, over hostapd's control socket (its documentation: "Control interface").

A datagram socket for each interface takes commands in text: DISABLE and ENABLE answer OK or FAIL, STATUS answers lines of name=value.
"""

import contextlib
import os
import socket
import tempfile
from pathlib import Path

from ..errors import BenchError, TimedOut

ANSWER_S = 5
_ANSWER_MAX = 4096


class Hostapd:
    def __init__(self, settings):
        self._socket = Path(settings.control) / settings.interface
        self._interface = settings.interface

    def off(self):
        self._order("DISABLE", "DISABLED")

    def on(self):
        self._order("ENABLE", "ENABLED")

    def state(self):
        now = self._now()
        return now == "DISABLED", "hostapd says that %s is %s" % (self._interface, now)

    def _now(self):
        lines = dict(line.partition("=")[::2] for line in self._ask("STATUS").splitlines())
        return lines.get("state", "in an unknown state")

    def _order(self, command, wanted):
        # It refuses what is so already.
        if self._now() != wanted and self._ask(command).strip() != "OK":
            raise BenchError("hostapd refuses to %s %s: `hostapd_cli -i %s status` and its log say more" % (command.lower(), self._interface, self._interface))

    def _ask(self, command):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-"))
            os.chmod(folder, 0o755)      # hostapd, which may run as somebody else, answers into it
            line = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            line.settimeout(ANSWER_S)
            own = folder + "/answer"
            line.bind(own)
            os.chmod(own, 0o666)
            try:
                line.connect(str(self._socket))
                line.send(command.encode())
                answer = b"<"
                while answer.startswith(b"<"):      # events that nobody asked for
                    answer = line.recv(_ANSWER_MAX)
            except TimeoutError:
                raise TimedOut("hostapd to answer %s at %s" % (command, self._socket), ANSWER_S * 1000) from None
            except OSError as e:
                raise BenchError(_why(self._socket, e)) from None
            return answer.decode("utf-8", "replace")

    @staticmethod
    def missing(settings):
        path = Path(settings.control) / settings.interface
        try:
            there = path.exists()
        except PermissionError as e:
            return _why(path, e)
        return None if there else _why(path, FileNotFoundError())


def _why(path, error):
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return "no hostapd listens at %s: start it with `ctrl_interface=%s` in its configuration" % (path, path.parent)
    if isinstance(error, PermissionError):
        return "no permission for hostapd's socket %s: set `ctrl_interface_group` to a group of yours in its configuration" % path
    return "cannot reach hostapd at %s: %s" % (path, error)
