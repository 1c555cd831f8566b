"""`submit`: a study file to the daemon, and what it made of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import zip_longest
from typing import Any

import click

from tuned.cli import render
from tuned.cli.lines import show_fact
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.client.study_source import override, read_submission, toml_value
from tuned.core import words
from tuned.core.errors import Conflict
from tuned.core.states import STUDY_ENDED
from tuned.core.text import one_line
from tuned.wire import Submission, Submitted

PLAN = 7
"""Columns of the names in front of the lines of a plan."""


@verb()
@click.argument("file", metavar="FILE")
@click.option("--name", help="Name of the study, over the file's own.")
@click.option("--as", "as_name", metavar="NAME", help="The same as --name; the old study is kept.")
@click.option("--priority", type=int, help="Higher runs first.")
@click.option("--urgent", is_flag=True, help="Trials of lower priority make room: they save, stop and go on later.")
@click.option("--trials", type=click.IntRange(min=1), help="How many trials.")
@click.option("--parallel", type=click.IntRange(min=1), help="How many at once.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key, e.g. space.lr.high=0.1.")
@click.option("--update", is_flag=True, help="Have the study of this name take over what can change while it runs.")
@click.option(
    "--replace",
    "instead",
    is_flag=True,
    help="Cancel the study of this name, keep it under another one, and submit this file in its place.",
)
@click.option("--wait", "wait_for_it", is_flag=True, help="Return when the study has ended.")
@click.option("--follow", is_flag=True, help="Show its progress until it has ended.")
def submit(
    session: Session,
    file: str,
    name: str | None,
    as_name: str | None,
    priority: int | None,
    urgent: bool,
    trials: int | None,
    parallel: int | None,
    settings: Sequence[str],
    update: bool,
    instead: bool,
    wait_for_it: bool,
    follow: bool,
) -> None:
    """Submit a study file: .toml, or .py that defines a tuned.Study."""
    if name is not None and as_name is not None and name != as_name:
        raise click.UsageError("--name and --as say two names (leave one out)")
    if update and instead:
        raise click.UsageError("--update changes the study of this name, --replace begins another (leave one out)")
    flags = {"priority": priority, "urgent": urgent or None, "search.trials": trials, "search.parallel": parallel}
    overrides = [(key, value) for key, value in flags.items() if value is not None]
    overrides += [_setting(text) for text in settings]
    submission = replace(
        _overridden(read_submission(file, name=as_name or name), overrides), update=update, replace=instead
    )
    if instead and not session.dry_run:
        _end_what_runs(session, submission)
    submitted = session.send(api.submit(submission))
    if session.dry_run or not (follow or wait_for_it):
        session.emit(submitted, lambda: tell_submitted(submitted, watch=not session.dry_run))
        return
    if not session.json:
        tell_submitted(submitted, watch=False)
    from tuned.cli.verbs.wait import await_study

    await_study(session, submitted.study, None, show=follow, document=asdict(submitted))


def _end_what_runs(session: Session, submission: Submission) -> None:
    """Cancel the study that is to make room, and wait for its trials' ends.

    The new file is tried first, so that nothing ends for one that would be refused.
    """
    plan = session.send(api.check(submission))
    if not plan.replaced or session.send(api.study(plan.study)).study.state in STUDY_ENDED:
        return
    from tuned.client.waiting import wait_for_study

    if not session.json:
        click.echo(f"cancelling {plan.study}, and waiting for its trials to end")
    try:
        session.send(api.act("cancel", [plan.study]))
    except Conflict:
        if session.send(api.study(plan.study)).study.state not in STUDY_ENDED:
            raise  # it has not ended by itself meanwhile
    wait_for_study(session.client, plan.study, None)


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--set {text}: no KEY=VALUE (e.g. --set search.trials=80)")
    return key.strip(), toml_value(value.strip())


def _overridden(submission: Submission, overrides: Sequence[tuple[str, Any]]) -> Submission:
    study = dict(submission.study)
    for key, value in overrides:
        override(study, key, value)
    return replace(submission, study=study)


def tell_submitted(submitted: Submitted, watch: bool = True, file: str = "") -> None:
    """Print what became of a submission.

    Args:
        submitted: The daemon's answer.
        watch: Whether to say how to look at it.
        file: A study file that was written for it; empty for none.
    """
    if file:
        click.echo(f"wrote {file}")
    if submitted.changed:
        for line in submitted.changed:
            click.echo(f"{submitted.study}: {line}")
        return
    if not submitted.created:
        click.echo(f"{submitted.study} was submitted already, with this content: {submitted.state}")
        if submitted.state in STUDY_ENDED:
            click.echo("  to run it anew under another name: tunectl submit FILE --as NAME")
        for note in submitted.notes:
            if note.startswith("changed since"):
                click.echo(f"  note     {note}")
        return
    if submitted.replaced:
        click.echo(f"the study that was called {submitted.study} is kept as {submitted.replaced}")
    tell_plan(submitted)
    if watch:
        click.echo(f"watch it with: tunectl wait {submitted.study}, or: tunectl ui")


def tell_plan(plan: Submitted) -> None:
    """Print what will run: how much, where, under which Python, and what the first trials are given."""
    count = "no limit of trials" if plan.trials is None else words.count(plan.trials, "trial")
    at_once = f"{plan.slots} at once" if plan.slots != 1 else "one at a time"
    devices = f" on {', '.join(dict.fromkeys(plan.devices))}" if plan.devices else ""
    cores = f", {words.count(plan.cores, 'core')}{' each' if plan.slots != 1 else ''}" if plan.cores else ""
    click.echo(f"{plan.study}: {count}, {at_once}{devices}{cores}")
    if plan.python:
        show_fact("python", f"{plan.python} ({plan.python_why})", PLAN)
    if plan.code:
        show_fact("code", plan.code, PLAN)
    for index, (arguments, point) in enumerate(zip_longest(plan.arguments, plan.points), start=1):
        told = [shlex.join(arguments or [])] + ([f"with {render.point(point)}"] if point else [])
        if any(told):
            show_fact(f"trial {index}", one_line(" ".join(filter(None, told)), 160), PLAN)
    if plan.estimate_why:
        known = plan.estimate_s is not None
        time = f"about {words.duration(plan.estimate_s)} ({plan.estimate_why})" if known else "unknown"
        show_fact("time", time if known else f"{time}: {plan.estimate_why}", PLAN)
    for note in plan.notes:
        show_fact("note", note, PLAN)
