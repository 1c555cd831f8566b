"""`ui` and `top`: the terminal UI, imported only now."""

from __future__ import annotations

import sys

import click

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.core.errors import Unavailable


@verb()
@click.argument("study", required=False)
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII alone.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.option("--read-only", is_flag=True, help="Change nothing, whatever is typed.")
@click.option("--require-tty", is_flag=True, help="Without a terminal, fail instead of printing one picture.")
def ui(session: Session, study: str | None, plain: bool, no_mouse: bool, read_only: bool, require_tty: bool) -> None:
    """Open the terminal UI; without a terminal, print one picture of it."""
    if session.start and sys.stderr.isatty() and not _answers(session):
        click.echo("tunectl ui: starting the daemon", err=True)
    session.ensure_daemon()
    if study is not None:
        session.send(api.study(study))  # refused here when there is none
    if session.json:
        session.emit({"socket": str(session.home.socket)}, lambda: None)
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
    )
    if code:
        raise Failed("", code)


def _answers(session: Session) -> bool:
    try:
        session.client.send(api.status())
    except Unavailable:
        return False
    return True


top = ui
