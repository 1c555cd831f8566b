"""`export`: a study as a table, or as a journal that Optuna loads."""

from __future__ import annotations

from pathlib import Path

import click

from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.cli.whole_file import write_whole
from tuned.client import api, api_steering
from tuned.core import words
from tuned.core.trials.exporting import FORMATS

EXTRAS = ("mlflow", "tensorboard")
"""Formats that another program's own package writes."""


@verb()
@click.argument("study")
@click.option("--format", "kind", type=click.Choice([*FORMATS, *EXTRAS]), default="csv", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Where to; without it, to the standard output.")
def export(session: Session, study: str, kind: str, output: str | None) -> None:
    """Write a study's trials: csv, jsonl, or optuna (a journal for optuna.storages.JournalStorage).

    mlflow adds the ended trials as runs to an SQLite store, tensorboard writes a folder of event files for each; what
    is there already is left alone, so the same line goes on where the last one ended.
    """
    if kind in EXTRAS:
        if output is None:
            raise click.UsageError(f"{kind} needs a place (add -o {_PLACES[kind]})")
        _export_runs(session, study, kind, Path(output))
        return
    if session.json and output is None:
        raise click.UsageError("--json needs a place for the file itself (add -o FILE)")
    text = session.send(api_steering.export(study, kind))
    if output is None:
        click.echo(text, nl=False)
        return
    write_whole(Path(output), text, "-o")
    document = {"study": study, "format": kind, "file": str(Path(output).resolve()), "lines": text.count("\n")}
    session.emit(document, lambda: _tell(study, kind, output))


_PLACES = {"mlflow": "mlflow.db", "tensorboard": "FOLDER"}
_OPEN = {"mlflow": "mlflow server --backend-store-uri sqlite:///{}", "tensorboard": "tensorboard --logdir {}"}


def _export_runs(session: Session, study: str, kind: str, place: Path) -> None:
    from tuned.client.ended_runs import ended_runs

    page = session.send(api.study(study))
    runs = ended_runs(session.client, study)
    try:
        if kind == "mlflow":
            from tuned.client.mlflow_store import write_mlflow

            added, kept = write_mlflow(place, study, page.study.question, runs)
        else:
            from tuned.client.event_files import write_events

            objective = page.study.objective
            added, kept = write_events(place, objective.metric if objective else "", runs)
    except ImportError as error:
        hint = f"pip install 'tuned-hpo[{kind}]'"
        raise Failed(f"--format {kind} needs a package ({hint} into tunectl's own environment): {error}") from None
    document = {"study": study, "format": kind, "place": str(place.resolve()), "added": added, "there_already": kept}

    def tell() -> None:
        there = f", {kept} were there already" if kept else ""
        click.echo(f"{study}: {words.count(added, 'trial')} written to {place}{there}")
        click.echo(f"look at it with: {_OPEN[kind].format(place.resolve())}")

    session.emit(document, tell)


def _tell(study: str, kind: str, output: str) -> None:
    click.echo(f"{study}: written to {output}")
    if kind == "optuna":
        click.echo("load it with:")
        click.echo(f"  storage = JournalStorage(JournalFileBackend({output!r}))  # from optuna.storages, .journal")
        click.echo(f"  study = optuna.load_study(study_name={study!r}, storage=storage)")
