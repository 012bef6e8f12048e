"""Firmwares broken on purpose, for the mutation test of the campaign: each is the checkout's with one small place written wrongly.

A mutation names the very text that it replaces, so one whose text is no longer there fails loudly instead of testing nothing.
"""

import shutil
from dataclasses import dataclass

from holdfast_bench import checkout
from holdfast_bench.campaign.draw import draw
from holdfast_bench.campaign.trial import carry_out


@dataclass(frozen=True)
class Mutant:
    """One mistake: in `file` of firmware/holdfast, `old` (there exactly once) becomes `new`. `seed`: of the
    campaign, HOURS long, one that is known to notice it, by one of `laws`: found by search()."""

    name: str
    seed: int
    file: str
    old: str
    new: str
    laws: tuple


class Outdated(Exception):
    """The firmware no longer has the text that a mutation replaces."""


def plant(mutant, folder):
    """A copy of firmware/ in `folder` with this mistake; its path. Raises Outdated."""
    target = folder / ("firmware-" + mutant.name)
    shutil.copytree(checkout.FIRMWARE, target, ignore=shutil.ignore_patterns("__pycache__"))
    path = target / "holdfast" / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise Outdated("%s: its text stands %d times in %s; write the mutation anew" % (mutant.name, text.count(mutant.old), mutant.file))
    path.write_text(text.replace(mutant.old, mutant.new))
    return target


HOURS = 0.2         # of trouble, for each seed
SEEDS = 1000        # within so many every mutant is noticed


def caught_by(firmware, seed, hours=HOURS):
    """(laws that the firmware breaks in the campaign's seed, what they say)."""
    drawn = draw(seed, hours)
    result, _ = carry_out(drawn.scenario, drawn.name, seed, firmware)
    bad = [f for f in result.findings if f.verdict == "bad"]
    return {f.law for f in bad}, [f.text for f in bad]


def search(mutant, seeds, folder, hours=HOURS):
    """The first of `seeds` in which the campaign notices the mutant by one of its laws, None when none does."""
    firmware = plant(mutant, folder)
    for seed in seeds:
        if caught_by(firmware, seed, hours)[0] & set(mutant.laws):
            return seed
    return None


MUTANTS = [
    Mutant("no_replay", 0, "outbox.py",
           "            if seq > 0 and seq not in self.again:\n                self.again.append(seq)\n        self.seqs = []\n",
           "            if seq > 0:\n                self._finish(seq)\n        self.seqs = []\n", ("lost",)),
    Mutant("acknowledged_before_sent", 1, "outbox.py",
           "        if not self.flags & _QOS:\n            self._unwritten.append(seq)\n",
           "        if self.flags & _QOS < 2:\n            self._unwritten.append(seq)\n", ("lost",)),
    Mutant("watchdog_fed_whatever_tasks_do", 30, "watchdog.py",
           "            if beat.task and beat.task.done() or ticks_diff(now, beat.at) > beat.limit_ms:\n", "            if False:\n", ("hang", "recovery", "lost")),
    Mutant("watchdog_not_fed", 0, "watchdog.py", "                self._wdt.feed()\n", "                pass\n", ("resets",)),
    Mutant("ring_off_by_one", 1, "ring.py", "        return tail if safe - tail >= total else -1\n", "        return tail if safe - tail + 1 >= total else -1\n",
           ("lost", "damage", "content", "errors")),
    Mutant("ring_splits_a_record", 1, "ring.py",
           "        if tail > safe:\n            if self._room - tail >= total:\n", "        if tail > safe:\n            if self._room - tail + 4 >= total:\n",
           ("lost", "damage", "content", "errors")),
    Mutant("jitter_off", 12, "backoff.py", 'def jitter_ms(kind, wait_ms, rnd):\n', 'def jitter_ms(kind, wait_ms, rnd):\n    return wait_ms\n', ("spread",)),
    Mutant("no_backoff", 0, "retry.py", "        self._due_at = ticks_add(now, wait)\n", "        self._due_at = ticks_add(now, min(wait, 20))\n", ("pace", "rest")),
    Mutant("backoff_lost_on_reset", 902, "retry.py", "        if attempt and left < _FORGET:\n", "        if False:\n", ("rest", "pace")),
    Mutant("check_of_a_record_ignored", 8, "ring.py",
           "        if fate & 0xFFFFFF:\n            return False\n        self.fate = fate = fate >> 24\n        return fate in _FATES\n",
           "        self.fate = 0 if fate & 0xFFFFFF else fate >> 24\n        return True\n", ("content", "lost", "exactly_once", "errors", "order")),
    Mutant("session_present_ignored", 9, "subscriptions.py", "        if present and self._confirmed == at:\n", "        if self._confirmed >= 0:\n", ("reached",)),
    Mutant("packet_id_not_wrapped", 0, "outbox.py", "_PIDS = const(40000)", "_PIDS = const(400000)", ("lost", "errors", "recovery", "exactly_once", "content")),
    Mutant("dns_asked_every_time", 36, "endpoint.py", "        return self._named and (self._address is None or self._doubted and (", "        return self._named and (True or self._doubted and (", ("asks", "recovery", "resets")),
    Mutant("lease_never_expires", 5, "path.py", "        self.leased = bool(since and 0 <= self._stamp() - since < self._cfg[\"lease_s\"] * 10)\n",
           "        self.leased = bool(since)\n", ("lease",)),
    Mutant("pingresp_ignored", 33, "session.py", "            if self._probes == _PROBES:\n                raise Fault(\"gone\", \"silent for %d ms\" % silent)\n",
           "", ("recovery", "lost", "deaf")),
    Mutant("state_leaks_on_cancel", 1, "wire.py", "        for task in (self._reader, self._writer):\n", "        for task in (self._writer,):\n", ("errors", "recovery", "lost", "states", "content")),
    Mutant("spool_sent_last", 15, "outbox.py", "        if self.spool:\n            found = self.spool.load(self)\n",
           "        if self.spool and not self.ring.seek(*self._next):\n            found = self.spool.load(self)\n", ("order",)),
    Mutant("wrap_of_ticks_in_backoff", 18, "retry.py", "        left = ticks_diff(self._due_at, now)\n        if left > 0:\n", "        left = self._due_at - now\n        if left > 0:\n",
           ("recovery", "lost", "errors", "pace", "rest", "spread")),
    Mutant("pubrec_not_remembered", 1, "outbox.py", "        if seq and seq not in self._released:\n", "        if False:\n", ("exactly_once",)),
    Mutant("drop_not_reported", 0, "outbox.py", "        self.dropped += n\n        self.on_drop(first, n, why, epoch)\n", "        self.dropped += n\n", ("lost",)),
    Mutant("sleeps_in_the_loop", 6, "session.py", "    def _heartbeat(self, now):\n", "    def _heartbeat(self, now):\n        from time import sleep_ms\n\n        sleep_ms(40)\n", ("stalls",)),
    Mutant("resets_whenever_it_likes", 0, "ladder.py", "    if reset_after_s and outage_s >= reset_after_s << min(resets, _DOUBLINGS):\n", "    if outage_s >= 60:\n", ("restless",)),
    Mutant("unlawful_transition", 0, "states.py", '    "backoff": "due dialing  ', '    "backoff": "due online  ', ("states",)),
]
