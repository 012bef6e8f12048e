"""Who is there (R12, R14, R40, R45): online, offline or asleep of every node, and when that is worth an alarm.

Pure: signs of life and the time are handed in; pings to send, changes and alarms are handed out. It keeps to the common subset of CPython
and MicroPython, so that a simulation may run it on its own clock.

A node is offline when its last will says so, or when it was silent for `alarm_ms` although it was pinged meanwhile – whichever is first. Only nodes that
have answered a ping before are judged by pings. One that said it sleeps has until its time is over. While the monitor itself has no
broker, nobody is judged. An alarm is raised once; it ends when the node was back for `steady_ms` without a break. A node that falls silent again soon
after is called flapping, once, and is left at that until it was steady for `flap_ms`.
"""

UNKNOWN, ONLINE, OFFLINE, SLEEPING = "unknown", "online", "offline", "sleeping"
ALARM_OFFLINE, ALARM_FLAPPING = "offline", "flapping"

ALARM_MS = 5000         # a node is offline at the latest this long after its last sign of life
STEADY_MS = 10000       # back for so long: the alarm is over
FLAP_MS = 300000        # falling silent again within this: flapping
OVERSLEEP_MS = 15000    # and a tenth of the sleep: tolerance for a late waking
SETTLE_MS = 2000        # after the broker is back: what waited there comes first
SCAN_MS = 250           # how often scan() is to be called
REFUSALS = 4            # pings without answer while other messages come: this node does not answer pings
RETRY_MS = 3600000      # then it is tried again that much later


class Watch:
    """What is known of one node."""

    def __init__(self, device, now_ms):
        self.device = device
        self.state = UNKNOWN
        self.since_ms = now_ms
        self.heard_ms = now_ms      # last sign of life
        self.asleep_until_ms = 0
        self.answers = None         # whether it answers pings: None unknown
        self.pinged_ms = 0
        self.unanswered = 0         # pings since the last sign of life
        self.ignored = 0            # pings without answer that were followed by other messages
        self.retry_ms = 0
        self.rtt_ms = None
        self.look_ms = 0            # scan() need not look at it before
        self.alarm = None           # None, "offline", "flapping"
        self.alarm_ms = 0           # since when
        self.calm_ms = None         # when the last alarm ended
        self.why = ""


class Presence:
    """tell(watch, old state, why): called at every change of state. ring(watch, kind, why): at every alarm, kind None when it is over."""

    def __init__(self, tell, ring, alarm_ms=ALARM_MS, steady_ms=STEADY_MS, flap_ms=FLAP_MS, offline_after_ms=0):
        self._tell, self._ring = tell, ring
        self.alarm_ms, self.steady_ms, self.flap_ms = alarm_ms, steady_ms, flap_ms
        self.offline_after_ms = offline_after_ms    # further patience between "offline" and its alarm
        self.watches = {}
        self.counts = {UNKNOWN: 0, ONLINE: 0, OFFLINE: 0, SLEEPING: 0}
        self.alarms = 0             # nodes with an alarm right now
        self.late_ms = 0            # how much later than alarm_ms silent nodes are noticed for lack of pings
        self._link_ms = None        # since when there is a broker

    # -- what happens --------------------------------------------------------------------------------------------------

    def link(self, up, now_ms):
        """The monitor's own connection to the broker."""
        self._link_ms = now_ms if up else None
        if up:
            for watch in self.watches.values():
                watch.unanswered = 0
                if watch.heard_ms < now_ms:
                    watch.heard_ms = now_ms     # nobody could be heard until now

    def watch(self, device, now_ms):
        found = self.watches.get(device)
        if found is None:
            found = self.watches[device] = Watch(device, now_ms)
            self.counts[UNKNOWN] += 1
        return found

    def heard(self, device, now_ms):
        """Anything but its status came from the node, just now (not: kept by the broker, not sent for the second time)."""
        watch = self.watches.get(device)
        if watch is None:
            watch = self.watch(device, now_ms)
        if watch.unanswered:
            self._ignored(watch, now_ms)
        watch.heard_ms = now_ms
        if watch.state != ONLINE:
            self._to(watch, ONLINE, "heard", now_ms)
        return watch

    def pong(self, device, now_ms, rtt_ms=None):
        watch = self.watch(device, now_ms)
        watch.answers = True
        watch.ignored = watch.unanswered = 0
        if rtt_ms is not None:
            watch.rtt_ms = rtt_ms
        return self.heard(device, now_ms)

    def status(self, device, text, now_ms, kept):
        """The node's status topic says this. kept: the broker had it in store, so it says nothing about now."""
        watch = self.watch(device, now_ms)
        word, _, rest = text.partition(" ")
        if word == "online":
            if not kept:
                watch.heard_ms = now_ms
                watch.unanswered = 0
                self._to(watch, ONLINE, "online", now_ms)
            elif watch.state == OFFLINE:
                self._to(watch, UNKNOWN, "said to be online", now_ms)
        elif word == "offline":
            self._to(watch, OFFLINE, "last will", now_ms)
        elif word == "sleeping":
            seconds = rest.split(" ")[0]
            period = min(int(seconds), 10000000) if seconds.isdigit() and len(seconds) < 9 else 3600
            watch.asleep_until_ms = now_ms + period * 1100 + OVERSLEEP_MS
            if not kept:
                watch.heard_ms = now_ms
            self._to(watch, SLEEPING, "sleeps for %d s" % period, now_ms)
        return watch

    def forget(self, device):
        watch = self.watches.pop(device, None)
        if watch:
            self.counts[watch.state] -= 1
            self.alarms -= 1 if watch.alarm else 0

    def restore(self, device, state, since_ms, alarm, alarm_ms, heard_ms, now_ms, trusted=False):
        """As it was when the monitor ended, or as another monitor has just found it (trusted)."""
        watch = self.watch(device, now_ms)
        self.counts[watch.state] -= 1
        watch.state = UNKNOWN if state == ONLINE and not trusted else state
        watch.look_ms = 0
        self.alarms -= 1 if watch.alarm else 0
        watch.alarm = None
        self.counts[watch.state] += 1
        watch.since_ms = since_ms
        watch.heard_ms = heard_ms
        if state == SLEEPING:
            watch.asleep_until_ms = now_ms + 3600000    # its retained status will say better
        if alarm:
            watch.alarm, watch.alarm_ms = alarm, alarm_ms
            self.alarms += 1
        return watch

    # -- what follows from time ----------------------------------------------------------------------------------------

    def scan(self, now_ms, pings):
        """To be called every SCAN_MS. Returns the nodes to ping now, at most `pings` of them, the most silent first."""
        if self._link_ms is None:
            return []
        settled = now_ms - self._link_ms >= SETTLE_MS
        first, pause = self.alarm_ms * 2 // 5, self.alarm_ms * 3 // 20
        wanted = []
        for watch in self.watches.values():
            if now_ms < watch.look_ms:
                continue
            state = watch.state
            if state == ONLINE or state == UNKNOWN:
                silent = now_ms - watch.heard_ms
                if silent < first:
                    if not watch.alarm:
                        watch.look_ms = watch.heard_ms + first
                else:
                    if watch.answers and watch.unanswered >= 3 and silent + 2 * SCAN_MS >= self.alarm_ms and now_ms - watch.pinged_ms >= SCAN_MS:
                        self._to(watch, OFFLINE, "silent for %.1f s, %d pings" % (silent / 1000, watch.unanswered), now_ms)
                    elif now_ms - watch.pinged_ms >= pause and (watch.answers is not False or now_ms >= watch.retry_ms):
                        wanted.append((watch.heard_ms, watch.device))
            elif state == SLEEPING and now_ms >= watch.asleep_until_ms:
                self._to(watch, OFFLINE, "overslept", now_ms)
            if settled and (watch.alarm or watch.state == OFFLINE):
                self._judge(watch, now_ms)
        if len(wanted) > pings:
            wanted.sort()
            self.late_ms = max(0, now_ms - wanted[pings][0] - self.alarm_ms)
            del wanted[pings:]
        else:
            self.late_ms = 0
        for _, device in wanted:
            watch = self.watches[device]
            watch.pinged_ms = now_ms
            watch.unanswered += 1
            if watch.answers is not True and watch.unanswered > REFUSALS:   # nobody knows whether it could
                watch.answers, watch.retry_ms = False, now_ms + RETRY_MS
        return [device for _, device in wanted]

    def _judge(self, watch, now_ms):
        """Raises or ends the alarm of a node."""
        if watch.state == OFFLINE:
            if not watch.alarm and now_ms - watch.since_ms >= self.offline_after_ms:
                flapping = watch.calm_ms is not None and watch.since_ms - watch.calm_ms < self.flap_ms
                watch.alarm, watch.alarm_ms = (ALARM_FLAPPING if flapping else ALARM_OFFLINE), now_ms
                self.alarms += 1
                self._ring(watch, watch.alarm, watch.why)
        elif watch.state != UNKNOWN:
            steady = self.flap_ms if watch.alarm == ALARM_FLAPPING else self.steady_ms
            if watch.state == SLEEPING or now_ms - watch.since_ms >= steady:
                watch.alarm, watch.calm_ms = None, now_ms
                self.alarms -= 1
                self._ring(watch, None, watch.why)

    def _ignored(self, watch, now_ms):
        """It was pinged, and something else came: does it answer pings at all?"""
        watch.unanswered = 0
        if watch.answers is None:
            watch.ignored += 1
            if watch.ignored >= REFUSALS:
                watch.answers, watch.retry_ms = False, now_ms + RETRY_MS

    def _to(self, watch, state, why, now_ms):
        old = watch.state
        watch.why = why
        if state == old:
            return
        self.counts[old] -= 1
        self.counts[state] += 1
        watch.state, watch.since_ms, watch.unanswered, watch.look_ms = state, now_ms, 0, 0
        self._tell(watch, old, why)
