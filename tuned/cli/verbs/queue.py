"""`queue -- CMD...`: one plain command, queued with everything else; without a command, the queue itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from tuned.cli.session import Session, verb
from tuned.cli.verbs.trials import trials_table
from tuned.client import api
from tuned.client.study_source import captured_environment
from tuned.client.waiting import held_back
from tuned.core import words
from tuned.core.states import TrialState
from tuned.wire import CommandSubmission, Submitted, TrialRow

STUDY_PAUSED = "its study is paused"


@verb(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--name", help="Name of the study that is made for it.")
@click.option("--priority", type=int, default=0, help="Higher runs first.")
@click.option("--gpus", type=click.FloatRange(min=0), help="GPUs that it needs; without it, one where there is one.")
@click.argument("command", nargs=-1, metavar="-- CMD...")
def queue(session: Session, name: str | None, priority: int, gpus: float | None, command: Sequence[str]) -> None:
    """Queue one plain command; without one, show what runs and what waits, in running order."""
    if not command:
        rows = [*session.send(api.queue()), *_held_back(session)]
        session.emit(rows, lambda: _show(rows))
        return
    submission = CommandSubmission(
        command=list(command),
        cwd=str(Path.cwd()),
        environment=captured_environment(),
        name=name,
        priority=priority,
        gpus=gpus,
    )
    submitted = session.send(api.submit_command(submission))
    session.emit(submitted, lambda: _tell(submitted))


def _held_back(session: Session) -> list[TrialRow]:
    """The queued trials of paused studies, which wait until these are resumed."""
    paused = [row.name for row in session.send(api.studies()) if held_back(row)]
    rows = [row for name in paused for row in session.send(api.trials(name, state=[TrialState.QUEUED]))]
    return [replace(row, waits_for=row.waits_for or STUDY_PAUSED) for row in rows]


def _show(rows: Sequence[TrialRow]) -> None:
    if rows:
        trials_table(rows, with_study=True)
        starts = [row.starts_in_s for row in rows if row.starts_in_s is not None]
        if starts:
            last = f", the last one {_within(starts[-1])}" if len(starts) > 1 else ""
            click.echo(f"the next one starts {_within(starts[0])}{last}")
    else:
        click.echo("nothing runs and nothing waits")


def _within(seconds: float) -> str:
    """When a trial starts: an estimate that has run out, since a trial takes longer than those before, is no length."""
    return "soon" if seconds < 1 else f"in about {words.duration(seconds)}"


def _tell(submitted: Submitted) -> None:
    trial = f"{submitted.study}/{submitted.trial or 1}"
    if submitted.created:
        click.echo(f"{trial} queued (tunectl logs -f {submitted.study})")
    else:
        click.echo(f"{trial} is there already, with this very command; {submitted.study} is {submitted.state}")
    for note in submitted.notes:
        click.echo(f"  {note}")
