"""Options of every command that speaks to nodes over their broker, and the session that they come to."""

from typing import Annotated, Optional

import typer

from ..monitor.settings import address, load, secret

PORT = 1883
Broker = Annotated[str, typer.Option("--broker", help="host:port of the broker.")]
User = Annotated[Optional[str], typer.Option("--user", help="Name at the broker.")]
PasswordFile = Annotated[Optional[str], typer.Option("--password-file", help="File with the password (or HOLDFAST_MQTT_PASSWORD).")]
Tls = Annotated[bool, typer.Option("--tls", help="Encrypted, the broker's certificate checked.")]
Ca = Annotated[Optional[str], typer.Option("--ca", help="The CA's certificate, where the system does not know it.")]
Base = Annotated[str, typer.Option("--base", help="First level of the nodes' topics.")]


def login(broker, user, password_file, tls, ca):
    """(address, {user, password, tls}) as update.server takes them. Raises BenchError that names the option."""
    context = load(tls=True, ca=ca).tls_context() if tls else None
    return address("broker", broker, PORT), {"user": user, "password": secret(password_file, "HOLDFAST_MQTT_PASSWORD", "password_file"), "tls": context}
