"""`wait`: until studies or trials have ended, or until the first thing worth a look; the outcome as an exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

import click

from tuned.cli import render
from tuned.cli.exits import TIMED_OUT, Failed
from tuned.cli.lines import show_line
from tuned.cli.periods import LengthOfTime
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.client.occasions import KINDS, Occasions, wait_for_any
from tuned.client.waiting import wait_for_study, wait_for_trials
from tuned.core import words
from tuned.core.errors import Conflict
from tuned.core.state_words import told
from tuned.core.states import STUDY_ENDED, VALUED, WASTED, StudyState, is_fruitless
from tuned.core.targets import Target, parse_target
from tuned.core.text import one_line
from tuned.wire import StudyRow, TrialRow


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The outcome of one target: as a document, in words, and as a failure when it is one."""

    document: dict[str, Any]
    tell: Callable[[], None]
    failure: Failed | None


@verb()
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option(
    "--timeout", type=LengthOfTime(), metavar="TIME", help="Give up after this long, e.g. 30s or 2h: exit code 4."
)
@click.option("--any", "first", is_flag=True, help="Return at the first occasion, in these studies or in any.")
@click.option("--until", metavar="LIST", help=f"With --any, the occasions that count; default: {','.join(KINDS)}.")
@click.option("--since", type=click.IntRange(min=0), metavar="SEQ", help="With --any: also after this event.")
def wait(
    session: Session,
    targets: Sequence[str],
    timeout: float | None,
    first: bool,
    until: str | None,
    since: int | None,
) -> None:
    """Wait until studies or trials have ended, all of them; with --any, until one thing worth a look has happened.

    Exit code 0: completed. 1: stopped, failed, or paused by the daemon because it cannot go on. With --json and several
    targets: a list with a document each.

    With --any, exit code 0: a study has a new best trial (best), a trial failed or the daemon paused a study
    (failed), a study ended (done), or nothing runs any more (idle). The answer ends with the event to go on from:
    hand it to the next wait as --since, and nothing is missed in between.
    """
    deadline = None if timeout is None else monotonic() + timeout
    if first:
        _wait_for_any(session, targets, until, since, deadline)
        return
    if until is not None or since is not None:
        raise click.UsageError("--until and --since go with --any")
    if not targets:
        raise click.UsageError("name a study or trials to wait for, or write: tunectl wait --any")
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


def _wait_for_any(
    session: Session, targets: Sequence[str], until: str | None, since: int | None, deadline: float | None
) -> None:
    kinds = KINDS if until is None else tuple(word.strip() for word in until.split(","))
    unknown = [word for word in kinds if word not in KINDS]
    if unknown:
        raise click.UsageError(f"--until {unknown[0]!r}: write some of {','.join(KINDS)}")
    parsed = [parse_target(text) for text in targets]
    if any(not target.is_study for target in parsed):
        raise click.UsageError("--any takes studies; for trials leave it out: tunectl wait STUDY/7")
    session.send(api.status())  # starts the daemon when none runs
    found = wait_for_any(session.client, kinds, [target.study for target in parsed], since, deadline)
    session.emit(found, lambda: _tell_occasions(found))
    if found.timed_out:
        raise Failed(f"nothing of {', '.join(kinds)} happened in time", TIMED_OUT)


def _tell_occasions(found: Occasions) -> None:
    if found.left_out:
        click.echo(f"{found.left_out} earlier ones are not listed")
    for item in found.happened:
        name = item.study if item.number is None else f"{item.study}/{item.number}"
        told = render.values(item.values) if item.values else one_line(item.reason)
        click.echo(f"{item.kind:<6}  {name}  {told}".rstrip())
    queued = words.known(found.queued, "queued")
    click.echo(f"{found.running} running, {queued}; go on with: tunectl wait --any --since {found.seq}")


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
        document: The first fields of the JSON document.

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
            failure = _late(study)
    row = session.send(api.study(study)).study
    ended = {"state": row.state, "reason": row.reason, "best": None if row.best is None else asdict(row.best)}
    failure = failure or _failure(row)
    return _Outcome({**document, **ended, "counts": row.counts}, lambda: _tell(row, failure), failure)


def raise_for(failure: Failed | None) -> None:
    """Raise the failure when there is one."""
    if failure is not None:
        raise failure


def _late(name: str) -> Failed:
    return Failed(f"{name}: it goes on; the time to wait is over", TIMED_OUT)


def _failure(row: StudyRow) -> Failed | None:
    if is_fruitless(row.counts) and row.state != StudyState.STOPPED:
        useless = {str(state): row.counts[state] for state in sorted(WASTED) if row.counts.get(state)}
        return Failed(f"{row.name}: no trial completed ({render.counts(useless)}; see: tunectl trials {row.name})")
    if row.state in STUDY_ENDED - {StudyState.COMPLETED}:
        return Failed(told(f"{row.name} {row.state}", row.reason))
    return None


def _tell(row: StudyRow, failure: Failed | None) -> None:
    """How the study ended; a failure says the reason itself, with the remedy."""
    reason = "" if failure is not None and row.reason in failure.line else row.reason
    show_line(f"{told(f'{row.name} {row.state}', reason)} ({render.counts(row.counts)})", hanging="    ")
    if row.best is not None:
        show_line(f"best  {render.best(row.best)}", hanging="    ")


def _trials_ended(session: Session, target: Target, text: str, deadline: float | None) -> _Outcome:
    wanted = _numbers(session, target, text)
    failure: Failed | None = None
    rows: Sequence[TrialRow]
    try:
        rows = wait_for_trials(session.client, target.study, lambda trial: trial.number in wanted, deadline)
    except (Conflict, TimeoutError) as error:
        late = isinstance(error, TimeoutError)
        failure = _late(text) if late else Failed(str(error))
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
        failure = Failed(told(f"{first.name} {first.state}", first.reason))
    return _Outcome(document, lambda: _tell_trials(rows, failure), failure)


def _numbers(session: Session, target: Target, text: str) -> set[int]:
    if target.keyword == "best":
        rows = session.send(api.best(target.study))
    elif target.keyword is not None:
        rows = session.send(api.trials(target.study, state=[target.keyword]))
    else:
        rows = [row for row in session.send(api.trials(target.study)) if target.includes(row.number)]
    if not rows:
        raise Failed(f"{text}: there is no such trial (see: tunectl trials {target.study})")
    return {row.number for row in rows}


def _tell_trials(rows: Sequence[TrialRow], failure: Failed | None) -> None:
    for row in rows:
        reason = "" if failure is not None and row.reason in failure.line else row.reason
        what = told(f"{row.name} {row.state}", reason)
        facts = (what, render.values(row.values), render.ran(row))
        show_line("  ".join(fact for fact in facts if fact != "-"), hanging="    ")
