"""`wait`: until a study or some of its trials have ended, and what came of it as an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any

import click

from tuned.cli import render
from tuned.cli.exits import TIMED_OUT, Failed
from tuned.cli.session import Session, verb
from tuned.client import api
from tuned.client.waiting import wait_for_study, wait_for_trials
from tuned.core.durations import parse_duration
from tuned.core.errors import Conflict
from tuned.core.targets import Target, parse_target
from tuned.wire import StudyRow, TrialRow


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_duration(float(value) if value.replace(".", "", 1).isdigit() else value)
        except ValueError as error:
            self.fail(f"{error} (write 90, 30s, 5m or 2h)", param, ctx)


@verb()
@click.argument("target")
@click.option("--timeout", type=_Duration(), help="Give up after so long, e.g. 30s or 2h: exit code 4.")
def wait(session: Session, target: str, timeout: float | None) -> None:
    """Wait until a study or its trials have ended.

    Exit code 0: completed. 1: stopped, failed, or paused by the daemon because it cannot go on.
    """
    parsed = parse_target(target)
    deadline = None if timeout is None else monotonic() + timeout
    if parsed.is_study:
        await_study(session, parsed.study, deadline, show=True, document={"study": parsed.study})
    else:
        _await_trials(session, parsed, target, deadline)


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
    session.emit({**document, **ended, "counts": row.counts}, lambda: _tell(row))
    raise_for(failure or _failure(row))


def raise_for(failure: Failed | None) -> None:
    """Raise the failure when there is one."""
    if failure is not None:
        raise failure


def _failure(row: StudyRow) -> Failed | None:
    if row.state in ("stopped", "failed"):
        return Failed(f"{row.name} {row.state}" + (f": {row.reason}" if row.reason else ""))
    useless = {state: row.counts[state] for state in ("failed", "lost") if row.counts.get(state)}
    if useless and not row.counts.get("completed") and not row.counts.get("pruned"):
        return Failed(f"{row.name}: no trial completed ({render.counts(useless)}; see: tunectl trials {row.name})")
    return None


def _tell(row: StudyRow) -> None:
    reason = f": {row.reason}" if row.reason else ""
    click.echo(f"{row.name} {row.state}{reason} ({render.counts(row.counts)})")
    if row.best is not None:
        click.echo(f"best  {render.best(row.best)}")


def _await_trials(session: Session, target: Target, text: str, deadline: float | None) -> None:
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
    session.emit(document, lambda: _tell_trials(rows))
    bad = [row for row in rows if row.state not in ("completed", "pruned")]
    if failure is None and bad:
        first = bad[0]
        failure = Failed(f"{first.study}/{first.number} {first.state}" + (f": {first.reason}" if first.reason else ""))
    raise_for(failure)


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
