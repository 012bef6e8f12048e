"""Carries out a plan inside the simulation: trouble, then heal and drain, as scenario/executor.py does on twin and hil.

May use: world.timeline, the fault catalogue, the rig. Everything it does happens in kernel events.
"""

from ...world.kernel import ChipReset
from ...world.timeline import TimeLine
from .faults import CATALOGUE
from .lives import OVER

CALL = "cmd/healed"  # a retained command, for the way down
CALL_MS = 15_000    # how often it is repeated
EFFECT_MS = 8000    # a fault has to show within this time that it took effect
LOOK_MS = 200       # how often evidence and drain are looked at
LOOK_SHARE = 50     # a drain of hours, of a node that sleeps: at every 50th of the time that it has taken so far
SETTLE_MS = 1000    # messages are in before the answer to CONNECT is: a node that is about to be online has so long for it
PATIENCE_MS = 60_000    # a fault that waits for a moment strikes without it after this


class Director:
    def __init__(self, rig):
        self._rig = rig
        self._kernel = rig.kernel
        self._history = rig.history
        self._history.listen = self._heard
        plan = rig.spec["plan"]
        self._plan = plan
        self._timeline = TimeLine(plan["actions"])
        self._run_ms = plan.get("run_ms", 0)    # the trouble lasts at least this long
        self._proofs = plan.get("proofs", True) # every fault has to show that it took effect
        self._call = plan.get("application") == "streams"   # is there anybody who hears commands?
        self._begun = []            # [id, Fault], not ended
        self._struck = {}           # name -> the last momentary Fault of it
        self._unproven = []         # [id, Fault, ask until]
        self._events = []
        self._step_event = None
        self._step_at_ms = 0
        self._phase = self._trouble
        self._deadline_ms = plan["deadline_ms"]

    def start(self):
        self._note("start", "boards", self._plan["boards"], "seed", self._plan["seed"])
        self._kernel.after(self._deadline_ms, self._too_late)
        self._step_soon(0)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _heard(self, event):
        self._events.append(event)
        self._step_soon(0)

    def _step_soon(self, delay_ms):
        at_ms = self._kernel.now_ms + delay_ms
        if self._step_event is None or at_ms < self._step_at_ms:
            self._kernel.cancel(self._step_event)
            self._step_at_ms = at_ms
            self._step_event = self._kernel.after(delay_ms, self._step)

    def _step(self, _):
        self._step_event = None
        while self._events:
            for action in self._timeline.feed(self._events.pop(0)):
                self._note("expect", "id", action["id"], "ok", True, "what", action["what"], "within_ms", action["within_ms"])
        self._history.watching = self._timeline.watching()
        self._look()
        if self._phase:
            self._phase()
        if self._unproven:
            self._step_soon(LOOK_MS)

    def _trouble(self):
        now_ms = self._kernel.now_ms
        timeline = self._timeline
        for action, boards, last in timeline.missed(now_ms):
            self._note("expect", "id", action["id"], "ok", False, "what", action["what"], "within_ms", action["within_ms"],
                       "last", _in_words(last))
            if action["id"] == "ready":
                self._stop("no message of %s at the broker side within %d s" % (" and ".join(boards), action["within_ms"] // 1000))
                return
        for action in timeline.due(now_ms):
            self._do(action)
            if not self._phase:
                return
        if self._events:
            return              # the step that comes at once sees what these actions have changed
        if timeline.finished():
            if now_ms >= self._run_ms:
                self._heal()
            else:
                self._step_soon(self._run_ms - now_ms)
            return
        at_ms = timeline.next_at_ms()
        if at_ms is not None:
            self._step_soon(max(0, at_ms - now_ms))

    def _look(self):
        for entry in list(self._unproven):
            own_id, fault, until_ms = entry
            how = fault.evidence()
            if how:
                self._note("effect", "id", own_id, "ok", True, "how", how)
            elif self._kernel.now_ms >= until_ms:
                if self._proofs:
                    self._note("effect", "id", own_id, "ok", False, "why", "no sign of it within %d s" % (EFFECT_MS // 1000))
            else:
                continue
            self._unproven.remove(entry)

    # -- actions -------------------------------------------------------------------------------------------------------

    def _do(self, action):
        do = action["do"]
        if do == "fault":
            self._fault(action)
        elif do == "end":
            self._end(action["of"], action["id"])
        elif do == "command":
            self._command(action)
        elif do == "publish":
            rig = self._rig
            for broker in rig.brokers:
                broker.broker.publish((rig.prefix + action["topic"]).encode(), action["payload"].encode(), action["qos"], action["retain"])
            self._note("publish", "id", action["id"], "boards", action["boards"], "topic", action["topic"])
        elif do == "update":
            self._update(action)
        elif do == "setup":
            self._note("setup", "id", action["id"], "boards", action["boards"])
            self._rig.phone(self._rig, action["setup"])
        else:
            self._stop("`%s`: the simulation cannot do %r" % (action["id"], do))

    def _update(self, action):
        self._rig.announce(action)
        self._note("update", "id", action["id"], "boards", action["boards"], "version", action["update"]["version"])

    def _fault(self, action):
        name, own_id = action["fault"], action["id"]
        if name not in CATALOGUE:
            self._stop("`%s`: the simulation has no fault %r" % (own_id, name))
        elif action.get("moment"):
            self._at_moment(action)
        else:
            self._begin(action)

    def _at_moment(self, action):
        """The fault begins when its moment comes, or when it has not come for long."""
        kernel, moments = self._kernel, self._rig.moments

        def strike():
            kernel.cancel(limit)
            self._note("moment", "id", action["id"], "moment", action["moment"])
            self._begin(action)

        def over(_):
            moments.forget(entry)
            self._begin(action)

        limit = kernel.after(action.get("patience_ms", PATIENCE_MS), over)
        entry = moments.wait(action["moment"], action.get("nth", 1), strike)

    def _begin(self, action):
        name, own_id = action["fault"], action["id"]
        if not self._phase:
            return
        fault = CATALOGUE[name](self._rig, own_id, action["args"])
        self._note("fault", "id", own_id, "fault", name, "boards", action["boards"])
        if action["momentary"]:
            self._struck[name] = fault
        else:
            self._begun.append([own_id, fault])
        fault.begin()
        self._unproven.append([own_id, fault, self._kernel.now_ms + EFFECT_MS])

    def _end(self, of, own_id):
        for entry in list(self._unproven):
            if entry[0] == of:
                self._unproven.remove(entry)
                how = entry[1].evidence()
                if how:
                    self._note("effect", "id", of, "ok", True, "how", how)
                elif self._proofs:
                    self._note("effect", "id", of, "ok", False, "why", "no sign of it until it ended")
        self._note("end", "id", own_id, "of", of)
        for entry in list(self._begun):
            if entry[0] == of:
                self._begun.remove(entry)
                group = entry[1].group
                if not group or group not in [fault.group for _, fault in self._begun]:
                    entry[1].end()

    def _command(self, action):
        own_id = action["id"]

        def done(reply):
            if reply is None:
                self._stop("`%s` could not be carried out: no answer on the console" % own_id)
            elif not reply.get("ok"):
                self._stop("`%s` could not be carried out: the board refused command %r: %s" % (own_id, action["command"]["cmd"], reply.get("why")))
            else:
                self._note("command", "id", own_id, "boards", action["boards"])

        self._rig.tap.command(action["command"], done)

    # -- heal and drain ------------------------------------------------------------------------------------------------

    def _heal(self):
        for own_id, _ in list(self._begun):
            self._end(own_id, own_id + ".end")
        for name in self._struck:
            self._struck[name].call_off()
        self._note("cut")
        self._rig.tally.cut()
        self._drain_from_ms = self._kernel.now_ms
        self._called_at_ms = -CALL_MS
        self._phase = self._drain
        self._step_soon(0)

    def _drain(self):
        now_ms = self._kernel.now_ms
        missing = self._rig.tally.missing()
        if self._call and not self._rig.tally.heard and now_ms - self._called_at_ms >= CALL_MS:
            # Again and again: the console may have no room for it while a backlog is told of.
            self._called_at_ms = now_ms
            for broker in self._rig.brokers:
                broker.broker.publish((self._rig.prefix + CALL).encode(), b"all is healed", 1, True)
        until_ms = max(self._drain_from_ms, self._rig.tally.still_until_ms) + self._plan["drain_ms"]
        if ((missing or self._call and not self._rig.tally.heard) and now_ms < until_ms) or self._unproven:
            self._step_soon(max(LOOK_MS, (now_ms - self._drain_from_ms) // LOOK_SHARE))
            return
        text = "%d messages, the first is %s" % (missing, self._rig.tally.first()) if missing else ""
        self._note("drained", "ok", not missing, "within_ms", self._plan["drain_ms"], "took_ms", now_ms - self._drain_from_ms,
                   "missing", text)
        self._phase = None
        self._kernel.after(SETTLE_MS if self._rig.tally.state == "dialing" else 0, self._over)

    def _too_late(self, _):
        self._stop("the deadline of %d s for the whole run is over" % (self._deadline_ms // 1000))

    def _stop(self, why):
        if self._phase:
            self._note("stopped", "why", why)
            self._over()

    def _over(self, _=None):
        """Again and again: a reset that comes at the same instant would hide the first one."""
        self._phase = None
        self._kernel.halt(ChipReset(OVER))
        self._kernel.after(1, self._over)

    def _note(self, ev, *pairs):
        self._history.add("bench", ev, *pairs)


def _in_words(event):
    if event is None:
        return ""
    words = ["%s=%s" % (key, event[key]) for key in sorted(event) if key not in ("t", "src", "ev", "ticks", "payload")]
    return ("%s at %.1f s (%s)" % (event["ev"], event["t"] / 1000, " ".join(words)))[:160]
