"""Name servers and neighbours as hosts that answer questions over UDP: DNS (RFC 1035) and multicast DNS (RFC 6762), for programs that ask themselves.

What they know, and what is wrong with them, is in dns.py. Common subset of CPython and MicroPython. May use: dns, tcp_host.
"""

from . import dns as _dns
from .tcp_host import Host

PORT = 53
MDNS_PORT = 5353
MDNS_GROUP = "224.0.0.251"
NOBODY = "10.66.6.6"    # what a forged answer says


def name_asked(data):
    """(name, where its question ends) of a query; None when it is none for addresses."""
    if len(data) < 17 or data[2] & 0x80 or data[4:6] != b"\0\1":
        return None
    at, labels = 12, []
    while at < len(data) and data[at]:
        labels.append(bytes(data[at + 1:at + 1 + data[at]]).decode())
        at += 1 + data[at]
    if data[at + 1:at + 3] != b"\0\1":
        return None
    return ".".join(labels), at + 5


def response(query, end, ips, ttl_s, code=0, mdns=False):
    """The answer: the question again, then a record for each address, whose name is a pointer to it."""
    out = bytes(query[:2]) + bytes((0x84 if mdns else 0x81, (0 if mdns else 0x80) | code)) + b"\0\1" + bytes((0, len(ips))) + b"\0\0\0\0" + bytes(query[12:end])
    for ip in ips:
        out += b"\xc0\x0c\0\1\0\1" + bytes((0, 0, ttl_s >> 8 & 255, ttl_s & 255)) + b"\0\4" + bytes([int(n) for n in ip.split(".")])
    return out


def name_server(kernel, server, ip):
    """The host at that address on which a dns.Server runs."""
    host = Host(kernel)
    host.udp_ports[PORT] = _Server(kernel, server, ip)
    return host


def neighbours(kernel, names):
    """Everybody who hears the group of mDNS: whose name it is answers, from its own address. names: name.local -> ip."""
    host = Host(kernel)
    host.udp_ports[MDNS_PORT] = _Neighbours(kernel, names)
    return host


class _Server:
    def __init__(self, kernel, server, ip):
        self._kernel, self._server, self._ip = kernel, server, ip

    def datagram(self, sender, data):
        asked, mode = name_asked(data), self._server.mode
        if asked is None or mode == _dns.SILENT:
            return
        name, end = asked
        known = self._server.all_of(name)
        if mode == _dns.FORGED:
            answer = bytes((data[0] ^ 1, data[1])) + response(data, end, [NOBODY], 60)[2:]
        elif mode == _dns.SERVFAIL:
            answer = response(data, end, [], 0, 2)
        elif mode == _dns.NXDOMAIN or not known:
            answer = response(data, end, [], 0, 3)
        else:
            answer = response(data, end, known[0], known[1])
        self._kernel.after(_dns.ANSWER_MS, lambda _: sender.answer(self._ip, PORT, answer), None)


class _Neighbours:
    def __init__(self, kernel, names):
        self._kernel, self._names = kernel, names

    def datagram(self, sender, data):
        asked = name_asked(data)
        ip = self._names.get(asked[0].lower()) if asked else None
        if ip:
            answer = response(data, asked[1], [ip], 120, mdns=True)
            self._kernel.after(_dns.ANSWER_MS, lambda _: sender.answer(ip, MDNS_PORT, answer), None)
