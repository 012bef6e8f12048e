"""`holdfast fleet`: N nodes lose their broker at once; how soon is everybody back, with every kind of jitter?"""

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ..errors import BenchError
from ..fleet.controller import defaults, firmware_module
from ..fleet.model import Fleet, recover
from ..fleet.plot import as_svg
from .common import JSON_HELP, err, out, table, told, write_json

POLICIES = ("decorrelated", "exponential", "gentle", "fixed")
JITTERS = ("none", "additive", "ten", "equal", "full", "half")
BAR = 1.5           # times N / R, for the default policy
_SETTINGS = ("dial_ms", "connack_ms", "base_ms", "cap_ms", "quick_ms")


def register(app):
    app.command("fleet", epilog="Examples: [bold]holdfast fleet --nodes 10000 --rate 500[/]; [bold]holdfast fleet --nodes 100000 --rate 1000 --tls --plot fleet.svg[/]")(run)


@told
def run(
    nodes: Annotated[int, typer.Option(help="How many nodes, 1 to 100000.")] = 1000,
    rate: Annotated[int, typer.Option(help="Connections that the broker accepts a second; with --tls a connection takes two such units.")] = 50,
    outage_s: Annotated[float, typer.Option(help="How long the broker cannot be reached at all.")] = 10,
    tls: Annotated[bool, typer.Option("--tls", help="Connections with a TLS handshake.")] = False,
    backlog: Annotated[int, typer.Option(help="Units of work that wait at the broker; a SYN beyond is dropped.")] = 128,
    policy: Annotated[Optional[list[str]], typer.Option(help="Back-off policy; several times. By default the firmware's, and the naive `fixed`.")] = None,
    jitter: Annotated[Optional[list[str]], typer.Option(help="Kind of jitter; several times. By default every one.")] = None,
    seed: Annotated[int, typer.Option(help="Of chance.")] = 1,
    plot: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write the arrival curves as a picture (SVG).")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
):
    """Let a fleet come back all at once, with the firmware's own retry controller for every node, and compare with the ideal N / R.

    Exit status 1 when the firmware's default policy needs more than 1.5 times the ideal.
    """
    for name, value, most in (("nodes", nodes, 100_000), ("rate", rate, 1_000_000), ("backlog", backlog, 1_000_000)):
        if not 1 <= value <= most:
            raise BenchError("--%s %d: 1 to %d" % (name, value, most))
    if not 0 <= outage_s <= 86_400:
        raise BenchError("--outage-s %g: 0 to 86400" % outage_s)
    own = defaults(("policy", "jitter", *_SETTINGS))
    for wanted in policy or ():
        if wanted not in POLICIES:
            raise BenchError("--policy %s: one of %s" % (wanted, ", ".join(POLICIES)))
    for wanted in jitter or ():
        if wanted not in JITTERS:
            raise BenchError("--jitter %s: one of %s" % (wanted, ", ".join(JITTERS)))
    pairs = [(p, j) for p in (policy or [own["policy"]]) for j in (jitter or JITTERS)]
    if not policy:
        pairs.append(("fixed", "none"))
    controller = firmware_module("retry")
    console = err if json_file == "-" else out
    found = []
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("policies"), console=console, transient=True) as bar:
        task = bar.add_task("fleet of %d" % nodes, total=len(pairs))
        for p, j in pairs:
            found.append(recover(Fleet(nodes, rate, p, j, round(outage_s * 1000), tls, backlog, seed=seed, **{s: own[s] for s in _SETTINGS}), controller))
            bar.advance(task)
    default = next((r for r in found if (r.fleet.policy, r.fleet.jitter) == (own["policy"], own["jitter"])), None)
    write_json([_as_json(r, r is default) for r in found], json_file)
    if plot:
        try:
            plot.write_text(as_svg(found), encoding="utf-8")
        except OSError as e:
            raise BenchError("cannot write %s: %s" % (plot, e.strerror)) from None
    if json_file != "-":
        _tell(found, default, plot)
    if default and (default.factor is None or default.factor > BAR):
        raise typer.Exit(1)


def _tell(found, default, plot):
    fleet = found[0].fleet
    made = table("policy", "jitter", "half", "99 %", "all", "× ideal", "tries a node", "SYNs dropped", "busiest second", "wasted")
    for r in found:
        made.add_row(r.fleet.policy, r.fleet.jitter + (" (default)" if r is default else ""), _s(r.half_ms), _s(r.most_ms), _s(r.all_ms),
                     "–" if r.factor is None else "%.2f" % r.factor, "%.1f" % (r.tries / fleet.nodes), str(r.dropped), "%d SYNs" % r.busiest_s, str(r.wasted))
    out.print(made)
    out.print("ideal: %.1f s for %d nodes at %d units a second%s" % (fleet.ideal_ms / 1000, fleet.nodes, fleet.rate, ", two for each with TLS" if fleet.tls else ""))
    if plot:
        out.print("arrival curves: %s" % plot)


def _s(ms):
    return "–" if ms is None else "%.1f s" % (ms / 1000)


def _as_json(r, default):
    f = r.fleet
    return {"policy": f.policy, "jitter": f.jitter, "default": default, "nodes": f.nodes, "rate": f.rate, "tls": f.tls, "ideal_ms": round(f.ideal_ms),
            "half_ms": _r(r.half_ms), "most_ms": _r(r.most_ms), "all_ms": _r(r.all_ms), "factor": None if r.factor is None else round(r.factor, 3),
            "tries": r.tries, "dropped": r.dropped, "wasted": r.wasted, "busiest_s": r.busiest_s, "arrivals": r.arrivals,
            "curve": [[round(ms), n] for ms, n in r.curve]}


def _r(ms):
    return None if ms is None else round(ms)
