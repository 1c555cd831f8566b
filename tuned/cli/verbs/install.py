"""`daemon install`: the systemd user unit."""

from __future__ import annotations

import os

import click

from tuned.cli.session import Session, verb
from tuned.core.allowed import AT_ONCE


@verb()
@click.option("--slots", type=click.IntRange(*AT_ONCE), help="Trials at once; without it, as the machine has it.")
def install(session: Session, slots: int | None) -> None:
    """Write the systemd user unit, so that the daemon starts at boot and after a crash."""
    from tuned.client.unit import UNIT, install_unit

    path, notes = install_unit(session.home, os.environ, slots)
    document = {"file": str(path), "unit": UNIT, "notes": notes}

    def text() -> None:
        click.echo(f"wrote {path}; start it with: systemctl --user start {UNIT}")
        for note in notes:
            click.echo(f"note: {note}")

    session.emit(document, text)
