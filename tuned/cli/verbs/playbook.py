"""`confirm`, `ensemble`, `finalize`, `steps`: the verbs from a search to a final model."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tuned.cli import render
from tuned.cli.analysis import format_option, show_analysis
from tuned.cli.exits import TIMED_OUT, Failed
from tuned.cli.periods import LengthOfTime
from tuned.cli.session import Session, verb
from tuned.cli.table import show_table
from tuned.client import api_playbook
from tuned.core import allowed, words
from tuned.core.playbook.spec import PlaybookSpec
from tuned.core.playbook.steps import OVER, StepState
from tuned.core.states import StudyState
from tuned.core.targets import parse_target

if TYPE_CHECKING:
    from tuned.wire import StepRow, Steps

_TOP, _SEEDS, _MOST_SEEDS, _MEMBERS = (
    click.IntRange(*ends) for ends in (allowed.CONFIRMED, allowed.SEEDS, allowed.MOST_SEEDS, allowed.MEMBERS)
)
_PLAYBOOK = PlaybookSpec()
_LOOK_S = 0.5


def wait_option(function: click.decorators.FC) -> click.decorators.FC:
    """`--wait`, and `--timeout`, which waits too."""
    give_up = "Wait this long at most, e.g. 30s or 2h, then give up: exit code 4."
    function = click.option("--timeout", type=LengthOfTime(), metavar="TIME", help=give_up)(function)
    return click.option("--wait", is_flag=True, help="Return when the step is over.")(function)


@verb()
@click.argument("study")
@click.option("--top", type=_TOP, default=_PLAYBOOK.top, show_default=True, help="How many of the best.")
@click.option("--seeds", type=_SEEDS, default=_PLAYBOOK.seeds, show_default=True, help="Runs of each, at first.")
@click.option("--max-seeds", type=_MOST_SEEDS, default=0, help="At most, over all rounds; default: 4 x --seeds.")
@click.option("--against", metavar="TRIAL", help="What they are compared with; default: the study file's first point.")
@click.option("--show", is_flag=True, help="Only show what the runs so far say.")
@wait_option
@format_option
def confirm(
    session: Session,
    study: str,
    top: int,
    seeds: int,
    max_seeds: int,
    against: str | None,
    show: bool,
    wait: bool,
    timeout: float | None,
    style: str | None,
) -> None:
    """Run the best trials again with new seeds, interleaved with a baseline, and say which are better."""
    number = _number(study, against)
    if not show:
        options = {"top": top, "seeds": seeds, "max_seeds": max_seeds, "against": number}
        taken = session.send(api_playbook.take_step(study, "confirm", options))
        if session.dry_run or not (wait or timeout is not None):
            runs = words.count(len(_step(taken).result.get("trials", ())), "run")
            session.emit(
                taken,
                lambda: click.echo(f"{study}: {runs} queued; then: tunectl confirm {study} --show"),
            )
            return
        _wait(session, study, taken.changed, timeout)
    show_analysis(session, "confirm", study, {"against": None if number is None else str(number)}, style=style)


def _number(study: str, against: str | None) -> int | None:
    if against is None:
        return None
    if against.isdigit():
        return int(against)
    target = parse_target(against)
    numbers = {number for ends in target.numbers for number in ends}
    if target.study != study or len(numbers) != 1:
        raise click.UsageError(f"{against!r} names no trial of {study} (write: --against 7)")
    return numbers.pop()


@verb()
@click.argument("study")
@click.option("--top", type=_MEMBERS, default=_PLAYBOOK.members, show_default=True, help="Of how many of the best.")
@click.option("--split", help="Which predictions; default: validation.")
@click.option("--test", help="Predictions of another split to measure on; default: half of the first one, held out.")
@format_option
def ensemble(session: Session, study: str, top: int, split: str | None, test: str | None, style: str | None) -> None:
    """Compare ensembles of the best trials, from the predictions that they saved, with the best single one."""
    show_analysis(session, "ensemble", study, {"top": str(top), "split": split, "test": test}, style=style)


@verb()
@click.argument("study")
@click.option("--against", type=int, metavar="NUMBER", help="The trial that they are compared with; default: the best.")
@click.option("--top", type=click.IntRange(2, 1000), default=10, show_default=True, help="How many of the best.")
@format_option
def folds(session: Session, study: str, against: int | None, top: int, style: str | None) -> None:
    """Compare cross-validated trials on the folds that they share."""
    options = {"against": None if against is None else str(against), "top": str(top)}
    show_analysis(session, "folds", study, options, style=style)


@verb()
@click.argument("study")
@click.option("--again", is_flag=True, help="Measure on the test set once more; each time is counted.")
@wait_option
def finalize(session: Session, study: str, again: bool, wait: bool, timeout: float | None) -> None:
    """Train the best confirmed configuration on all data, look at the test set once, and bundle what reproduces it."""
    taken = session.send(api_playbook.take_step(study, "finalize", {"again": True} if again else {}))
    wait = wait or timeout is not None
    if wait and not session.dry_run:
        taken = _wait(session, study, taken.changed, timeout)
    session.emit(taken, lambda: _tell_final(study, _step(taken), wait))
    if _step(taken).state == StepState.FAILED:
        raise Failed(f"{study}: {_step(taken).why}")


def _tell_final(study: str, step: StepRow, waited: bool) -> None:
    result = step.result
    click.echo(f"{study}: the final model is trial {result['trial']}, the point of trial {result['configuration']}")
    click.echo(f"  chosen: {result['why']}")
    click.echo(f"  length: {result['length']}")
    if "metric" in result:
        click.echo(f"  {result['metric']}: {words.number(result['value'])} ({words.count(result['looks'], 'look')})")
        if unplanned := result.get("unplanned"):
            click.echo(f"  looks:  {unplanned}: the figure is no test of unseen data")
    if "bundle" in result:
        click.echo(f"  bundle: {result['bundle']}")
        click.echo(f"  again with:  {result['reproduce']}")
    elif not waited:
        click.echo(f"  then: tunectl steps {study}")


@verb()
@click.argument("study")
@click.argument("action", required=False, type=click.Choice(["pause", "resume", "skip"]))
@click.argument("step", required=False)
def steps(session: Session, study: str, action: str | None, step: str | None) -> None:
    """Show the steps of a study's playbook, or pause, resume or skip one."""
    if action is not None and step is None:
        raise click.UsageError(f"{action} what? (write: tunectl steps {study} {action} confirm)")
    call = api_playbook.steps(study) if action is None else api_playbook.steer_step(study, step or "", action)
    found = session.send(call)
    session.emit(found, lambda: _show_steps(found))


def _show_steps(found: Steps) -> None:
    if not found.steps:
        click.echo(f"{found.study} has no steps; add [playbook], or: tunectl confirm {found.study}")
        return
    rows = [
        [
            s.id,
            s.state,
            "-" if s.began_at is None else render.moment(s.began_at),
            render.span(s.began_at, s.ended_at),
            s.why,
        ]
        for s in found.steps
    ]
    show_table(["step", "state", "began", "duration", "reason"], rows)


def _step(found: Steps) -> StepRow:
    return next(step for step in found.steps if step.id == found.changed)


def _wait(session: Session, study: str, key: str, timeout: float | None) -> Steps:
    """The steps once that one is over.

    Raises:
        Failed: It is not, in time, or the study is paused.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        found = session.send(api_playbook.steps(study))
        step = next(s for s in found.steps if s.id == key)
        if step.state in OVER:
            return replace(found, changed=key)
        if found.state == StudyState.PAUSED:
            raise Failed(f"{study} is paused: see tunectl show {study}")
        if end is not None and time.monotonic() > end:
            raise Failed(f"{study}: {key} is {step.state} after {words.duration(timeout)}", TIMED_OUT)
        time.sleep(_LOOK_S)
