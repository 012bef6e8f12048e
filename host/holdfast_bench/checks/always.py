"""Rules that hold all the time, as the scenario's always-clauses state them: never, at least every so often, at most so many."""

from ..world.timeline import board_of, fits
from .laws import Outcome, found, law
from .result import BAD

NAMED_MAX = 3  # breaches of one rule that are told; more are counted


@law
def always(case):
    findings = []
    for rule in case.plan.get("always", []):
        begin, end = _stretch(case, rule)
        if begin is None:
            continue  # it never came into force
        for board in rule["boards"]:
            at = [e["t"] for e in case.events if begin <= e["t"] <= end and fits(rule["event"], e) and board_of(e) in (board, None)]
            breaches = list(_breaches(rule, at, begin, end))
            whose = "" if len(case.plan["boards"]) == 1 else " (%s)" % board
            findings += [found("always", BAD, "%s%s: %s" % (rule["what"], whose, text), t) for t, text in breaches[:NAMED_MAX]]
            if len(breaches) > NAMED_MAX:
                findings.append(found("always", BAD, "%s%s: and %d times more" % (rule["what"], whose, len(breaches) - NAMED_MAX), breaches[NAMED_MAX][0]))
    return Outcome({}, findings)


def _stretch(case, rule):
    """(from, to) in ms: the rule is in force between the two actions; without `until` up to the cut, or the end of the history."""
    done = {}
    for e in case.events:
        if e["src"] == "bench" and e["ev"] in ("expect", "fault", "end", "command", "publish", "update") and e.get("ok") is not False:
            done.setdefault(e["id"], e["t"])
    last = case.ledger.cut_at if case.ledger.cut_at is not None else case.events[-1]["t"]
    return done.get(rule["after"]), done.get(rule["until"], last) if rule["until"] is not None else last


def _breaches(rule, at, begin, end):
    """(instant, what is wrong) of every breach."""
    if rule["never"]:
        yield from ((t, "it happened") for t in at)
    elif rule["at_least_every_ms"] is not None:
        for before, after in zip([begin, *at], [*at, end]):
            if after - before > rule["at_least_every_ms"]:
                yield before, "nothing for %.1f s, at least every %.1f s is demanded" % ((after - before) / 1000, rule["at_least_every_ms"] / 1000)
    elif rule["in_ms"] is None:
        if len(at) > rule["at_most"]:
            yield at[rule["at_most"]], "%d times, at most %d are allowed" % (len(at), rule["at_most"])
    else:
        free_from = begin
        for i in range(rule["at_most"], len(at)):
            first = at[i - rule["at_most"]]
            if at[i] - first < rule["in_ms"] and first >= free_from:
                yield at[i], "%d times within %.1f s, at most %d in %.1f s are allowed" % (
                    rule["at_most"] + 1, (at[i] - first) / 1000, rule["at_most"], rule["in_ms"] / 1000)
                free_from = at[i]
