# errors.py - what can go wrong between the node and its broker, and the one translation of chip errors (R36).
# May import: errno.   Time: none.   Blocks: never.
#
# Kinds: link      the path is down or was lost          auth      CONNACK: bad credentials, or not authorised
#        wifi      the Wi-Fi driver refused, no network  rejected  CONNACK or SUBACK: will not have this node
#        timeout   nobody answered                       protocol  the peer broke MQTT
#        refused   the host is there, the port closed    unacked   the peer answers, one message is never acknowledged
#        closed    the peer ended the connection         memory    out of memory, buffers or sockets
#        gone      the peer stopped answering            tls       the certificate is not accepted
#        dns       the name cannot be resolved           app       an exception in the application
#        busy      CONNACK: server unavailable           unusable  a message came that cannot be handed over
#        clock     the clock is not set yet, TLS needs it
#        starved   a watched task has ended or hangs     flash     messages cannot be kept in flash
#        reset     the node resets itself
# Under a name of its own: the compiler of the unix port folds "errno.X" into the numbers of its own machine.
import errno as codes

# FATAL: a reset follows. ERROR: wants a human. All others are WARN: healed by themselves. docs/firmware.md has the handling of each.
# The order is that of the resume record, where a node notes what its last lives complained of.
GRAVE = ("starved", "reset", "auth", "rejected", "protocol", "unacked", "memory", "tls", "app", "flash")
_FATAL = GRAVE[:2]


# args: kind, what the chip, the port or the peer said.
class Fault(Exception):
    pass


def severity(kind):
    return "FATAL" if kind in _FATAL else "ERROR" if kind in GRAVE else "WARN"


# The Fault for an exception of socket, ssl or network. opening: the connection was still being made, where a reset by the
# peer means a closed port (the ESP32 reports ECONNRESET for it, others ECONNREFUSED).
def translate(e, opening):
    if isinstance(e, Fault):
        return e
    n = e.args[0] if e.args else 0
    if isinstance(e, MemoryError):
        kind = "memory"
    elif not isinstance(e, OSError):
        kind = "app"
    elif isinstance(n, str):
        kind = "wifi"  # OSError('Wifi Internal Error') and the like carry no number
    elif n == codes.ECONNRESET or n == codes.ECONNREFUSED:
        kind = "refused" if opening else "closed"
    elif n == codes.EHOSTUNREACH:
        kind = "link"
    elif n == codes.ENOMEM or n == codes.ENOBUFS or n == 23:  # ENFILE has no name on the ESP32
        kind = "memory"
    elif n < 0:
        kind = "dns"  # lwIP's EAI codes
    elif n == codes.ETIMEDOUT or n == codes.ECONNABORTED or opening:
        kind = "timeout"
    else:
        kind = "closed"
    return Fault(kind, repr(e))
