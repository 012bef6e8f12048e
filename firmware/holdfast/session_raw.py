# session_raw.py - a session without a protocol: what is published goes out as it is, over TCP or UDP (R22, R35). Loaded for brokers that want it.
# May import: session, afresh, errors; outbox and rtt are handed in.   Time: now (ticks) is handed in.   Blocks: never.
#
# Settings come from `dtu`: registration (first bytes of a connection), heartbeat, heartbeat_s, answer. A peer that answers heartbeats gives the
# guarantees of the outbox: the stream keeps its order, so an answer acknowledges all that went before the heartbeat. Without an answer a
# message is done when it is written, and what the connection swallows as it breaks is lost.
from micropython import const
from time import ticks_diff

from .afresh import afresh
from .session import Session

_IDLE_MS = const(20000)
_PIDS = const(65000)  # packet ids of messages; those above are of what only MQTT has


class RawSession(Session):
    def __init__(self, cfg, prefix, outbox, rtt, owner):
        self._dtu = dtu = cfg["dtu"]
        cfg = dict(cfg)
        cfg["ping_s"] = dtu["heartbeat_s"]
        cfg["keepalive_s"] = dtu["heartbeat_s"] * 2
        Session.__init__(self, cfg, prefix, outbox, rtt, owner)
        self._wrap = None
        self._down = (prefix + self._dtu["down"]).encode()

    def _introduce(self, end):
        self._datagrams = end.broker["transport"] == "udp"
        self._covered = []  # packet ids that the heartbeat on its way will acknowledge
        self._tail = b""
        if self._dtu["registration"]:
            self.out.write(self._dtu["registration"])
        self.up = True
        self._held = self._owed = False
        self._owner.accepted(False)
        self.proven = not self._dtu["answer"]

    def _status(self, text):
        pass

    def note(self, topic, payload, flags=1):
        pass  # nobody there would know what it is

    # One message a datagram; a stream takes what fits. QoS is a matter between outbox and us.
    def _publish(self, topic, payload, flags, pid, dup):
        if pid > _PIDS:
            return True
        out = self.out
        if out.room() < len(payload) or self._datagrams and out.end:
            return False
        out.write(payload)
        return True

    def pump(self, now):
        box = self._outbox
        if not self._dtu["answer"] and not self.out.end:  # all that was put in has been written
            for pid in self._on_their_way():
                self._puback(pid)
        Session.pump(self, now)
        if self._dtu["answer"] and len(box.seqs) > self._cfg["window"] // 2 and not self._pings:
            self._heartbeat(now)  # so that the window opens again

    def _release(self, pid):
        return True

    def receive(self, data, n, now):
        self._now = self._since = now
        self._probes = 0
        self.late = False
        data = bytes(data[:n])
        answer = self._dtu["answer"]
        if answer:
            data = self._answered(data, answer)
        if data:
            self._owner.message(self._down, data)
        self._owed = self.owed()

    # Takes answers out of what has come; keeps back what may be the beginning of one.
    def _answered(self, data, answer):
        data = self._tail + data
        at = data.find(answer)
        while at >= 0:
            data = data[:at] + data[at + len(answer) :]
            self._heard_answer()
            at = data.find(answer)
        n = min(len(data), len(answer) - 1)
        while n and data[len(data) - n :] != answer[:n]:
            n -= 1
        self._tail = data[len(data) - n :]
        return data[: len(data) - n]

    def _heard_answer(self):
        if self._pings:
            self._pings -= 1
            if not self._pings:
                self._rtt.add(ticks_diff(self._now, self._ping_at))
        self.proven = True
        covered = self._covered
        self._covered = []
        for pid in covered:
            self._puback(pid)

    def subscribe(self, wanted, now):
        return []

    def hold(self, status):
        self._held = True

    def disconnect(self):
        pass

    def forget(self, both):
        afresh(self._outbox)

    def tick(self, now):
        dtu = self._dtu
        if dtu["answer"]:
            return Session.tick(self, now)
        if not dtu["heartbeat"]:
            return _IDLE_MS
        left = dtu["heartbeat_s"] * 1000 - ticks_diff(now, self._sent_at)
        if left <= 0:
            self._heartbeat(now)
            left = dtu["heartbeat_s"] * 1000
        return left

    def _heartbeat(self, now):
        beat = self._dtu["heartbeat"]
        if self.out.room() > len(beat) and not (self._datagrams and self.out.end):
            self.out.write(beat)
            self._pings += 1
            self._ping_at = self._sent_at = now
            self._covered = self._on_their_way()

    def _on_their_way(self):
        box = self._outbox
        return [box.pid_of(seq) if seq > 0 else -seq for seq in box.seqs]
