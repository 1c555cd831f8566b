"""`set`: change a study while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tuned.cli.session import Session, verb
from tuned.client import api_steering

if TYPE_CHECKING:
    from tuned.wire import SettingsChanged


@verb("set", context_settings={"ignore_unknown_options": True})
@click.argument("study")
@click.argument("values", nargs=-1, required=True, metavar="KEY=VALUE...")
def set_(session: Session, study: str, values: Sequence[str]) -> None:
    """Change a submitted study: search.trials=+40, search.parallel=1, early_stopping.patience=5, priority=10 ...

    +N and -N add; KEY=none removes a value. More trials let a study that has ended go on.
    """
    changes: dict[str, str] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"{text}: no KEY=VALUE (e.g. search.trials=+40)")
        if key.strip() in changes:
            raise click.UsageError(f"{key.strip()} is given twice")
        changes[key.strip()] = value.strip()
    changed = session.send(api_steering.set_(study, changes))
    session.emit(changed, lambda: _tell(changed))


def _tell(changed: SettingsChanged) -> None:
    for line in changed.changed:
        click.echo(line)
    if not changed.changed:
        click.echo(f"{changed.study}: nothing to change, it is so already")
    if changed.reopened:
        click.echo(f"{changed.study} goes on")
    if changed.cancelled:
        numbers = ", ".join(str(number) for number in changed.cancelled)
        click.echo(f"withdrawn, because there is no place for them any more: {numbers}")
    for note in changed.notes:
        click.echo(f"note: {note}")
