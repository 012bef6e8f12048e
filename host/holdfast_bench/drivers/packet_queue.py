"""The packet link in user space, as a program: takes one board's packets out of the kernel's queue and gives them back by the rules of world/air.py.

Commands are lines of JSON on standard input, each answered by one; the end of input ends it. Needs CAP_NET_ADMIN and CAP_NET_RAW. The rules that lead
packets here say `bypass`: without this program the kernel lets them pass. May use: drivers/rules.py, segments, iptables by way of root.py.
"""

import errno
import heapq
import json
import os
import re
import select
import socket
import struct
import sys
import time

from ..errors import BenchError
from ..segments import FIN, RST, SYN, ACK, Segment
from ..world import air
from . import root, rules

CHAIN = "HOLDFAST_"
MARK = 0x48460000       # on packets that this program sends itself: they are not taken a second time
QUEUES = range(7310, 7330)
QUEUE_LENGTH = 4096
NETLINK_NETFILTER, NFNL_SUBSYS_QUEUE = 12, 3                   # linux/netlink.h, linux/netfilter/nfnetlink.h
PACKET, VERDICT, CONFIG = 0, 1, 2                               # linux/netfilter/nfnetlink_queue.h, as all below
A_PACKET_HDR, A_VERDICT_HDR, A_PAYLOAD = 1, 2, 10
CFG_CMD, CFG_PARAMS, CFG_QUEUE_MAXLEN = 1, 2, 3
CMD_BIND, COPY_PACKET = 1, 2
NF_DROP, NF_ACCEPT = 0, 1
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2


class Queue:
    """The kernel's queue of packets that wait for a verdict."""

    def __init__(self):
        """Takes the first number that is free. Raises BenchError when there is none, or no right."""
        try:
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
            self.socket.bind((0, 0))
        except OSError as e:
            raise BenchError("this kernel has no packet queue (%s): it wants the module nfnetlink_queue" % e.strerror) from None
        for self.number in QUEUES:
            number = self._config(CFG_CMD, struct.pack("!BxH", CMD_BIND, 0))
            if number == 0:
                break
            if number == errno.EPERM:
                raise BenchError("no right to use the kernel's packet queue: %s" % root.RIGHTS)
            if number != errno.EBUSY:
                raise BenchError("the kernel gives no packet queue (%s): it wants the module nfnetlink_queue" % os.strerror(number))
        else:
            raise BenchError("all packet queues from %d to %d are in use" % (QUEUES[0], QUEUES[-1]))
        self._config(CFG_PARAMS, struct.pack("!IB", 0xFFFF, COPY_PACKET))
        self._config(CFG_QUEUE_MAXLEN, struct.pack("!I", QUEUE_LENGTH))
        self.socket.setblocking(False)

    def _config(self, kind, value):
        """The kernel's errno, 0 when it agrees."""
        self._send(CONFIG, NLM_F_REQUEST | NLM_F_ACK, kind, value)
        answer = self.socket.recv(4096)
        _, kind, _, _, _ = struct.unpack_from("=IHHII", answer)
        return -struct.unpack_from("=i", answer, 16)[0] if kind == NLMSG_ERROR else 0

    def _send(self, what, flags, kind, value):
        attribute = struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)
        body = struct.pack("!BBH", socket.AF_UNSPEC, 0, self.number) + attribute
        self.socket.send(struct.pack("=IHHII", 16 + len(body), NFNL_SUBSYS_QUEUE << 8 | what, flags, 0, 0) + body)

    def verdict(self, packet_id, what):
        self._send(VERDICT, NLM_F_REQUEST, A_VERDICT_HDR, struct.pack("!II", what, packet_id))

    def packets(self):
        """[(id, bytes)] of what waits now."""
        found = []
        while True:
            try:
                data = self.socket.recv(1 << 17)
            except BlockingIOError:
                return found
            except OSError as e:
                if e.errno != errno.ENOBUFS:        # some have been lost on the way here: as on a link that is too full
                    raise
                continue
            at = 0
            while at + 20 <= len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind == NFNL_SUBSYS_QUEUE << 8 | PACKET:
                    found.append(self._packet(data[at + 20:at + length]))
                at += (length + 3) & ~3

    @staticmethod
    def _packet(data):
        at, packet_id, payload = 0, None, b""
        while at + 4 <= len(data):
            length, kind = struct.unpack_from("=HH", data, at)
            if kind & 0x7FFF == A_PACKET_HDR:
                packet_id = struct.unpack_from("!I", data, at + 4)[0]
            elif kind & 0x7FFF == A_PAYLOAD:
                payload = data[at + 4:at + length]
            at += (max(length, 4) + 3) & ~3
        return packet_id, payload


class Clock:
    """As much of a kernel (world/kernel.py) as the air wants: what is due later, by the monotonic clock."""

    def __init__(self):
        self._due, self._count = [], 0

    @property
    def now_ms(self):
        return time.monotonic_ns() // 1_000_000

    def after(self, delay_ms, fn, arg):
        self._count += 1
        heapq.heappush(self._due, (self.now_ms + delay_ms, self._count, fn, arg))

    def run_due(self):
        while self._due and self._due[0][0] <= self.now_ms:
            _, _, fn, arg = heapq.heappop(self._due)
            fn(arg)

    def wait_s(self):
        return max(0.0, (self._due[0][0] - self.now_ms) / 1000) if self._due else None


class Hook:
    """The rules that lead a board's packets into the queue: a chain of our own, named by the bench's process, in iptables' table mangle."""

    def __init__(self, port, owner, number):
        self._port, self._chain, self._to_queue = str(port), "%s%s_%d" % (CHAIN, owner, os.getpid()), ["-j", "NFQUEUE", "--queue-num", str(number), "--queue-bypass"]

    def begin(self):
        sweep()
        _iptables("-N", self._chain)
        for hook in ("PREROUTING", "POSTROUTING"):
            _iptables("-I", hook, "-p", "tcp", "-j", self._chain)
        return self

    def point_at(self, address):
        """Only this board's packets, from now on; None: nobody's."""
        _iptables("-F", self._chain)
        if address:
            new = ["-m", "mark", "!", "--mark", hex(MARK)]
            _iptables("-A", self._chain, "-p", "tcp", "-s", address, "--dport", self._port, *new, *self._to_queue)
            _iptables("-A", self._chain, "-p", "tcp", "-d", address, "--sport", self._port, *new, *self._to_queue)

    def end(self):
        _remove(self._chain)


def _iptables(*args):
    return root.run("iptables", "-w", "5", "-t", "mangle", *args)


def _remove(chain):
    for hook in ("PREROUTING", "POSTROUTING"):
        _iptables("-D", hook, "-p", "tcp", "-j", chain)
    _iptables("-F", chain)
    _iptables("-X", chain)


def sweep():
    """Removes the chains of benches that are no more."""
    for chain, owner in re.findall(r"^-N (%s(\d+)_\d+)$" % CHAIN, _iptables("-S"), re.M):
        if not os.path.exists("/proc/%s" % owner):
            _remove(chain)


class Link:
    """One board's packets, the rules they meet, and where they go on."""

    def __init__(self, queue, clock):
        self._queue = queue
        self.air = air.Air(clock, lambda: True, delay_ms=0)
        self.rules, self.board = {}, None
        self._again = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._again.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)

    def take(self, packet_id, packet):
        segment = Segment(packet)
        if not segment.ok:
            self._queue.verdict(packet_id, NF_ACCEPT)
            return
        up = socket.inet_ntoa(segment.source) == self.board
        if not self.air.carry(up, _kind(segment), segment.size, None, self._go_on, [packet_id, packet]):
            self._queue.verdict(packet_id, NF_DROP)

    def _go_on(self, held):
        packet_id, packet = held
        if packet_id is None:       # the second time
            self._again.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
            return
        held[0] = None
        self._queue.verdict(packet_id, NF_ACCEPT)


def _kind(segment):
    flags = segment.flags
    if flags & RST:
        return air.RST
    if flags & SYN:
        return air.SYN_ACK if flags & ACK else air.SYN
    if flags & FIN:
        return air.FIN
    return air.DATA if segment.size else air.ACK


def obey(command, link, hook):
    """The answer to a command."""
    own = command["id"]
    if command["do"] == "add":
        rule = rules.Counting(rules.made(command["rule"], command["seed"], command["settings"]), command["rule"])
        if link.board != command["address"] or not link.rules:
            link.board = command["address"]
            hook.point_at(link.board)
        link.rules[own] = link.air.add(rule)
    elif command["do"] == "remove":
        link.air.remove(link.rules.pop(own, None))
        if not link.rules:
            hook.point_at(None)
    else:
        return {"ok": True, "how": link.rules[own].evidence() if own in link.rules else None}
    return {"ok": True}


def _say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _serve(port, owner):
    queue, clock = Queue(), Clock()
    link, hook = Link(queue, clock), Hook(port, owner, queue.number).begin()
    _say({"ok": True})
    heard = b""
    try:
        while True:
            ready, _, _ = select.select([queue.socket, sys.stdin.fileno()], [], [], clock.wait_s())
            for packet in queue.packets():
                link.take(*packet)
            clock.run_due()
            if sys.stdin.fileno() in ready:
                more = os.read(sys.stdin.fileno(), 65536)
                if not more:
                    return
                *lines, heard = (heard + more).split(b"\n")
                for line in lines:
                    try:
                        _say(obey(json.loads(line), link, hook))
                    except (BenchError, OSError) as e:
                        _say({"ok": False, "why": str(e)})
    finally:
        hook.end()


def main(args):
    try:
        if args == ["--check"]:
            Queue()
            _iptables("-S")
            _say({"ok": True})
        else:
            _serve(int(args[0]), int(args[1]))
    except BenchError as e:
        _say({"ok": False, "why": str(e)})


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C is for the bench, which heals first
    main(sys.argv[1:])
