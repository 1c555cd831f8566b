"""`export`: a study as a table, or as a journal that Optuna loads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from tuned.cli.session import Session, verb
from tuned.client import api_steering
from tuned.core.errors import InvalidInput
from tuned.core.exporting import FORMATS


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
    _write(Path(output), text)
    document = {"study": study, "format": kind, "file": str(Path(output).resolve()), "lines": text.count("\n")}
    session.emit(document, lambda: _tell(study, kind, output))


def _write(path: Path, text: str) -> None:
    """All of it, or nothing: a file that is there already is kept until the new one is whole."""
    if path.is_dir():
        raise InvalidInput("is a folder", where=str(path), hint="name a file")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.absolute().parent, delete=False) as file:
        file.write(text)
    umask = os.umask(0)
    os.umask(umask)
    Path(file.name).chmod(0o666 & ~umask)
    Path(file.name).replace(path)


def _tell(study: str, kind: str, output: str) -> None:
    click.echo(f"{study}: written to {output}")
    if kind == "optuna":
        click.echo("load it with:")
        click.echo(f"  storage = JournalStorage(JournalFileBackend({output!r}))  # from optuna.storages, .journal")
        click.echo(f"  study = optuna.load_study(study_name={study!r}, storage=storage)")
