"""`ui` and `top`: the terminal UI, imported only now."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tuned.cli.exits import Failed
from tuned.cli.hosts import host_option
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.core.errors import Unavailable

if TYPE_CHECKING:
    from tui.machine import Endpoint
    from tuned.cli.remote import Tunnel

HERE = "."
"""This machine, in a list of several."""


@verb()
@click.argument("study", required=False)
@host_option("several make one list of machines, in which . is this one")
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII alone.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.option("--read-only", is_flag=True, help="Change nothing, whatever is typed.")
@click.option("--require-tty", is_flag=True, help="Without a terminal, fail instead of printing one picture.")
def ui(
    session: Session,
    study: str | None,
    hosts: Sequence[str],
    plain: bool,
    no_mouse: bool,
    read_only: bool,
    require_tty: bool,
) -> None:
    """Open the terminal UI; without a terminal, print one picture of it."""
    context = click.get_current_context()
    named = tuple(dict.fromkeys([*(context.find_root().params.get("hosts") or ()), *hosts]))
    session.host = named[0] if len(named) == 1 and named != (HERE,) else None
    session.start = session.host is None and not context.params.get("no_start")
    endpoints = _endpoints(session, named) if len(named) > 1 else []
    if endpoints and study is not None:
        raise click.UsageError("a study is of one machine (name one -H, or choose it in the list)")
    if not endpoints:
        _begin_here(session)
        if study is not None:
            session.send(api.study(study))  # refused here when there is none
    if session.json:
        sockets = [{"machine": e.name, "socket": str(e.socket), "problem": e.problem()} for e in endpoints]
        session.emit({"machines": sockets} if endpoints else {"socket": str(session.home.socket)}, lambda: None)
        return
    from tui.cli import run

    code = run(
        session.home,
        read_only=read_only,
        ascii=plain,
        mouse=not no_mouse,
        study=study,
        host=session.host,
        require_tty=require_tty,
        endpoints=endpoints,
    )
    if code:
        raise Failed("", code)


def _begin_here(session: Session) -> None:
    if session.start and sys.stderr.isatty() and not _answers(session):
        click.echo("tunectl ui: starting the daemon", err=True)
    session.ensure_daemon()


def _endpoints(session: Session, hosts: Sequence[str]) -> list[Endpoint]:
    """The machines of a list, each with a line of its own; one that is away now is waited for."""
    from tui.machine import Endpoint
    from tuned.cli.remote import Tunnel, parse_address

    tunnels = {host: Tunnel(parse_address(host)) for host in hosts if host != HERE}
    for tunnel in tunnels.values():
        click.get_current_context().call_on_close(tunnel.close)
    if HERE in hosts:
        _begin_here(session)
    for host, tunnel in tunnels.items():
        if sys.stderr.isatty():
            click.echo(f"tunectl ui: {host}", err=True)
        tunnel.open_when_it_can()
    here = Endpoint(HERE, None, session.home.socket, str)
    return [here if host == HERE else _far(host, tunnels[host]) for host in hosts]


def _far(host: str, tunnel: Tunnel) -> Endpoint:
    from tui.machine import Endpoint

    return Endpoint(host.removeprefix("ssh://").rstrip("/"), host, tunnel.socket, lambda: tunnel.problem)


def _answers(session: Session) -> bool:
    try:
        session.client.send(api.status())
    except Unavailable:
        return False
    return True


top = ui
