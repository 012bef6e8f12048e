"""What was accepted must arrive or be reported dropped: lost = accepted − delivered − reported dropped.

A message lost together with the memory it lay in (RTC memory and a power cut) is beyond what was promised, and is
counted there; whether memory was lost is taken from the chip's resets, never from the firmware. QoS 0 is at most once:
what of it went under way and never came is beyond the promise, too. R16, R30, R31.
"""

from .laws import Outcome, found, law
from .result import BAD, UNKNOWN

_NAMED_MAX = 8  # so many are named in the finding's text; all of them are in its ids


@law
def lost(case):
    ledger = case.ledger
    delivered = [m for m in ledger.messages if m.received_at]
    dropped = [m for m in ledger.messages if not m.received_at and m.dropped_at is not None]
    missing = [m for m in ledger.messages if not m.received_at and m.dropped_at is None]
    beyond = [m for m in missing if m.memory_lost or m.qos == 0]
    gone, late = _gone(ledger)
    numbers = {"accepted": len(ledger.messages), "delivered": len(delivered), "beyond_promise": len(beyond),
               "reported_dropped": max(ledger.drops_reported, len(dropped)) + late, "lost": len(gone)}
    findings = []
    if ledger.drained is None:
        # Without a drain what is missing may still be under way: no statement about loss, either way.
        numbers["lost"] = 0
        findings.append(found("lost", UNKNOWN, "the run ended before everything was healed and drained: %d of %d messages had not arrived"
                              % (len(gone), len(ledger.messages)), ids=[m.key for m in gone]))
    elif gone:
        findings.append(found("lost", BAD, "%d of %d accepted messages never arrived: %s" % (
            len(gone), len(ledger.messages), _names(gone)), gone[0].accepted_at, [m.key for m in gone]))
    elif not ledger.messages:
        findings.append(found("lost", UNKNOWN, "no message was accepted in this run, so nothing is shown"))
    return Outcome(numbers, findings)


def missing_of(ledger):
    """The messages that should have arrived and have not."""
    return _gone(ledger)[0]


def _gone(ledger):
    missing = [m for m in ledger.messages if not m.received_at and m.dropped_at is None]
    return _made_good([m for m in missing if not (m.memory_lost or m.qos == 0)], ledger)


def _made_good(gone, ledger):
    """(those still missing, how many were not): drops whose report a reset cut off are known by their number only, and so are
    messages that the console had no room to announce."""
    unannounced = [m for m in gone if m.accepted_at is None][:ledger.drops_unnamed]
    left = sorted((m for m in gone if m not in unannounced), key=lambda m: m.accepted_at or 0)
    for t, count in ledger.drops_made_good:
        before = [m for m in left if m.accepted_at is None or m.accepted_at <= t]
        left = before[count:] + left[len(before):]
    return left, len(gone) - len(left)


def _names(messages):
    shown = []
    for m in messages[:_NAMED_MAX]:
        how = "never announced" if m.accepted_at is None else "accepted at %.1f s" % (m.accepted_at / 1000)
        if m.acked_at is not None:
            how += ", acknowledged at %.1f s" % (m.acked_at / 1000)
        shown.append("%s (%s)" % (m.key, how))
    return "; ".join(shown) + ("; and %d more" % (len(messages) - _NAMED_MAX) if len(messages) > _NAMED_MAX else "")
