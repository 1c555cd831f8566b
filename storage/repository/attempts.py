"""Writes of attempts: from the claim of a queued trial to the end of its process.

Owns the attempt's row and the moves that a process causes. Why an attempt ended is decided by whoever saw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, insert, select, text, update

from storage.json_text import dump, dump_record, load
from storage.models import IS_LIVE, attempts, studies, trials
from storage.problems import StaleState
from storage.repository import early_stopping, moves
from storage.repository.moves import MovingTrial
from storage.repository.studies import offer_best
from tuned.core.states import LIVE, VALUED, Actor, Failure, StoppedBy, TrialState

_a = attempts.c
_THIS = (_a.trial_id == bindparam("wanted"), _a.attempt == bindparam("which"))

_INSERT = insert(attempts)
_START = (
    update(attempts)
    .where(*_THIS, _a.started_at.is_(None))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("started_at", "supervisor_pid", "supervisor_start", "mode", "start")
        }
    )
)
_BEGAN = select(func.coalesce(_a.started_at, _a.claimed_at)).where(*_THIS)
_END = (
    update(attempts)
    .where(*_THIS, _a.ended_at.is_(None))
    .values(
        {name: bindparam(f"new_{name}") for name in ("ended_at", "exit", "ended_by", "failure", "reason", "traceback")}
    )
    .values(
        still_s=case(
            (_a.started_at.is_(None), 0.0),
            else_=select(trials.c.still_s).where(trials.c.id == bindparam("wanted")).scalar_subquery(),
        )
    )
)

_BESIDE = select(trials.c.id, trials.c.attempt).where(
    text(IS_LIVE), trials.c.device == bindparam("device"), trials.c.id != bindparam("wanted")
)
_SET_SHARED = update(attempts).where(*_THIS).values(shared=1)

_OTHER_CODE = (
    update(trials).where(trials.c.id == bindparam("wanted"), trials.c.code == "").values(code=bindparam("new_code"))
)
_COUNT_OTHER_CODE = (
    update(studies).where(studies.c.id == bindparam("wanted")).values(other_code=studies.c.other_code + 1)
)


def claim(
    conn: Connection, trial_id: int, device: str, attempt_id: str, trial_dir: str, now: float, *, at_least: int = 1
) -> int:
    """Take a queued trial for a slot and begin its next attempt.

    Where others are on its card, that is noted of all of them.

    Args:
        conn: The write connection.
        trial_id: The trial.
        device: The slot: a GPU's UUID or `cpu:N`.
        attempt_id: A UUID's hex digits, new.
        trial_dir: The folder of the trial, relative to the database's; the run directory is the folder in it that is
            named like the attempt.
        now: Unix seconds.
        at_least: The lowest number that it may have: lower ones have a run directory.

    Returns:
        The attempt's number, from 1.

    Raises:
        NotFound: There is no such trial.
        StaleState: It is no longer queued.
    """
    trial = moves.read(conn, trial_id)
    if trial.state is not TrialState.QUEUED:
        raise StaleState(f"it is {trial.state}, no longer queued", where=trial.where)
    trial.attempt = max(trial.attempt + 1, at_least)
    trial.device = device
    moves.move(conn, trial, "claim", Actor.SCHEDULER, now)
    row = {
        "trial_id": trial_id,
        "attempt": trial.attempt,
        "attempt_id": attempt_id,
        "run_dir": f"{trial_dir}/{trial.attempt}",
        "device": device,
        "claimed_at": now,
    }
    others = conn.execute(_BESIDE, {"wanted": trial_id, "device": device}).all()
    row["shared"] = int(bool(others))
    for other in others:
        conn.execute(_SET_SHARED, {"wanted": other.id, "which": other.attempt})
    conn.execute(_INSERT, row)
    return trial.attempt


def started(conn: Connection, trial_id: int, attempt: int, record: Mapping[str, Any], now: float) -> bool:
    """Note that the attempt's process runs. Doing it again does nothing.

    Of the start record, `supervisor_pid`, `supervisor_start` and `mode` get columns of their own.

    Returns:
        Whether it was news.

    Raises:
        NotFound: There is no such trial.
    """
    trial = moves.read(conn, trial_id)
    if trial.attempt != attempt or trial.state not in LIVE:
        return False
    # When it began, not when that was noticed: a quick trial is seen to begin and to end in one look.
    written = record.get("started_at")
    began = min(now, float(written)) if isinstance(written, int | float) else now
    new = {
        "wanted": trial_id,
        "which": attempt,
        "new_started_at": began,
        "new_supervisor_pid": record.get("supervisor_pid"),
        "new_supervisor_start": record.get("supervisor_start"),
        "new_mode": record.get("mode"),
        "new_start": dump_record(record),
    }
    if conn.execute(_START, new).rowcount != 1 or trial.state is not TrialState.STARTING:
        return False
    _mark_code(conn, trial, record.get("code"))
    trial.started_at = began
    moves.move(conn, trial, "started", Actor.REAPER, now)
    return True


def _mark_code(conn: Connection, trial: MovingTrial, code: object) -> None:
    """Mark a trial that runs other code than was submitted, and count it once."""
    found = code.get("hash") if isinstance(code, Mapping) else None
    submitted = trial.spec.run.code_hash
    if not found or not submitted or found == submitted:
        return
    if conn.execute(_OTHER_CODE, {"wanted": trial.id, "new_code": str(found)}).rowcount:
        conn.execute(_COUNT_OTHER_CODE, {"wanted": trial.study_id})


def unclaim(conn: Connection, trial_id: int, attempt: int, reason: str, actor: Actor, now: float) -> None:
    """Give a trial back whose attempt never began. The attempt's number is used up: run directories are never reused.

    Raises:
        IllegalMove: It has begun.
        NotFound: There is no such trial.
        StaleState: It is in another attempt by now.
    """
    trial = _current(conn, trial_id, attempt)
    trial.reason = reason
    moves.move(conn, trial, "unclaim", actor, now)
    _end(conn, trial, "unclaim", now, None, None, reason, "")


def end_attempt(
    conn: Connection,
    trial_id: int,
    attempt: int,
    event: str,
    actor: Actor,
    now: float,
    *,
    exit_record: Mapping[str, Any] | None,
    failure: Failure | None,
    reason: str,
    traceback: str,
    spends: str = "",
    partial: bool = False,
) -> TrialState:
    """Note how the attempt ended, and move its trial.

    Its observations so far are summed up exactly, the intent is cleared, a `retry` is counted to its failure's class,
    and a trial that is completed or pruned may become the study's best.

    Args:
        conn: The write connection.
        trial_id: The trial.
        attempt: Number of the attempt that ended.
        event: One of the state table's for a starting or running trial.
        actor: Observer of the end, for the event.
        now: Unix seconds. The rows have the end that the exit record names, which no daemon may have seen.
        exit_record: The exit record; None when the supervisor vanished without one.
        failure: Its class, for an event that is a failure or a retry after one; a retry without one costs none.
        reason: The same for a person, one line.
        traceback: The last lines of its output that say why; may be empty.
        spends: Class that a `retry` is counted to, instead of its failure's.
        partial: Not all that it reported of an objective is there: it is ranked as one that was cut short.

    Returns:
        The trial's new state.

    Raises:
        IllegalMove: The table has no such move.
        NotFound: There is no such trial.
        StaleState: It is in another attempt by now.
    """
    trial = _current(conn, trial_id, attempt)
    trial.summarise(conn)
    trial.failure, trial.reason = failure, reason
    if event == "retry" and failure is not None:
        used = load(trial.retries_used)
        name = spends or failure.value
        used[name] = used.get(name, 0) + 1
        trial.retries_used = dump(used)
    if partial:
        trial.stopped_by = StoppedBy.DISK
    ended_at = _ended_at(conn, trial, exit_record, now)
    target = moves.move(conn, trial, event, actor, now, ended_at)
    _end(conn, trial, event, ended_at, exit_record, failure, reason, traceback)
    if target in VALUED:
        offer_best(conn, trial.study_id, trial.id, trial.spec.objective)
    early_stopping.ended(conn, trial, now)
    if target is TrialState.PAUSED and trial.requeue:
        target = moves.move(conn, trial, "resume", Actor.SCHEDULER, now)
        early_stopping.released(conn, trial.id)
    return target


def _current(conn: Connection, trial_id: int, attempt: int) -> MovingTrial:
    trial = moves.read(conn, trial_id)
    if trial.attempt != attempt:
        raise StaleState(f"it is in attempt {trial.attempt}, not {attempt}", where=trial.where)
    return trial


def _ended_at(conn: Connection, trial: MovingTrial, record: Mapping[str, Any] | None, now: float) -> float:
    """When the attempt ended, by its supervisor's clock, within what this one allows."""
    told = (record or {}).get("ended_at")
    if not isinstance(told, int | float):
        return now
    began: float = conn.execute(_BEGAN, {"wanted": trial.id, "which": trial.attempt}).scalar_one()
    return min(now, max(began, float(told)))


def _end(
    conn: Connection,
    trial: MovingTrial,
    event: str,
    ended_at: float,
    record: Mapping[str, Any] | None,
    failure: Failure | None,
    reason: str,
    traceback: str,
) -> None:
    new = {
        "wanted": trial.id,
        "which": trial.attempt,
        "new_ended_at": ended_at,
        "new_exit": None if record is None else dump_record(record),
        "new_ended_by": event,
        "new_failure": failure.value if failure else None,
        "new_reason": reason,
        "new_traceback": traceback,
    }
    conn.execute(_END, new)
