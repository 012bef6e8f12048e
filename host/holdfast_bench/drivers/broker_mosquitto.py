"""The driver `mosquitto`: an installed mosquitto as a process of its own, with its configuration in a folder of its own."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from ..choices import BUILD
from .broker_builtin import HOST, BrokerError

START_LIMIT_S = 10
STOP_LIMIT_S = 10


def find_mosquitto(program="mosquitto"):
    """Path of mosquitto (or of a program that comes with it), or None: the installed one, else the one set-up unpacked for the
    tests. Debian keeps it in /usr/sbin, which is not on an ordinary user's PATH."""
    private = BUILD / "mosquitto" / "bin"
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:%s" % private)


def free_port(host=HOST):
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]


class Mosquitto:
    """One mosquitto process; the port stays the same over restarts. users: {name: password}, None: everyone. extra: lines of its configuration.
    websockets: MQTT over WebSocket as well, at ws_port."""

    kind = "mosquitto"

    def __init__(self, host=HOST, port=0, users=None, program=None, extra=(), websockets=False):
        self.ws_port = free_port(host) if websockets else None
        self.program = program or find_mosquitto()
        if not self.program:
            raise BrokerError("mosquitto is not installed: install it, or use the driver 'builtin'")
        self.host, self.port = host, port
        self._users, self._extra = users, extra
        self._folder = None
        self._process = None

    def start(self):
        """Start and wait until it answers. Raises BrokerError with the last line of its log."""
        if self._process:
            return self
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="holdfast-mosquitto-"))
            self.port = self.port or free_port(self.host)
            self._configure()
        log = open(self._folder / "log", "ab")
        self._process = subprocess.Popen([self.program, "-c", str(self._folder / "conf")], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                for port in filter(None, (self.port, self.ws_port)):
                    socket.create_connection((self.host, port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        last = (self._folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
        self.stop()
        raise BrokerError("mosquitto does not start on port %d: %s" % (self.port, last[0] if last else "no message"))

    def _configure(self):
        conf = ["listener %d %s" % (self.port, self.host), "persistence true", "persistence_location %s/" % self._folder,
                "log_type error", "log_type warning", *self._extra]
        if self.ws_port:
            conf += ["listener %d %s" % (self.ws_port, self.host), "protocol websockets"]
        if self._users is None:
            conf.append("allow_anonymous true")
        else:
            passwords = self._folder / "passwords"
            passwords.write_text("".join("%s:%s\n" % pair for pair in self._users.items()))
            passwords.chmod(0o600)
            subprocess.run([find_mosquitto("mosquitto_passwd"), "-U", str(passwords)],
                           check=True, capture_output=True, timeout=STOP_LIMIT_S)
            conf += ["allow_anonymous false", "password_file %s" % passwords]
        # Started as root it would become the user 'mosquitto', who cannot read this folder.
        conf.append("user root")
        (self._folder / "conf").write_text("\n".join(conf) + "\n")

    def stop(self):
        """SIGTERM: it stores its sessions and closes the connections."""
        self._end(signal.SIGTERM)

    def kill(self):
        """SIGKILL: what it had not stored is lost."""
        self._end(signal.SIGKILL)

    def freeze(self, on=True):
        """SIGSTOP and SIGCONT: the process hangs, the operating system goes on accepting."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def restart(self, down_s=0.0):
        self.stop()
        time.sleep(down_s)
        self.start()

    def _end(self, sig):
        if not self._process:
            return
        self._process.send_signal(sig)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_LIMIT_S)
        self._process = None

    def close(self):
        self.stop()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.close()
