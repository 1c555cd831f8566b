"""`export`: a study as a table, or as a journal that Optuna loads."""

from __future__ import annotations

from pathlib import Path

import click

from tuned.cli.session import Session, verb
from tuned.cli.whole_file import write_whole
from tuned.client import api_steering
from tuned.core.trials.exporting import FORMATS


@verb()
@click.argument("study")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Where to; without it, to the standard output.")
def export(session: Session, study: str, kind: str, output: str | None) -> None:
    """Write a study's trials: csv, jsonl, or optuna (a journal for optuna.storages.JournalStorage)."""
    if session.json and output is None:
        raise click.UsageError("--json needs a place for the file itself (add -o FILE)")
    text = session.send(api_steering.export(study, kind))
    if output is None:
        click.echo(text, nl=False)
        return
    write_whole(Path(output), text, "-o")
    document = {"study": study, "format": kind, "file": str(Path(output).resolve()), "lines": text.count("\n")}
    session.emit(document, lambda: _tell(study, kind, output))


def _tell(study: str, kind: str, output: str) -> None:
    click.echo(f"{study}: written to {output}")
    if kind == "optuna":
        click.echo("load it with:")
        click.echo(f"  storage = JournalStorage(JournalFileBackend({output!r}))  # from optuna.storages, .journal")
        click.echo(f"  study = optuna.load_study(study_name={study!r}, storage=storage)")
