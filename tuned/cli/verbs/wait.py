"""`wait`: until a study or some of its trials have ended, and what came of it as an exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

import click

from tuned.cli import render
from tuned.cli.exits import TIMED_OUT, Failed
from tuned.cli.periods import LengthOfTime
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.client.waiting import wait_for_study, wait_for_trials
from tuned.core.errors import Conflict
from tuned.core.states import STUDY_ENDED, VALUED, WASTED, StudyState
from tuned.core.targets import Target, parse_target
from tuned.wire import StudyRow, TrialRow


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one target: as a document, in words, and as a failure when it is one."""

    document: dict[str, Any]
    tell: Callable[[], None]
    failure: Failed | None


@verb()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--timeout", type=LengthOfTime(), metavar="TIME", help="Give up after so long, e.g. 30s or 2h: exit code 4."
)
def wait(session: Session, targets: Sequence[str], timeout: float | None) -> None:
    """Wait until studies or trials have ended, all of them.

    Exit code 0: completed. 1: stopped, failed, or paused by the daemon because it cannot go on. With --json and several
    targets: a list with a document each.
    """
    deadline = None if timeout is None else monotonic() + timeout
    parsed = [parse_target(text) for text in targets]
    for target in parsed if len(parsed) > 1 else []:
        session.send(api.study(target.study))  # a name that is wrong is said now, and not after the others
    outcomes = []
    for target, text in zip(parsed, targets, strict=True):
        if target.is_study:
            outcome = _study_ended(session, target.study, deadline, show=True, document={"study": target.study})
        else:
            outcome = _trials_ended(session, target, text, deadline)
        outcomes.append(outcome)
        if not session.json:
            outcome.tell()
    documents = [outcome.document for outcome in outcomes]
    session.emit(documents if len(documents) > 1 else documents[0], lambda: None)
    _raise_all([outcome.failure for outcome in outcomes if outcome.failure is not None])


def _raise_all(failures: Sequence[Failed]) -> None:
    if len(failures) > 1:
        late = any(failure.code == TIMED_OUT for failure in failures)
        raise Failed("; ".join(failure.line for failure in failures), TIMED_OUT if late else failures[0].code)
    raise_for(failures[0] if failures else None)


def await_study(session: Session, study: str, deadline: float | None, *, show: bool, document: dict[str, Any]) -> None:
    """Wait for a study's end and print how it ended.

    Args:
        session: The verb's run.
        study: Name of the study.
        deadline: Monotonic time; None: none.
        show: Whether progress is shown to people.
        document: What the JSON document begins with.

    Raises:
        Failed: It did not complete, or not in time.
    """
    outcome = _study_ended(session, study, deadline, show=show, document=document)
    session.emit(outcome.document, outcome.tell)
    raise_for(outcome.failure)


def _study_ended(
    session: Session, study: str, deadline: float | None, *, show: bool, document: dict[str, Any]
) -> _Outcome:
    from tuned.cli.progress import shown

    session.send(api.study(study))  # starts the daemon when none runs, and refuses an unknown name
    failure: Failed | None = None
    with shown(session.client, quiet=session.json or not show) as progress:
        try:
            wait_for_study(session.client, study, deadline, progress.seen, progress.heard, progress.tick)
        except Conflict as error:
            failure = Failed(str(error))
        except TimeoutError:
            failure = Failed(f"{study}: it goes on; the time to wait is over", TIMED_OUT)
    row = session.send(api.study(study)).study
    ended = {"state": row.state, "reason": row.reason, "best": None if row.best is None else asdict(row.best)}
    return _Outcome({**document, **ended, "counts": row.counts}, lambda: _tell(row), failure or _failure(row))


def raise_for(failure: Failed | None) -> None:
    """Raise the failure when there is one."""
    if failure is not None:
        raise failure


def _failure(row: StudyRow) -> Failed | None:
    if row.state in STUDY_ENDED - {StudyState.COMPLETED}:
        return Failed(f"{row.name} {row.state}" + (f": {row.reason}" if row.reason else ""))
    useless = {str(state): row.counts[state] for state in sorted(WASTED) if row.counts.get(state)}
    if useless and not any(row.counts.get(state) for state in VALUED):
        return Failed(f"{row.name}: no trial completed ({render.counts(useless)}; see: tunectl trials {row.name})")
    return None


def _tell(row: StudyRow) -> None:
    reason = f": {row.reason}" if row.reason else ""
    click.echo(f"{row.name} {row.state}{reason} ({render.counts(row.counts)})")
    if row.best is not None:
        click.echo(f"best  {render.best(row.best)}")


def _trials_ended(session: Session, target: Target, text: str, deadline: float | None) -> _Outcome:
    wanted = _numbers(session, target, text)
    failure: Failed | None = None
    rows: Sequence[TrialRow]
    try:
        rows = wait_for_trials(session.client, target.study, lambda trial: trial.number in wanted, deadline)
    except (Conflict, TimeoutError) as error:
        late = isinstance(error, TimeoutError)
        failure = Failed(f"{text}: it goes on; the time to wait is over", TIMED_OUT) if late else Failed(str(error))
        rows = [row for row in session.send(api.trials(target.study)) if row.number in wanted]
    states = {row.state for row in rows}
    best = asdict(rows[0]) if len(rows) == 1 else None
    document = {
        "study": target.study,
        "state": states.pop() if len(states) == 1 else "mixed",
        "best": best and {key: best[key] for key in ("number", "params", "values")},
        "trials": [asdict(row) for row in rows],
    }
    bad = [row for row in rows if row.state not in VALUED]
    if failure is None and bad:
        first = bad[0]
        failure = Failed(f"{first.study}/{first.number} {first.state}" + (f": {first.reason}" if first.reason else ""))
    return _Outcome(document, lambda: _tell_trials(rows), failure)


def _numbers(session: Session, target: Target, text: str) -> set[int]:
    if target.keyword == "best":
        rows = session.send(api.best(target.study))
    elif target.keyword is not None:
        rows = session.send(api.trials(target.study, state=[target.keyword]))
    else:
        rows = [row for row in session.send(api.trials(target.study)) if target.includes(row.number)]
    if not rows:
        raise Failed(f"{text}: there is no such trial now (see: tunectl trials {target.study})")
    return {row.number for row in rows}


def _tell_trials(rows: Sequence[TrialRow]) -> None:
    for row in rows:
        reason = f": {row.reason}" if row.reason else ""
        took = render.span(row.started_at, row.ended_at)
        click.echo(f"{row.study}/{row.number} {row.state}{reason}  {render.values(row.values)}  {took}")
