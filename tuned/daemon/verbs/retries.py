"""`retry`: the point of an ended trial runs again as a new trial; and the way back for queued trials, while none began.

Owns these transactions.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial
from tuned.core.errors import InvalidInput
from tuned.core.queue.schedule import CANCELLED, DONE, NO_RESULT
from tuned.core.states import OPEN, TERMINAL, Actor, StudyState, TrialState
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.resolving import resolve
from tuned.daemon.study_moves import drain_study, reopen
from tuned.daemon.verbs.effect import Effect, carry_out
from tuned.wire import Changed, Targets

router = make_router("verbs")

_REASONS = {StudyState.STOPPED.value: CANCELLED, StudyState.FAILED.value: NO_RESULT}
"""State of a study that had ended -> the reason for which it does so again, where it is not `DONE`."""


def retry(conn: Connection, trial: Trial, effect: Effect, now: float) -> None:
    """The row of an ended trial never changes: the same point runs again under a new number."""
    if trial.state not in TERMINAL:
        effect.skip(trial)
        return
    waiting = _retries_of(conn, trial)
    if waiting:
        effect.skipped.append(f"{trial.name} runs again already, as {waiting[0].name}")
        return
    new = NewTrial(
        params=trial.params,
        origin="retry",
        why=f"repeats trial {trial.number}, which is {trial.state}",
        priority=trial.priority,
        rank=0,
        retry_of=trial.number,
    )
    (number,) = repository.add_trials(conn, trial.study_id, [new], now)
    reopen(conn, trial.study_id, now)
    effect.changed.append(f"{trial.study}/{number}")


def _retries_of(conn: Connection, trial: Trial) -> list[Trial]:
    """The trials that repeat this one and have not ended."""
    waiting = queries.trials(conn, trial.study_id, states=sorted(OPEN))
    return [t for t in waiting if t.origin == "retry" and t.retry_of == trial.number]


@router.post("/retry/undo")
async def undo_retry(request: Targets, given: Given) -> Changed:
    """Retries that have not begun are taken back; a study that goes on because of one ends again."""
    effect = await given.commit(lambda conn: _undo(conn, request.targets, clock.now(), _again, "its retry"))
    return await carry_out(given, effect)


@router.post("/enqueue/undo")
async def undo_enqueue(request: Targets, given: Given) -> Changed:
    """Queued trials are taken back; those that have begun by now are left alone."""
    effect = await given.commit(lambda conn: _undo(conn, request.targets, clock.now(), _itself, "it"))
    return await carry_out(given, effect)


def _undo(
    conn: Connection, texts: list[str], now: float, of: Callable[[Connection, Trial], list[Trial]], what: str
) -> Effect:
    """Take back trials that have not begun; a study that goes on because of them alone ends again, as it had.

    Args:
        conn: The transaction.
        texts: Targets that name trials.
        now: Unix seconds.
        of: A named trial -> the trials to take back.
        what: The subject of their reason.

    Raises:
        InvalidInput, NotFound: A target is wrong; nothing has changed.
        Conflict: Nothing could be taken back; the message says why.
    """
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            raise InvalidInput("names no trial", where=study.name, hint=f"name one, such as {study.name}/7")
        for trial in trials:
            found = of(conn, trial)
            if not found:
                effect.skipped.append(f"{trial.name} is not to run again")
            for queued in found:
                _take_back(conn, study, queued, effect, now, f"{what} was taken back")
    effect.refuse_if_empty()
    return effect


def _itself(conn: Connection, trial: Trial) -> list[Trial]:  # noqa: ARG001 - one of two ways
    return [trial]


def _again(conn: Connection, trial: Trial) -> list[Trial]:
    """The retries that a trial names: itself, or those of it."""
    return [trial] if trial.origin == "retry" else _retries_of(conn, trial)


def _take_back(conn: Connection, study: Study, trial: Trial, effect: Effect, now: float, reason: str) -> None:
    if trial.state in TERMINAL:
        effect.skip(trial)
        return
    if trial.state is not TrialState.QUEUED or trial.attempt:
        effect.skipped.append(f"{trial.name} is {trial.state} (tunectl cancel {trial.name})")
        return
    repository.move_trial(conn, trial.id, "cancel", Actor.USER, now, reason=reason)
    effect.changed.append(trial.name)
    moved = queries.last_study_move(conn, study.name)
    # Both were written at one moment, in one transaction.
    if moved is not None and moved.data.get("event") == "reopen" and moved.at == trial.created_at:
        drain_study(conn, study.id, _REASONS.get(moved.data["from"], DONE), Actor.USER, now)
