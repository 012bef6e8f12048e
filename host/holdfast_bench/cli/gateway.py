"""`holdfast gateway`: nodes that speak frames over TCP or UDP, joined to an MQTT broker, until Ctrl-C."""

import asyncio
import ssl
import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..errors import BenchError
from .common import out, told

PORT = 7180


def register(app):
    app.command("gateway", epilog="Example: [bold]holdfast gateway --broker localhost[/]; the node's config.json then has "
                '[bold]{"host": "…", "port": 7180, "protocol": "frames"}[/] among its brokers')(gateway)


@told
def gateway(
    broker: Annotated[str, typer.Option(help="HOST or HOST:PORT of the MQTT broker.")] = "localhost",
    tcp: Annotated[Optional[int], typer.Option(help="TCP port for nodes; 0: none.", min=0, max=65535)] = PORT,
    udp: Annotated[Optional[int], typer.Option(help="UDP port for nodes; 0: none.", min=0, max=65535)] = PORT,
    listen: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",
    cert: Annotated[Optional[Path], typer.Option(help="Certificate (PEM): TCP is TLS then.", exists=True, dir_okay=False)] = None,
    key: Annotated[Optional[Path], typer.Option(help="Its key (PEM); without: in the same file.", exists=True, dir_okay=False)] = None,
    user: Annotated[Optional[str], typer.Option(help="Broker login for nodes that name none.")] = None,
    password: Annotated[Optional[str], typer.Option(envvar="HOLDFAST_BROKER_PASSWORD", help="Its password.")] = None,
):
    """Join nodes that speak frames (docs/frames.md) over TCP or UDP to an MQTT broker, until Ctrl-C."""
    from ..gateway import Gateway

    host, _, port = broker.partition(":")
    if not host or port and not port.isdigit():
        raise BenchError("--broker %s: it has to be HOST or HOST:PORT" % broker)
    if not tcp and not udp:
        raise BenchError("neither --tcp nor --udp: there is nothing to listen on")

    tls = None
    if cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            tls.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as e:
            raise BenchError("--cert %s: %s" % (cert, e)) from None

    async def serve():
        made = Gateway((host, int(port or 1883)), user, password, lambda text: out.print("%s  %s" % (time.strftime("%H:%M:%S"), text), markup=False))
        await made.start((listen, tcp) if tcp else None, (listen, udp) if udp else None, tls)
        out.print("frames over %s, broker %s:%s; Ctrl-C ends it" % (
            " and ".join("%s port %d" % (name, number) for name, number in (("TLS" if tls else "TCP", tcp), ("UDP", udp)) if number), host, port or 1883))
        try:
            await asyncio.Event().wait()
        finally:
            await made.stop()
            out.print("%d nodes served, %d messages up, %d down, %d repetitions kept from the broker"
                      % (made.accepted, made.published, made.delivered, made.repeated))

    asyncio.run(serve())
