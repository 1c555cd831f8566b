"""Reads of a study's space: its versions, and the suggestions that have not started. Owns no change."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, text

from storage import rows
from storage.json_text import load
from storage.models import IS_QUEUED, space_versions, trials
from storage.rows import load_space
from tuned.core.space import SearchSpace
from tuned.core.trials.trial import Trial

_v, _t = space_versions.c, trials.c
_VERSIONS = (
    select(_v.version, _v.space, _v.origin, _v.why, _v.changes, _v.at, func.count(_t.id))
    .outerjoin(trials, (_t.study_id == _v.study_id) & (_t.space == _v.version))
    .where(_v.study_id == bindparam("wanted"))
    .group_by(_v.version)
    .order_by(_v.version)
)
_ORIGIN = select(_v.version).where(_v.study_id == bindparam("wanted"), _v.origin == bindparam("origin"))
_UNSTARTED = (
    rows.select_trials()
    .where(_t.study_id == bindparam("wanted"), text(f"trials.{IS_QUEUED}"), _t.attempt == 0, _t.stage == "search")
    .order_by(_t.number)
)


@dataclass(frozen=True, slots=True)
class SpaceVersion:
    """A version of a study's space, and how many trials were made in it."""

    version: int
    space: SearchSpace
    origin: str
    why: str
    changes: list[str]
    at: float
    trials: int


def space_versions_of(conn: Connection, study_id: int) -> list[SpaceVersion]:
    """All versions, oldest first."""
    return [
        SpaceVersion(f[0], load_space(f[1]), f[2], f[3], load(f[4]), f[5], f[6])
        for f in conn.execute(_VERSIONS, {"wanted": study_id})
    ]


def has_space_from(conn: Connection, study_id: int, origin: str) -> bool:
    """Whether a version has this origin."""
    return conn.execute(_ORIGIN, {"wanted": study_id, "origin": origin}).first() is not None


def unstarted(conn: Connection, study_id: int) -> list[Trial]:
    """Queued trials of the search that no process has begun, by number."""
    return [rows.to_trial(row) for row in conn.execute(_UNSTARTED, {"wanted": study_id})]
