"""`holdfast config`: settings of a node that runs, over the broker; the node tries them, and takes them back by itself when nothing gets through."""

import json
import queue
import time
from typing import Annotated, Optional

import typer

from ..envelope import Malformed, open_envelope
from ..errors import BenchError
from ..update.server import Listener
from . import at_broker
from .common import JSON_HELP, assignments, err, out, told, write_json

Text = Optional[str]
ANSWER_S = 30       # until the node has said that it tries them, or why not
BOOT_S = 90         # beside limit_s: until it is back and has said so


def register(app):
    app.command("config", epilog="Example: [bold]holdfast config kitchen --set keepalive_s=60 --set 'wifi=[{\"ssid\": \"new\", \"key\": \"…\"}]' --broker 192.168.1.10[/]")(config)


@told
def config(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Id of the node.")],
    setting: Annotated[Optional[list[str]], typer.Option("--set", metavar="NAME=VALUE", help="A setting as in config.json; several times. All of them are tried as one.")] = None,
    unset: Annotated[Optional[list[str]], typer.Option(metavar="NAME", help="Back to the default; several times.")] = None,
    broker: at_broker.Broker = "127.0.0.1:1883",
    user: at_broker.User = None,
    password_file: at_broker.PasswordFile = None,
    tls: at_broker.Tls = False,
    ca: at_broker.Ca = None,
    base: at_broker.Base = "holdfast",
    limit_s: Annotated[int, typer.Option(min=20, max=3600, help="So long the node tries them.")] = 120,
    json_file: Annotated[Text, typer.Option("--json", help=JSON_HELP)] = None,
):
    """Change settings of a node. Status 0: kept; 1: refused or taken back; 2: not known."""
    wanted = {**assignments(setting), **{name: None for name in unset or ()}}
    if not wanted:
        raise BenchError("what is to change? --set NAME=VALUE, or --unset NAME")
    number = int(time.time() * 1000) % 1_000_000_000
    answers = queue.Queue()
    prefix = "%s/%s/" % (base, node)
    at, login = at_broker.login(broker, user, password_file, tls, ca)
    listener = Listener(at, [prefix + "reply", prefix + "config"], answers.put, **login).start()
    try:
        listener.publish(prefix + "cmd/config", json.dumps({"id": number, "limit_s": limit_s, "set": wanted}).encode(), 1)
        with err.status("waiting for %s" % node):
            said = _said(answers, number, ANSWER_S)
        if said and said.get("ok") is not False and said.get("state") != "kept":
            with err.status("%s starts again and tries it, for %d s at most" % (node, limit_s)):
                said = _said(answers, number, limit_s + BOOT_S) or {"state": "unknown"}
    finally:
        listener.stop()
    state = "silent" if said is None else "refused" if said.get("ok") is False else said.get("state", "unknown")
    write_json({"node": node, "state": state, "why": (said or {}).get("why")}, json_file)
    if state == "kept":
        return out.print("[green]kept[/]: a message got through with it")
    if state == "refused":
        out.print("[red]refused[/]: ", end="")
        out.print(str(said.get("why")), markup=False, soft_wrap=True)
        raise typer.Exit(1)
    if state == "taken back":
        out.print("[red]taken back[/]: nothing got through with it; the node is back on what it had")
        raise typer.Exit(1)
    raise BenchError("%s does not answer within %d s: is it online, at this broker, and does it take commands (`remote`)? What was sent waits for it at the broker" % (node, ANSWER_S)
                     if state == "silent" else "%s tries it, and was not heard of since; it takes it back by itself" % node)


def _said(answers, number, limit_s):
    """What the node says next about this change; None: nothing in time."""
    deadline = time.monotonic() + limit_s
    while (left := deadline - time.monotonic()) > 0:
        try:
            _, payload = answers.get(timeout=left)
            said = json.loads(open_envelope(payload).payload)
        except (queue.Empty, Malformed, ValueError, RecursionError):
            continue
        if isinstance(said, dict) and said.get("id") == number:
            return said
    return None
