"""`web`: a read-only page on the loopback interface, until it is stopped."""

from __future__ import annotations

import contextlib
import secrets
import sys

import click

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb


@verb()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; without it, any free one.")
def web(session: Session, port: int) -> None:
    """Show studies and trials in a browser on this machine, reading only; Ctrl-C ends it."""
    session.ensure_daemon()
    from tuned.web.server import WebServer

    try:
        server = WebServer(session.home.socket, port, secrets.token_urlsafe(32))
    except OSError as error:
        raise Failed(f"tunectl: 127.0.0.1:{port}: {error.strerror} (choose another --port)") from None
    if session.json:
        session.emit({"url": server.url}, lambda: None)
    else:
        click.echo(f"{server.url}\nreading only; whoever has this address can read; Ctrl-C ends it")
        click.echo(f"from elsewhere: ssh -L {server.server_address[1]}:127.0.0.1:{server.server_address[1]} HOST")
    sys.stdout.flush()
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
