"""Reads of attempts: those that live, a trial's history, what went wrong in them. Owns no change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, select, text

from storage import rows
from storage.json_text import load
from storage.models import IS_LIVE, studies, trials
from storage.models import attempts as table
from storage.models import bad_lines as bad_table
from tuned.core.states import TERMINAL, StopReason
from tuned.core.trials.trial import Trial
from tuned.core.trials.wishes import Wish


@dataclass(frozen=True, slots=True)
class LiveAttempt:
    """An attempt that holds a slot.

    Attributes:
        run_dir: Relative to the database's folder.
        started: Whether its start record has been seen.
        supervisor_start: The supervisor's start time in clock ticks after boot, which makes its pid unmistakable.
        ingest_offset: Bytes of its metrics file whose observations are stored.
        stop_at: Unix seconds at which it was asked to end; None: it was not.
        sdk, stop_seen, resumable: Its code's behaviour so far: it uses the SDK, saw the request to stop, asked for its
            checkpoint folder.
        claimed_at: Unix seconds.
        shared: Whether another trial has had a part of its card.
    """

    trial: Trial
    attempt: int
    attempt_id: str
    run_dir: str
    supervisor_pid: int | None
    supervisor_start: int | None
    ingest_offset: int
    started: bool
    stop_at: float | None
    resumable: bool
    sdk: bool
    stop_seen: bool
    claimed_at: float
    shared: bool


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a metrics file that could not be read; `text` is cut to 500 bytes."""

    attempt: int
    offset: int
    text: str


_a = table.c
_LIVE_COLUMNS = (
    _a.attempt,
    _a.attempt_id,
    _a.run_dir,
    _a.supervisor_pid,
    _a.supervisor_start,
    _a.ingest_offset,
    _a.started_at,
    trials.c.stop_at,
    _a.resumable,
    _a.sdk,
    _a.stop_seen,
    _a.claimed_at,
    _a.shared,
)
_LIVE = (
    select(*rows.TRIAL_COLUMNS, *_LIVE_COLUMNS)
    .select_from(
        trials.join(studies, trials.c.study_id == studies.c.id).join(
            table, and_(_a.trial_id == trials.c.id, _a.attempt == trials.c.attempt)
        )
    )
    .where(text(f"trials.{IS_LIVE}"))
    .order_by(trials.c.id)
)
_WISH = select(trials.c.stop_reason, trials.c.frozen, trials.c.frozen_by).where(
    trials.c.id == bindparam("wanted"), trials.c.attempt == bindparam("which"), text(IS_LIVE)
)
_OF_STUDY = select(trials.c.number, trials.c.state, trials.c.attempt).where(trials.c.study_id == bindparam("wanted"))
_OF_TRIAL = select(table).where(_a.trial_id == bindparam("wanted")).order_by(_a.attempt)
_ONE = select(table).where(_a.trial_id == bindparam("wanted"), _a.attempt == bindparam("which"))
_STILL_S = select(_a.still_s).where(_a.trial_id == bindparam("wanted"), _a.attempt == bindparam("which"))
_ENDED_BY = select(_a.ended_by).where(_a.trial_id == bindparam("wanted"), _a.attempt == bindparam("which"))
_TRACEBACK = (
    select(_a.traceback)
    .where(_a.trial_id == bindparam("wanted"), _a.traceback != "")
    .order_by(_a.attempt.desc())
    .limit(1)
)
_BAD = (
    select(bad_table.c.attempt, bad_table.c.offset, bad_table.c.text)
    .where(bad_table.c.trial_id == bindparam("wanted"))
    .order_by(bad_table.c.attempt, bad_table.c.offset)
)
_ANY_RESUMABLE = """SELECT 1 FROM trials t JOIN attempts a ON a.trial_id = t.id
    WHERE t.study_id = ? AND a.resumable = 1 LIMIT 1"""
_BAD_COUNT = select(func.coalesce(func.sum(_a.bad_lines), 0)).where(_a.trial_id == bindparam("wanted"))


def wish(conn: Connection, trial_id: int, attempt: int) -> Wish | None:
    """How this attempt is wanted to be; None once it is over."""
    row = conn.execute(_WISH, {"wanted": trial_id, "which": attempt}).first()
    if row is None:
        return None
    stop = None if row.stop_reason is None else StopReason(row.stop_reason)
    return Wish(stop, (row.frozen_by or "freeze") if row.frozen else "")


def live(conn: Connection) -> list[LiveAttempt]:
    """The attempts of starting and running trials."""
    found = []
    for row in conn.execute(_LIVE):
        rest = list(row[rows.WIDTH :])
        rest[6] = rest[6] is not None
        rest[8:11] = map(bool, rest[8:11])
        rest[12] = bool(rest[12])
        found.append(LiveAttempt(rows.to_trial(row), *rest))
    return found


@dataclass(frozen=True, slots=True)
class ReadAttempt:
    """An attempt whose metrics file was read up to `ingest_offset`. `run_dir` as in `LiveAttempt`."""

    trial_id: int
    attempt: int
    run_dir: str
    ingest_offset: int


_READ = select(_a.trial_id, _a.attempt, _a.run_dir, _a.ingest_offset).order_by(_a.trial_id, _a.attempt)
_ENDED = _READ.where(_a.ended_at >= bindparam("since"), _a.started_at.is_not(None))


_AT_ONCE = 500
_NAMED = (
    select(_a.attempt_id, trials.c.study_id, _a.run_dir)
    .join(trials, trials.c.id == _a.trial_id)
    .where(_a.attempt_id.in_(bindparam("ids", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class NamedAttempt:
    """The study of an attempt, and where it wrote; `run_dir` as in `LiveAttempt`."""

    study_id: int
    run_dir: str


def read_attempts(conn: Connection) -> list[ReadAttempt]:
    """Every attempt, those that live among them."""
    return [ReadAttempt(*row) for row in conn.execute(_READ)]


def ended_since(conn: Connection, since: float) -> list[ReadAttempt]:
    """The attempts that were started, and ended after a moment (unix seconds)."""
    return [ReadAttempt(*row) for row in conn.execute(_ENDED, {"since": since})]


def named(conn: Connection, attempt_ids: Sequence[str]) -> dict[str, NamedAttempt]:
    """The attempts of these ids; those without a row are left out."""
    found: dict[str, NamedAttempt] = {}
    for begin in range(0, len(attempt_ids), _AT_ONCE):
        for row in conn.execute(_NAMED, {"ids": list(attempt_ids[begin : begin + _AT_ONCE])}):
            found[row.attempt_id] = NamedAttempt(row.study_id, row.run_dir)
    return found


def attempts(conn: Connection, trial_id: int) -> list[dict[str, Any]]:
    """The attempts of a trial, oldest first, as columns by name; `start` and `exit` are the records or None."""
    return [_read(row) for row in conn.execute(_OF_TRIAL, {"wanted": trial_id}).mappings()]


def attempt(conn: Connection, trial_id: int, number: int) -> dict[str, Any] | None:
    """One attempt, as `attempts` has it; None where there is no such one."""
    row = conn.execute(_ONE, {"wanted": trial_id, "which": number}).mappings().first()
    return None if row is None else _read(row)


def still_s(conn: Connection, trial_id: int, number: int) -> float:
    """Seconds for which an attempt that has ended stood still."""
    return float(conn.execute(_STILL_S, {"wanted": trial_id, "which": number}).scalar_one())


def _read(row: RowMapping) -> dict[str, Any]:
    found = dict(row)
    for record in ("start", "exit"):
        found[record] = None if row[record] is None else load(row[record])
    for flag in ("sdk", "stop_seen", "resumable", "shared"):
        found[flag] = bool(row[flag])
    return found


def open_trials(conn: Connection, study_id: int) -> tuple[set[int], dict[int, int]]:
    """Which trials of a study there are, at little cost.

    Returns:
        The numbers of those that have ended, and of the others with the number of their last attempt.
    """
    ended: set[int] = set()
    others: dict[int, int] = {}
    for number, state, attempt in conn.execute(_OF_STUDY, {"wanted": study_id}):
        if state in TERMINAL:
            ended.add(number)
        else:
            others[number] = attempt
    return ended, others


def was_cut_off(conn: Connection, trial_id: int, attempt: int) -> bool:
    """Whether an attempt was given back without having begun; False where there is no such attempt."""
    found = conn.execute(_ENDED_BY, {"wanted": trial_id, "which": attempt}).scalar()
    return bool(found == "unclaim")


def any_resumable(conn: Connection, study_id: int) -> bool:
    """Whether any trial of the study has asked for its checkpoint folder: they all run the same code."""
    return conn.exec_driver_sql(_ANY_RESUMABLE, (study_id,)).first() is not None


def traceback_of(conn: Connection, trial_id: int) -> str:
    """The traceback of the latest attempt that left one; empty when none did."""
    return conn.execute(_TRACEBACK, {"wanted": trial_id}).scalar() or ""


def bad_lines(conn: Connection, trial_id: int) -> list[BadLine]:
    """The kept lines that could not be read, at most a hundred of each attempt."""
    return [BadLine(*row) for row in conn.execute(_BAD, {"wanted": trial_id})]


def bad_line_count(conn: Connection, trial_id: int) -> int:
    """How many lines could not be read, those that were not kept included."""
    return int(conn.execute(_BAD_COUNT, {"wanted": trial_id}).scalar_one())
