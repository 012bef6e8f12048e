"""`holdfast replay`: one seed of a campaign again, told as a story; and shrunk to the shortest scenario that still fails."""

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.text import Text

from ..campaign.draw import draw
from ..campaign.shrink import Shrinker, as_toml
from ..campaign.story import story
from ..campaign.trial import carry_out
from ..checks.result import exit_status
from ..errors import BenchError
from ..history import save
from .common import JSON_HELP, err, out, told, write_json
from .summary import summary

_STYLE = {"fault": "magenta", "bad": "bold red", "life": "yellow", "state": "cyan", "": ""}


def register(app):
    app.command("replay", epilog="Examples: [bold]holdfast replay --seed 17[/]; [bold]holdfast replay --seed 17 --from 900 --to 1000 --all[/]")(run)


@told
def run(
    seed: Annotated[int, typer.Option(min=0, help="As in the campaign.")],
    hours: Annotated[float, typer.Option(help="As in the campaign.")] = 1.0,
    from_s: Annotated[float, typer.Option("--from", help="Tell the story from this second on.")] = 0,
    to_s: Annotated[Optional[float], typer.Option("--to", help="Until this second.")] = None,
    whole: Annotated[bool, typer.Option("--all", help="Every message, too.")] = False,
    message: Annotated[Optional[list[str]], typer.Option(metavar="LIFE:N", help="Every event of this message, too.")] = None,
    shrink: Annotated[Optional[Path], typer.Option(metavar="FILE.toml", help="Look for the shortest scenario that still fails, and write it.")] = None,
    events: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write the whole history, one JSON object a line.")] = None,
    json_file: Annotated[Optional[str], typer.Option("--json", metavar="FILE", help=JSON_HELP)] = None,
    firmware: Annotated[Optional[Path], typer.Option(metavar="DIR", help="Another firmware than that of the checkout.")] = None,
):
    """Carry out one seed again, to the microsecond, and tell what happened."""
    if not 0 < hours <= 240:
        raise BenchError("--hours %g: more than 0 and at most 240" % hours)
    if shrink and shrink.suffix != ".toml":
        raise BenchError("--shrink %s: scenarios are files named *.toml" % shrink)
    drawn = draw(seed, hours)
    result, _ = carry_out(drawn.scenario, drawn.name, seed, firmware)
    console = err if json_file == "-" else out
    if shrink:
        _shrink(drawn, result, shrink, firmware, console)
        raise typer.Exit(exit_status([result.verdict]))
    lost = [key for finding in result.findings for key in finding.ids][:20]
    for t, who, text, level in story(result.events, [*lost, *(message or ())], whole):
        if t >= from_s * 1000 and (to_s is None or t <= to_s * 1000):
            line = Text("%10.3f  " % (t / 1000), style="dim")
            line.append("%-9s " % who, style="dim")
            console.print(line.append(text, style=_STYLE[level] or "default"), soft_wrap=True)
    console.print(summary([result]))
    if events:
        try:
            save(result.events, events)
        except OSError as e:
            raise BenchError("cannot write %s: %s" % (events, e.strerror)) from None
    write_json(result.as_json(), json_file)
    raise typer.Exit(exit_status([result.verdict]))


def _shrink(drawn, result, file, firmware, console):
    broken = [f for f in result.findings if f.verdict == "bad"]
    if not broken:
        raise BenchError("seed %d breaks no law in %g h: there is nothing to shrink" % (drawn.seed, drawn.scenario.run_s / 3600))
    first = min(broken, key=lambda f: f.t if f.t is not None else float("inf"))
    ready = next((e["t"] for e in result.events if e["src"] == "bench" and e.get("id") == "ready"), 0)

    def fails(scenario):
        try:
            again, _ = carry_out(scenario, drawn.name, drawn.seed, firmware)
        except BenchError:
            return False
        return any(f.law == first.law and f.verdict == "bad" for f in again.findings)

    console.print("seed %d breaks the law `%s`: %s" % (drawn.seed, first.law, first.text), markup=False, soft_wrap=True)
    with console.status("shrinking") as status:
        shrinker = Shrinker(fails, lambda text: status.update("shrinking: %s" % text))
        at_s = None if first.t is None or first.law in ("recovery", "drain") else (first.t - ready) / 1000
        short = shrinker.shrink(drawn.scenario, at_s)
    short = short.model_copy(update={"title": "%s: %s" % (file.stem.replace("_", " "), first.law), "about": "Found by seed %d of a campaign: %s" % (drawn.seed, first.text)})
    try:
        file.write_text(as_toml(short))
    except OSError as e:
        raise BenchError("cannot write %s: %s" % (file, e.strerror)) from None
    console.print("%s: %d of %d steps, %.0f of %.0f s are left, after %d runs" % (
        file, len(short.step), len(drawn.scenario.step), short.run_s, drawn.scenario.run_s, shrinker.tried), markup=False, soft_wrap=True)
    console.print("again: holdfast run %s --board sim" % file, markup=False, soft_wrap=True)
