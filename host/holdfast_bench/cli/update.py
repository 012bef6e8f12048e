"""`holdfast update`: a signed bundle to one node or a fleet, over the broker that they use anyway."""

import itertools
import time
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..errors import BenchError
from ..update.rollout import BAD, GOOD, OVER, WAITING, Rollout
from ..update.server import Server
from ..world.pieces import Pieces
from . import at_broker
from .common import JSON_HELP, err, out, table, told, write_json

Text = Optional[str]
_COLOURS = {**dict.fromkeys(GOOD, "green"), **dict.fromkeys(BAD, "red"), "silent": "yellow"}


def register(app):
    app.command("update", epilog="Example: [bold]holdfast update climate-1.2.0.hfb kitchen cellar --broker 192.168.1.10[/]")(update)


@told
def update(
    bundle: Annotated[Path, typer.Argument(help="What `holdfast bundle` made.")],
    nodes: Annotated[Optional[list[str]], typer.Argument(metavar="NODE…", help="Ids of the nodes.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every node that has left a status at the broker.")] = False,
    broker: at_broker.Broker = "127.0.0.1:1883",
    user: at_broker.User = None,
    password_file: at_broker.PasswordFile = None,
    tls: at_broker.Tls = False,
    ca: at_broker.Ca = None,
    base: at_broker.Base = "holdfast",
    first: Annotated[int, typer.Option(min=1, help="So many nodes begin; the others follow when these have kept it.")] = 1,
    at_once: Annotated[int, typer.Option(min=1, help="So many nodes at a time.")] = 8,
    stop_after: Annotated[int, typer.Option(min=1, help="No further node is told once so many have failed.")] = 1,
    limit_s: Annotated[int, typer.Option(min=30, max=3600, help="A start of the new firmware without a message that gets through ends after this; three such, and the old one is back.")] = 300,
    within_s: Annotated[int, typer.Option(min=1, help="What is not over then is unknown; nodes go on when they are served again.")] = 3600,
    json_file: Annotated[Text, typer.Option("--json", help=JSON_HELP)] = None,
):
    """Update nodes over the air. Status 0: all have kept it; 1: some have not; 2: not known."""
    if bool(nodes) == everybody:
        raise BenchError("which nodes? Name them, or say --all")
    try:
        pieces = Pieces(open(bundle, "rb"))
    except OSError as e:
        raise BenchError("cannot read %s: %s" % (bundle, e.strerror)) from None
    except (ValueError, KeyError):
        raise BenchError("%s is no bundle: `holdfast bundle` makes them" % bundle) from None
    at, login = at_broker.login(broker, user, password_file, tls, ca)
    server = Server(at, base, **login).start()
    try:
        names = server.known() if everybody else list(dict.fromkeys(nodes))
        if not names:
            raise BenchError("no node has left a status below %s/ at %s" % (base, broker))
        rollout = Rollout(pieces, names, server.publish, int(time.time()) % 1_000_000_000, base, limit_s, first, at_once, stop_after)
        server.roll(rollout)
        with Progress(TextColumn("{task.fields[name]}"), BarColumn(30), TextColumn("{task.percentage:3.0f} %"), TextColumn("{task.fields[state]}"), TimeElapsedColumn(),
                      console=err, transient=True) as bars:
            shown = {}

            def look():
                for node in rollout.nodes.values():
                    if node.state != WAITING and (node.name in shown or node.state not in OVER):
                        if node.name not in shown:
                            shown[node.name] = bars.add_task("", total=pieces.size, name=node.name, state="")
                        bars.update(shown[node.name], completed=node.at, state=node.state)
                for name in itertools.chain(shown):
                    bars.update(shown[name], visible=rollout.nodes[name].state not in OVER)
            server.wait(within_s, look)
    finally:
        server.stop()
    shown = table("node", "state", "version", "")
    for node in rollout.nodes.values():
        shown.add_row(node.name, "[%s]%s[/]" % (_COLOURS.get(node.state, "dim"), "not told" if node.state == WAITING else node.state), node.version, node.why)
    out.print(shown)
    write_json(rollout.result(), json_file)
    states = [node.state for node in rollout.nodes.values()]
    if any(state in BAD for state in states):
        raise typer.Exit(1)
    if not all(state in GOOD for state in states):
        raise typer.Exit(2)
