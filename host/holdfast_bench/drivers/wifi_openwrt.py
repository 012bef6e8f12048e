"""The driver `openwrt`: a router with OpenWrt, over ssh with a key. Reach it by cable: by its own Wi-Fi it would saw off the branch it sits on."""

import json
import shlex
import shutil

from .. import tools
from ..errors import BenchError

CONNECT_S = 10
LIMIT_S = 30
_SSH_FAILED = 255


class OpenWrt:
    def __init__(self, settings):
        self._router, self._radio = settings.router, settings.radio

    def off(self):
        self._call("wifi", "down", *self._radios())

    def on(self):
        self._call("wifi", "up", *self._radios())

    def state(self):
        text = self._call("ubus", "call", "network.wireless", "status")
        try:
            radios = json.loads(text)
            up = {name: radio["up"] or radio.get("pending", False) for name, radio in radios.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BenchError("%s answers oddly when asked for its radios: is it OpenWrt? It said: %s" % (self._router, text.strip()[:80])) from None
        if self._radio and self._radio not in up:
            raise BenchError("%s has no radio %s, only %s" % (self._router, self._radio, ", ".join(up) or "none"))
        if self._radio:
            return not up[self._radio], "%s says that %s is down" % (self._router, self._radio)
        return not any(up.values()), "%s says that all its radios are down" % self._router

    def _radios(self):
        return [self._radio] if self._radio else []

    def _call(self, *command):
        said = tools.run(["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=%d" % CONNECT_S, "-o", "LogLevel=ERROR", self._router, shlex.join(command)],
                         LIMIT_S, "ssh to %s" % self._router, remedy=REMEDY)
        if said.status == _SSH_FAILED:
            raise BenchError("ssh to %s failed: %s (a key without pass phrase has to be in its authorized_keys: `ssh-copy-id %s`)" % (
                self._router, said.last_line, self._router))
        if said.status:
            raise BenchError("%s could not run `%s`: %s" % (self._router, shlex.join(command), said.last_line))
        return said.text

    @staticmethod
    def missing(settings):
        return None if shutil.which("ssh") else "ssh is not installed: " + REMEDY


REMEDY = "install the OpenSSH client"
