"""`holdfast monitor`: the collector beside the broker – database, metrics, alarms, page – and its helpers."""

import sys
from typing import Annotated, Optional

import typer

from .common import JSON_HELP, err, out, table, told, write_json

group = typer.Typer(invoke_without_command=True, no_args_is_help=False)
Text, Whole, Switch = Optional[str], Optional[int], Optional[bool]


def register(app):
    app.add_typer(group, name="monitor", help="Collect what the nodes send, keep it once, ask for what is missing, and tell who falls silent.",
                  epilog="Example: [bold]holdfast monitor --broker 192.168.1.10 --database holdfast.db[/], then open http://127.0.0.1:8088/")


@group.callback()
@told
def monitor(context: typer.Context,
            config: Annotated[Text, typer.Option(help="TOML file with any of these settings, and more (docs/monitor.md).")] = None,
            broker: Annotated[Text, typer.Option(help="host:port of the broker.", show_default="127.0.0.1:1883")] = None,
            user: Annotated[Text, typer.Option(help="Name at the broker.")] = None,
            password_file: Annotated[Text, typer.Option(help="File with the password (or HOLDFAST_MQTT_PASSWORD).")] = None,
            tls: Annotated[Switch, typer.Option("--tls/--no-tls", help="Encrypted, the broker's certificate checked.", show_default="no-tls")] = None,
            ca: Annotated[Text, typer.Option(help="The CA's certificate, where the system does not know it.")] = None,
            base: Annotated[Text, typer.Option(help="First level of the nodes' topics.", show_default="holdfast")] = None,
            database: Annotated[Text, typer.Option(help="SQLite file, or postgresql://user@host/name.", show_default="holdfast.db")] = None,
            name: Annotated[Text, typer.Option(help="Of this monitor, at the broker.", show_default="made of host and database")] = None,
            shared: Annotated[Text, typer.Option(help="Group of monitors that share the load (PostgreSQL).")] = None,
            listen: Annotated[Text, typer.Option(help="host:port of page and metrics; '' for none.", show_default="127.0.0.1:8088")] = None,
            token_file: Annotated[Text, typer.Option(help="File with the token for everything but reading on this machine.")] = None,
            webhook: Annotated[Optional[list[str]], typer.Option(help="POST alarms to this address (signed with HOLDFAST_HOOK_SECRET).")] = None,
            alarm_command: Annotated[Text, typer.Option(help="Run this program for every alarm.")] = None,
            alarm_ms: Annotated[Whole, typer.Option(help="A node is offline at the latest so long after its last sign of life.", show_default="5000")] = None,
            keep_days: Annotated[Optional[float], typer.Option(help="Delete messages older than this.", show_default="never")] = None,
            keep_mb: Annotated[Whole, typer.Option(help="Delete the oldest messages when the database is larger.", show_default="no limit")] = None,
            plain: Annotated[bool, typer.Option("--plain", help="Log lines for people instead of JSON (as at a terminal).")] = False,
            log_level: Annotated[Text, typer.Option(help="debug, info, warning or error.", show_default="info")] = None):
    if context.invoked_subcommand:
        return
    from ..monitor.logs import Log
    from ..monitor.service import Monitor
    from ..monitor.settings import load
    given = dict(broker=broker, user=user, password_file=password_file, tls=tls, ca=ca, base=base, database=database, name=name, shared=shared,
                 listen=listen, token_file=token_file, alarm_ms=alarm_ms, keep_days=keep_days, keep_mb=keep_mb, log_level=log_level)
    settings = load(config, **given)
    settings.hooks = [*settings.hooks, *({"url": url} for url in webhook or ()), *([{"command": alarm_command}] if alarm_command else [])]
    people = plain or sys.stderr.isatty()
    made = Monitor(settings, Log(plain=people, level=settings.log_level))
    made.start()
    if people:
        where = made.web.url if made.web else None
        err.print("collecting from [bold]%s[/] into [bold]%s[/]%s; Ctrl-C ends it" % (
            settings.broker, made.store.where, "; page at [bold]%s[/], token in %s" % (where, made.web.token_place) if where else ""), soft_wrap=True)
    try:
        made.run()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@group.command(epilog="Example: [bold]holdfast monitor load --nodes 10000 --rate 5000[/]")
@told
def load(nodes: Annotated[int, typer.Option(min=1, max=50_000, help="Simulated nodes, each with a connection of its own.")] = 10_000,
         rate: Annotated[int, typer.Option(min=1, max=100_000, help="Messages a second, of all together.")] = 5_000,
         seconds: Annotated[int, typer.Option(min=1, max=86_400)] = 30,
         broker: Annotated[Text, typer.Option(help="host:port of a broker that is there: only make the load.", show_default="one of its own, with a monitor")] = None,
         base: Annotated[str, typer.Option(help="First level of the topics.")] = "holdfast",
         json_file: Annotated[Text, typer.Option("--json", help=JSON_HELP)] = None):
    """Try the monitor under load on this machine, and count what it kept; status 1 when a message is missing."""
    from ..monitor import trial
    from ..monitor.load import Load
    from ..monitor.settings import address

    def tell(text):
        err.print("[dim]%s[/]" % text)
    if broker:
        import asyncio
        made = Load(address("broker", broker, 1883), nodes, rate, seconds, base, tell=tell)

        async def go():
            await made.run()
            await made.close()
        try:
            asyncio.run(go())
        except OSError as e:
            from ..errors import BenchError
            raise BenchError("load: %s" % (e.strerror or e)) from None
        figures = {"nodes": nodes, "sent": made.sent, "acknowledged": made.acked, "rate_per_s": round(made.acked / made.took_s), "held_back": made.held_back}
    else:
        figures = trial.run(nodes, rate, seconds, tell)
    shown = table("what", "value")
    for name, value in figures.items():
        shown.add_row(name, str(value))
    out.print(shown)
    write_json(figures, json_file)
    if figures.get("nodes_incomplete"):
        raise typer.Exit(1)


@group.command(epilog="Example: [bold]holdfast monitor export temperatures.csv --topic 'sensor/#' --since 2026-11-01[/]")
@told
def export(file: Annotated[str, typer.Argument(help="What to write: .csv or .parquet.")],
           database: Annotated[str, typer.Option(help="SQLite file, or postgresql://user@host/name.")] = "holdfast.db",
           device: Annotated[Text, typer.Option(help="Of this node only.")] = None,
           topic: Annotated[Text, typer.Option(help="Below the node's prefix; + and # as in MQTT.")] = None,
           since: Annotated[Text, typer.Option(help="Received from then on: 2026-11-21 or 2026-11-21T10:00+01:00 (UTC without a zone).")] = None,
           until: Annotated[Text, typer.Option(help="and before this.")] = None):
    """Write stored messages to a file; the monitor may go on meanwhile."""
    from ..monitor import export as exporting
    times = [exporting.moment(text, name) if text else None for text, name in ((since, "since"), (until, "until"))]
    with err.status("exporting") as status:
        n = exporting.export(database, file, device, topic, *times, tell=lambda n: status.update("exporting: %d messages" % n))
    err.print("%d messages in %s" % (n, file))
