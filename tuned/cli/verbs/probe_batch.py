"""`probe-batch`: which batch sizes fit, and which are fastest: short runs on a ladder of powers of two."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuned.analyses.naming import is_batch_size
from tuned.cli import render
from tuned.cli.analysis import format_option, show_analysis
from tuned.cli.exits import Failed
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.client.study_source import read_submission
from tuned.client.waiting import all_trials, wait_for_study
from tuned.core.errors import Conflict, InvalidInput, NotFound
from tuned.core.study_file.probe import ladder, probe_study

if TYPE_CHECKING:
    from tuned.wire import StudyRow, Submission

STOPS = ("oom", "error", "killed", "nan")
"""Failures after which larger batches are not tried; a rung that ran out of time has been measured."""


@verb("probe-batch")
@click.argument("target", metavar="FILE|STUDY")
@click.option("--param", help="The batch size's name; default: the parameter that is named like one.")
@click.option("--low", type=click.IntRange(1), default=8, show_default=True, help="The smallest.")
@click.option("--high", type=click.IntRange(1), default=1024, show_default=True, help="The largest.")
@click.option("--seconds", type=click.FloatRange(1), default=60.0, show_default=True, help="The longest for each.")
@click.option("--steps", type=click.Choice(["updates", "epochs"]), help="What a reported step is; default: guessed.")
@click.option("--name", help="Name of the study that measures; default: NAME-probe-PARAM.")
@format_option
def probe_batch(
    session: Session,
    target: str,
    param: str | None,
    low: int,
    high: int,
    seconds: float,
    steps: str | None,
    name: str | None,
    style: str | None,
) -> None:
    """Run a study's code at growing batch sizes, one after the other, and show memory, throughput and the knee.

    The other parameters are at the study's best point so far, else in the middle. It stops where memory ends.
    """
    submission = _source(session, target)
    base = submission.study.get("name") or submission.stem or "study"
    chosen = param or _batch_parameter(submission)
    known = _best_point(session, base)
    probing = name or f"{base}-probe-{chosen}"
    data = probe_study(submission.study, probing, chosen, ladder(low, high), seconds, known)
    submission.study.clear()
    submission.study.update(data)
    submitted = session.send(api.submit(submission))
    if not session.json and style is None:
        click.echo(f"{submitted.study}: {chosen} = {', '.join(map(str, ladder(low, high)))}, one at a time")
    _climb(session, submitted.study, None if session.json or style else chosen)
    show_analysis(session, "probe", submitted.study, {"param": chosen, "steps": steps}, style=style)


def _source(session: Session, target: str) -> Submission:
    if Path(target).is_file():
        return read_submission(target)
    try:
        file = session.send(api.study(target)).spec.get("file")
    except NotFound as error:
        hint = "name a study file, or a study that was submitted from one"
        raise InvalidInput("is neither a file nor a study", where=target, hint=hint) from error
    if not file or not Path(file).is_file():
        raise InvalidInput(
            "its study file is not there any more", where=target, hint="name the file: tunectl probe-batch FILE"
        )
    return read_submission(file)


def _batch_parameter(submission: Submission) -> str:
    names = [name for name in submission.study.get("space", {}) if is_batch_size(name)]
    if len(names) != 1:
        said = " and ".join(names) if names else "no parameter"
        raise InvalidInput(f"{said} is named like a batch size", where="space", hint="say which: --param NAME")
    return str(names[0])


def _best_point(session: Session, study: str) -> dict[str, Any]:
    try:
        best = session.send(api.study(study)).study.best
    except NotFound:
        return {}
    return dict(best.params) if best is not None else {}


def _climb(session: Session, study: str, told: str | None) -> None:
    """Wait for the ladder's end; take away what is left of it once a rung has failed.

    Each rung is told as it ends, by the parameter's name in `told`; None: quietly.
    """
    client = session.client
    known: set[int] = set()
    over = False

    def seen(row: StudyRow) -> None:
        nonlocal over
        trials = [t for t in all_trials(client, study) if t.ended_at is not None and t.started_at is not None]
        for trial in trials:
            if told and trial.number not in known:
                reason = f": {trial.reason}" if trial.reason else ""
                click.echo(
                    f"  {told} = {trial.params.get(told)}  {render.state(trial.state)}  {render.ran(trial)}{reason}"
                )
            known.add(trial.number)
        if not over and row.ended_at is None and any(t.failure in STOPS for t in trials):
            over = True
            with contextlib.suppress(Conflict):  # that was the last one
                client.send(api.act("cancel", [study]))

    try:
        wait_for_study(client, study, None, seen)
    except Conflict as error:
        raise Failed(str(error)) from error
