"""Writes that bring back rows which the database has lost: a study from its record, a trial from its run directories.

Owns their form. Where the records come from, and in which order, is the daemon's work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from storage.driver import driver_of
from storage.json_text import dump, dump_record
from storage.models import pipelines, space_versions, studies, study_specs, trials
from storage.repository.events import add_event
from storage.repository.spaces import first_space
from storage.repository.trials import ID_BY_NUMBER, NewTrial, add_trials
from tuned.core import events
from tuned.core.space import canonical_key
from tuned.core.state_words import PAUSED_BY_USER
from tuned.core.states import STUDY_WORKING, Actor, PausedBy, StudyState
from tuned.core.study import StudySpec
from tuned.core.trials.trial import OWN_ORIGINS

ORIGIN = "recovered"
"""Of a trial whose run directory does not say where its point came from."""

_t = trials.c
_HIGHEST = select(func.max(_t.number)).where(_t.study_id == bindparam("wanted"))
_OBSERVE_MISSING = """INSERT OR IGNORE INTO observations (trial_id, name, attempt, step, value, time)
    VALUES (?, ?, ?, ?, ?, ?)"""


def restore_study(conn: Connection, record: Mapping[str, Any], now: float) -> int:
    """Store a study as its record (docs/run-directory.md) has it, without trials and paused for the time being.

    Returns:
        Its id.

    Raises:
        ValueError, KeyError, TypeError: The record does not hold a specification.
    """
    spec = StudySpec.from_dict(record["spec"])
    row = {
        "name": spec.name,
        "state": StudyState.PAUSED.value,
        "priority": int(record.get("priority") or 0),
        "phase": str(record.get("phase") or ""),
        "created_at": float(record.get("created_at") or now),
        "running_s": float(record.get("running_s") or 0.0),
    }
    study_id = conn.execute(insert(studies), row).lastrowid
    spaces: Sequence[Mapping[str, Any]] = record.get("spaces") or ()
    fixed = {
        "study_id": study_id,
        "spec": dump(record["spec"]),
        "submitted": dump(record.get("submitted") or record["spec"]),
        "content_hash": str(record.get("content_hash") or spec.content_hash()),
        "environment": dump(record.get("environment") or {}),
        "space": max((int(version["version"]) for version in spaces), default=1),
    }
    conn.execute(insert(study_specs), fixed)
    for version in spaces:
        stored = {
            "study_id": study_id,
            "version": int(version["version"]),
            "space": dump(version["space"]),
            "origin": str(version.get("origin") or "submit"),
            "why": str(version.get("why") or ""),
            "changes": dump(version.get("changes") or []),
            "at": float(version.get("at") or now),
        }
        conn.execute(insert(space_versions), stored)
    if not spaces:
        first_space(conn, study_id, spec.space, now)
    if record.get("steps") is not None:
        conn.execute(insert(pipelines), {"study_id": study_id, "steps": dump_record({"steps": record["steps"]})})
    add_event(conn, events.STUDY_SUBMITTED, spec.name, None, {}, now)
    return study_id


def settle_study(conn: Connection, study_id: int, record: Mapping[str, Any], now: float) -> None:
    """Give a restored study its state once its trials are there; until then the ends of its trials cannot move it."""
    state = StudyState(record.get("state") or StudyState.RUNNING)
    reason = str(record.get("reason") or "")
    name = conn.execute(select(studies.c.name).where(studies.c.id == study_id)).scalar_one()
    new = {
        "state": state.value,
        "reason": reason,
        "paused_by": _paused_by(record) if state is StudyState.PAUSED else "",
        "ended_at": record.get("ended_at"),
        "running_since": now if state in STUDY_WORKING else None,
    }
    conn.execute(update(studies).where(studies.c.id == study_id).values(**new))
    if state is not StudyState.RUNNING:
        data = {"from": StudyState.RUNNING.value, "to": state.value, "event": "recovered", "reason": reason}
        add_event(conn, events.STUDY_MOVED, name, None, {**data, "actor": Actor.RECOVERY.value}, now)


def _paused_by(record: Mapping[str, Any]) -> PausedBy:
    """The one who has paused a study; a record of an earlier version has it in the words of its reason alone."""
    by_person = record.get("reason") in (None, "", PAUSED_BY_USER)
    found = record.get("paused_by") or (PausedBy.USER if by_person else PausedBy.DAEMON)
    return next((by for by in PausedBy if by == found), PausedBy.DAEMON)


def go_on(conn: Connection, study_id: int, now: float) -> None:
    """Have a study that has ended go on, because a trial of it waits or runs: an end was lost, or is not known yet.

    One that was done or has failed runs, to end anew after it; one that was stopped drains, which calls the trial off.
    """
    row = conn.execute(select(studies.c.name, studies.c.state, studies.c.reason).where(studies.c.id == study_id)).one()
    before = StudyState(row.state)
    state = StudyState.DRAINING if before is StudyState.STOPPED else StudyState.RUNNING
    reason = "" if state is StudyState.RUNNING else row.reason
    new = {"state": state.value, "reason": reason, "paused_by": "", "ended_at": None, "running_since": now}
    conn.execute(update(studies).where(studies.c.id == study_id).values(**new))
    data = {"from": before.value, "to": state.value, "event": "recovered", "reason": reason}
    add_event(conn, events.STUDY_MOVED, row.name, None, {**data, "actor": Actor.RECOVERY.value}, now)


def forget_study(conn: Connection, study_id: int, now: float) -> None:
    """Remove the rows of a study of whose name another one has run since; its events stay."""
    name = conn.execute(select(studies.c.name).where(studies.c.id == study_id)).scalar_one()
    conn.execute(delete(studies).where(studies.c.id == study_id))
    add_event(conn, events.STUDY_DELETED, name, None, {}, now)


def restore_trial(conn: Connection, study_id: int, record: Mapping[str, Any], now: float) -> int:
    """The row of a trial as its `spec.json`, or a study's list of waiting trials, has it; queued if it is new.

    A row that is there takes over the point that was run, for a suggestion may have been replaced since.

    Returns:
        Its id.

    Raises:
        ValueError, KeyError, TypeError: The record does not describe a trial.
    """
    number, params = int(record["number"]), dict(record["params"])
    origin = str(record.get("origin") or ORIGIN)
    wanted = {"wanted": study_id, "which": number}
    known = conn.execute(ID_BY_NUMBER, wanted).scalar()
    if known is None:
        new = NewTrial(
            params=params,
            origin=origin,
            why=str(record.get("why") or ""),
            priority=int(record.get("priority") or 0),
            rank=int(record.get("rank", int(origin not in OWN_ORIGINS))),
            stage=str(record.get("stage") or "search"),
            retry_of=record.get("retry_of"),
            number=number,
            seed=int(record["seed"]),
        )
        add_trials(conn, study_id, [new], now)
        known = conn.execute(ID_BY_NUMBER, wanted).scalar_one()
        made = {"space": int(record.get("space") or 1), "created_at": float(record.get("created_at") or now)}
        conn.execute(update(trials).where(_t.id == known).values(**made))
    else:
        point = {"params": dump(params), "point_key": canonical_key(params)}
        conn.execute(update(trials).where(_t.id == known, _t.point_key != point["point_key"]).values(**point))
    return int(known)


def set_retries_used(conn: Connection, trial_id: int, retries_used: Mapping[str, int]) -> None:
    """Note the retries that had been spent when an attempt of a trial was launched."""
    conn.execute(update(trials).where(_t.id == trial_id).values(retries_used=dump(dict(retries_used))))


def reserve_numbers(conn: Connection, study_id: int, highest: int) -> None:
    """Give no number up to this one to a new trial: its folder is there."""
    column = studies.c.next_number
    known = conn.execute(_HIGHEST, {"wanted": study_id}).scalar() or 0
    following = max(highest, known) + 1
    conn.execute(update(studies).where(studies.c.id == study_id, column < following).values(next_number=following))


def add_missing(conn: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    """Store observations (trial, name, attempt, step, value, time) that are not there; how many were not."""
    driver = driver_of(conn)
    before = driver.total_changes
    driver.executemany(_OBSERVE_MISSING, rows)
    return driver.total_changes - before


def mark_best(conn: Connection, study_id: int, trial_id: int) -> None:
    """Note a study's best trial."""
    conn.execute(update(studies).where(studies.c.id == study_id).values(best_trial_id=trial_id))
