"""`notify`: a study's notify command, run now."""

from __future__ import annotations

import click

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.client import api_steering


@verb()
@click.argument("study")
def notify(session: Session, study: str) -> None:
    """Run a study's notify command now, to see whether what it says arrives."""
    tried = session.send(api_steering.try_notice(study))
    session.emit(tried, lambda: None if tried.failure else click.echo(f"{study}: sent"))
    if tried.failure:
        raise Failed(f"{study}: the notify command failed: {tried.failure}")
