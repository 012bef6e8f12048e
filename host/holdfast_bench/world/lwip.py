"""lwIP and newlib numbers of the ESP32: one place for what sockets, stack and air must agree on.

Sources: ESP32 errno of newlib; IDF's lwIP defaults; the limits seen on a real image (docs/twin.md says which).
"""

# errno: not Linux's. The port's errno module lacks EISCONN, ENETUNREACH, ENFILE, ENOPROTOOPT.
ENOENT = 2
EIO = 5
EBADF = 9
EAGAIN = 11
ENOMEM = 12
EINVAL = 22
ENFILE = 23
EOPNOTSUPP = 95
ECONNRESET = 104
ENOBUFS = 105
ENOPROTOOPT = 109
ECONNREFUSED = 111
EADDRINUSE = 112
ECONNABORTED = 113
ENETUNREACH = 114
ETIMEDOUT = 116
EHOSTUNREACH = 118
EINPROGRESS = 119
EPERM = 1
EALREADY = 120
EMSGSIZE = 122
EISCONN = 127
ENOTCONN = 128

# getaddrinfo raises these as they are.
EAI_SERVICE = -201
EAI_FAIL = -202

SOCKETS = 10            # CONFIG_LWIP_MAX_SOCKETS
SND_BUF = 5760          # TCP send buffer, bytes
SND_LOWAT = 2880        # POLLOUT goes away when this much is queued
RCV_WND = 5760          # TCP window the chip announces
MSS = 1440

SYN_TIMEOUT_MS = 18200  # a host that answers ARP but no SYN: 18.0 to 18.5 s
ARP_TIMEOUT_MS = 57400  # a host of the own subnet that is not there

# States of a flow (one TCP connection seen from the chip).
DIALING, OPEN, DEAD = 0, 1, 2
FLOW_STATES = ("dialing", "open", "dead")
