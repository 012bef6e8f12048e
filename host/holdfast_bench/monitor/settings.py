"""The monitor's settings: defaults, a TOML file, and the command line over both. Says by name what is wrong. Secrets come from files or the environment."""

import os
import socket
import ssl
import zlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import BenchError

try:
    import tomllib
except ImportError:     # Python 3.10
    import tomli as tomllib


@dataclass
class Settings:
    broker: str = "127.0.0.1:1883"      # host:port
    user: str | None = None
    password_file: str | None = None    # or HOLDFAST_MQTT_PASSWORD
    tls: bool = False
    ca: str | None = None               # file with the CA's certificate; none: the system's
    cert: str | None = None             # our own certificate and key, where the broker wants one
    key: str | None = None
    insecure: bool = False              # TLS without looking at the certificate
    base: str = "holdfast"              # first level of the nodes' topics
    name: str | None = None             # of this monitor: its MQTT client id and topics; none: made of host and database
    database: str = "holdfast.db"       # file, or postgresql://user@host/name (password: PGPASSWORD or a .pgpass file)
    durable: bool = True                # SQLite: every commit survives a power cut, too
    shared: str | None = None           # name of a group of monitors that share the load; needs PostgreSQL
    listen: str = "127.0.0.1:8088"      # the page and /metrics; "" for none
    token_file: str | None = None       # or HOLDFAST_MONITOR_TOKEN; none: made at the first start, beside the database
    alarm_ms: int = 5000                # a node is offline at the latest so long after its last sign of life
    offline_after_ms: int = 0           # further patience before the alarm
    steady_ms: int = 10_000             # back for so long: the alarm is over
    flap_ms: int = 300_000              # falling silent again within this: flapping
    pings_per_s: int = 400              # at most, over all nodes
    resend: bool = True                 # ask nodes for what is missing
    resend_grace_ms: int = 2000
    resend_pause_ms: int = 5000
    nodes_max: int = 20_000
    payload_max: int = 1 << 20          # bytes; longer ones are refused
    keep_days: float = 0                # retention by age; 0: for ever
    keep_mb: int = 0                    # and by size of the database
    inflight: int = 4096                # messages on their way from the broker at one time (MQTT 5)
    log_level: str = "info"
    hooks: list = field(default_factory=list)   # see alarms: {"url"|"topic"|"command": …}

    @property
    def broker_address(self):
        return address("broker", self.broker, 8883 if self.tls else 1883)

    @property
    def listen_address(self):
        return address("listen", self.listen, 8088) if self.listen else None

    @property
    def client_id(self):
        return self.name or "holdfast-monitor-%s-%08x" % (socket.gethostname()[:24], zlib.crc32(os.path.abspath(self.database).encode()))

    def password(self):
        return secret(self.password_file, "HOLDFAST_MQTT_PASSWORD", "password_file")

    def tls_context(self):
        """None without TLS. Raises BenchError for files that cannot be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as e:
            raise BenchError("TLS: %s cannot be used (%s)" % (self.cert or self.ca, getattr(e, "strerror", None) or e)) from None
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def check(self):
        """Raises BenchError that names the setting."""
        self.broker_address, self.listen_address
        for name, low, high in (("alarm_ms", 1000, 3_600_000), ("offline_after_ms", 0, 86_400_000), ("steady_ms", 0, 3_600_000), ("flap_ms", 0, 86_400_000),
                                ("pings_per_s", 0, 20_000), ("resend_grace_ms", 100, 600_000), ("resend_pause_ms", 100, 3_600_000),
                                ("nodes_max", 1, 1_000_000), ("payload_max", 100, 256 << 20), ("keep_days", 0, 36_500), ("keep_mb", 0, 10_000_000),
                                ("inflight", 1, 65_535)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise BenchError("%s: %s is not from %s to %s" % (name, value, low, high))
        if not self.base or set("+#") & set(self.base):
            raise BenchError("base: %r is no topic" % self.base)
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise BenchError("log_level: %r is none of debug, info, warning, error" % self.log_level)
        if self.shared and not self.database.startswith(("postgresql://", "postgres://")):
            raise BenchError("shared: several monitors need one PostgreSQL as database, not %s" % self.database)
        if self.shared and not self.name:
            raise BenchError("name: monitors of a group need a name each")
        return self


def address(name, text, port):
    """(host, port) of host, host:port, [v6]:port. Raises BenchError."""
    try:
        parts = urlsplit("//" + text)
        if parts.hostname and not parts.path and parts.username is None:
            return parts.hostname, port if parts.port is None else parts.port
    except ValueError:
        pass
    raise BenchError("%s: %r is not host:port" % (name, text))


def secret(file, variable, name):
    """Content of the file, or of the environment variable; None without either."""
    if file:
        try:
            return Path(file).read_text().strip()
        except OSError as e:
            raise BenchError("%s: cannot read %s (%s)" % (name, file, e.strerror)) from None
    return os.environ.get(variable)


def load(path=None, **given):
    """Settings of the TOML file with what is not None of `given` over them, checked. Raises BenchError."""
    values = {}
    if path:
        try:
            with open(path, "rb") as f:
                values = tomllib.load(f)
        except OSError as e:
            raise BenchError("%s: %s" % (path, e.strerror)) from None
        except tomllib.TOMLDecodeError as e:
            raise BenchError("%s: %s" % (path, e)) from None
    known = {f.name: f for f in fields(Settings)}
    for name in values:
        if name not in known:
            raise BenchError("%s: there is no setting %s" % (path, name))
    values.update({name: value for name, value in given.items() if value is not None})
    defaults = Settings()
    for name, value in values.items():
        default = getattr(defaults, name)
        wanted = str if default is None else type(default)
        if wanted is float and type(value) is int:
            values[name] = float(value)
        elif type(value) is not wanted:
            raise BenchError("%s: %r is no %s" % (name, value, {str: "text", int: "whole number", bool: "true or false", list: "list"}.get(wanted, "number")))
    return Settings(**values).check()
