"""A packet-level link between two network namespaces: real TCP on both ends, and a round trip, black holes, refusals and forgetful routers in between.

The process that makes a Link ends up in the far namespace (the broker's); `near` starts programs in the other one. Linux, with /dev/net/tun and
the right to make namespaces: as root, or where users may make their own. May use: segments.
"""

import ctypes
import fcntl
import heapq
import os
import select
import socket
import struct
import subprocess
import threading
import time

from ..segments import ACK, RST, SYN, Segment, reset_packet

NEAR, FAR = "10.99.0.1", "10.99.0.2"
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PASS, BLACKHOLE, REFUSE = "pass", "blackhole", "refuse"
_libc = ctypes.CDLL(None, use_errno=True)


class NoLink(Exception):
    """This machine does not allow it; the text says why."""


def _call(name, *args):
    if getattr(_libc, name)(*args):
        raise NoLink("%s: %s" % (name, os.strerror(ctypes.get_errno())))


def _tun(name, own, peer):
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        for command in (["addr", "add", own, "peer", peer, "dev", name], ["link", "set", name, "up"], ["link", "set", "lo", "up"]):
            subprocess.run(["ip", *command], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as e:
        raise NoLink("no TUN device: %s" % e) from None
    return fd


class Link:
    """rtt_ms: round trip. mode: PASS, BLACKHOLE or REFUSE (every connection is answered by RST, standing ones are reset)."""

    def __init__(self, rtt_ms):
        self._one_way_s = rtt_ms / 2000
        if os.geteuid():
            uid, gid = os.getuid(), os.getgid()
            _call("unshare", CLONE_NEWUSER)
            for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
                with open("/proc/self/" + name, "w") as f:
                    f.write(text)
        _call("unshare", CLONE_NEWNET)
        near_fd = _tun("near", NEAR, FAR)
        self._near_ns = os.open("/proc/self/ns/net", os.O_RDONLY)
        _call("unshare", CLONE_NEWNET)
        self._fds = {near_fd: True, _tun("far", FAR, NEAR): False}   # descriptor -> is it the near one?
        self._near_fd, self._far_fd = self._fds
        self._mode = PASS
        self._flows = {}        # near port -> [far port, next seq of the near end, of the far end]
        self._dead = set()      # near ports whose packets vanish
        self._queue = []
        self._count = 0
        self._lock = threading.Lock()
        self._over = False
        self._wake_r, self._wake_w = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def near(self, command, **kwargs):
        """subprocess.Popen in the near namespace."""
        return subprocess.Popen(command, preexec_fn=lambda: _libc.setns(self._near_ns, CLONE_NEWNET), **kwargs)

    def set_mode(self, mode):
        with self._lock:
            self._mode = mode
            if mode == REFUSE:
                near, far = socket.inet_aton(NEAR), socket.inet_aton(FAR)
                for port, (far_port, near_seq, far_seq) in self._flows.items():
                    self._put(self._near_fd, reset_packet(far, near, far_port, port, far_seq, 0, False))
                    self._put(self._far_fd, reset_packet(near, far, port, far_port, near_seq, 0, False))
                self._flows.clear()
        os.write(self._wake_w, b"x")

    def forget_flows(self):
        """Standing connections are dead without a sign, new ones work."""
        with self._lock:
            self._dead.update(self._flows)

    def _put(self, fd, packet, ways=1):
        self._count += 1
        heapq.heappush(self._queue, (time.monotonic() + ways * self._one_way_s, self._count, fd, packet))

    def _take(self, near, packet):
        segment = Segment(packet)
        if self._mode == BLACKHOLE:
            return
        if segment.ok:
            port = segment.sport if near else segment.dport
            if port in self._dead and not (near and segment.flags & SYN):
                return
            self._dead.discard(port)
            flow = self._flows.setdefault(port, [segment.dport if near else segment.sport, 0, 0])
            flow[1 if near else 2] = segment.seq + segment.length & 0xFFFFFFFF
            if self._mode == REFUSE:
                if near and not segment.flags & RST:
                    seq = segment.ack if segment.flags & ACK else 0
                    self._put(self._near_fd, reset_packet(segment.target, segment.source, segment.dport, segment.sport, seq,
                                                          segment.seq + segment.length & 0xFFFFFFFF, True), 2)
                return
        self._put(self._far_fd if near else self._near_fd, packet)

    def _run(self):
        poller = select.poll()
        for fd in (*self._fds, self._wake_r):
            poller.register(fd, select.POLLIN)
        while not self._over:
            with self._lock:
                now = time.monotonic()
                while self._queue and self._queue[0][0] <= now:
                    _, _, fd, packet = heapq.heappop(self._queue)
                    try:
                        os.write(fd, packet)
                    except OSError:
                        pass    # the device is full or down: the packet is lost, as on any link
                wait_ms = (self._queue[0][0] - now) * 1000 if self._queue else 1000
            for fd, _ in poller.poll(max(0, wait_ms)):
                if fd == self._wake_r:
                    os.read(fd, 100)
                    continue
                try:
                    packet = os.read(fd, 2000)
                except OSError:
                    continue
                with self._lock:
                    self._take(self._fds[fd], packet)

    def close(self):
        self._over = True
        os.write(self._wake_w, b"x")
        self._thread.join(5)
        for fd in (*self._fds, self._near_ns, self._wake_r, self._wake_w):
            os.close(fd)
