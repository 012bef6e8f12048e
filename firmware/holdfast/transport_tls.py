# transport_tls.py - TLS over TCP, stepped (R21). Loaded for brokers that want it; verified unless the configuration says otherwise.
# May import: tls (ssl before 1.23), errors, transport.   Time: the chip's clock, by which certificates are judged.
# Blocks: secure() for reading the certificate files; then one computation of the handshake at a time, up to a second each on the chip.
#
# The handshake needs no step of its own: until it is done, read() and write() carry it on and say 0, and poll waits for what it waits for.
from micropython import const
from time import gmtime, time

from .errors import Fault, translate
from .transport import Tcp

_KNOWN = const(2024)  # a clock that shows an earlier year has never been set
_NOT_VERIFIED = (-0x2700, -0x7680, -0x7780)  # X509_CERT_VERIFY_FAILED, SSL_CA_CHAIN_REQUIRED, SSL_FATAL_ALERT_MESSAGE
_NO_MEMORY = (-0x7F00, -0x2880, -0x10)  # SSL_ALLOC_FAILED, X509_ALLOC_FAILED, MPI_ALLOC_FAILED
_ENDED = (-0x7280, -0x50)  # SSL_CONN_EOF, NET_CONN_RESET


def _module():
    try:
        import tls
    except ImportError:
        import ssl as tls
    return tls


def _contents(name):
    try:
        with open(name, "rb") as f:
            return f.read()
    except OSError:
        raise Fault("tls", "no file " + name)


class Tls(Tcp):
    # broker: checked settings; of its `tls`: verify, ca, name (that the certificate must have), cert and key (of the node itself).
    def __init__(self, broker):
        self._broker = broker
        self._raw = None

    def secure(self):
        wanted = self._broker["tls"]
        tls = _module()
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        try:
            if wanted["verify"]:
                if gmtime(time())[0] < _KNOWN:
                    raise Fault("clock", "certificates cannot be judged before the clock is set")
                context.verify_mode = tls.CERT_REQUIRED
                context.load_verify_locations(_contents(wanted["ca"]))
            else:
                context.verify_mode = tls.CERT_NONE
            if wanted["cert"]:
                context.load_cert_chain(_contents(wanted["cert"]), _contents(wanted["key"]))
            self._raw = self.sock
            name = wanted["name"] or self._broker["host"]
            self.sock = context.wrap_socket(self._raw, do_handshake_on_connect=False, server_hostname=name)
        except (OSError, ValueError) as e:
            raise _judge(e)

    def read(self, buf, opening):
        if not self._raw:
            return Tcp.read(self, buf, opening)
        try:
            n = self.sock.readinto(buf)
        except (OSError, ValueError) as e:
            raise _judge(e)
        if n == 0:
            raise Fault("closed", "hung up")
        return n or 0

    def write(self, data):
        try:
            return self.sock.write(data) or 0
        except (OSError, ValueError) as e:
            raise _judge(e)

    def close(self):
        Tcp.close(self)
        if self._raw:
            self._raw.close()
            self._raw = None


# mbedTLS reports by ValueError, with text, what is wrong with a certificate, and by large negative numbers the rest.
def _judge(e):
    if isinstance(e, Fault):
        return e
    n = e.args[0] if e.args else 0
    if isinstance(e, ValueError) or n in _NOT_VERIFIED:
        return Fault("tls", e)
    if n in _NO_MEMORY:
        return Fault("memory", e)
    if n in _ENDED:
        return Fault("closed", e)
    if isinstance(n, int) and n < -255:
        return Fault("protocol", e)  # no TLS at the other end, or another one
    return translate(e, False)
