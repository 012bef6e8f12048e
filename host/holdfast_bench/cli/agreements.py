"""After runs of scenarios at several places: did the boards go through the same states? A line for each difference, and one that sums up."""

from rich.text import Text

from ..checks.agreement import differences


def agreements(runs):
    """Lines for the console about `runs`, [(result, plan)]; none where no scenario ran at two places."""
    groups = {}
    for result, plan in runs:
        if not result.skipped and result.events:
            groups.setdefault((result.scenario, result.seed), []).append((result, plan))
    compared = same = 0
    places = {}     # in the order in which they come
    for (first, plan), *others in groups.values():
        for other, _ in others:
            found = differences(first.events, other.events, plan, (first.board, other.board))
            yield from (_line(first.scenario, d) for d in found)
            places.update({first.board: 1, other.board: 1})
            compared, same = compared + 1, same + (not found)
    if compared:
        where = " and ".join(places)
        yield Text("%s: %s" % (where, ("the same sequence of states" if same else "not the same sequence of states") if compared == 1 else
                               "the same sequence of states in %d of %d comparisons" % (same, compared)), style="bold")


def _line(scenario, d):
    line = Text()
    line.append("≠ ", style="bold yellow")
    line.append("%s, %s: " % (scenario, d.board), style="bold")
    line.append(d.text)
    told = ["–" if t is None else "%.1f s" % (t / 1000) for t in d.t]
    if told != ["–", "–"]:
        line.append(" (%s)" % ", ".join(told), style="dim")
    return line
