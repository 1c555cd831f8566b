"""Writes of a study's space: its versions, and suggestions that are replaced before they start.

Owns the numbering of versions. The meaning of an edit is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, text, update

from storage.json_text import dump
from storage.models import IS_QUEUED, space_versions, studies, study_specs, trials
from storage.repository.events import add_event
from tuned.core import events
from tuned.core.errors import NotFound
from tuned.core.space import Point, SearchSpace, canonical_key
from tuned.core.study import StudySpec
from tuned.core.trials.trial import Trial

_t = trials.c

_CURRENT = (
    select(studies.c.name, study_specs.c.space)
    .join(study_specs, study_specs.c.study_id == studies.c.id)
    .where(studies.c.id == bindparam("wanted"))
)
_SET_SPEC = (
    update(study_specs)
    .where(study_specs.c.study_id == bindparam("wanted"))
    .values({name: bindparam(f"new_{name}") for name in ("spec", "content_hash", "space")})
)
_REPLACE = (
    update(trials)
    .where(_t.id == bindparam("wanted"), text(IS_QUEUED), _t.attempt == 0)
    .values({name: bindparam(f"new_{name}") for name in ("params", "point_key", "origin", "why", "space", "moved_seq")})
)


@dataclass(frozen=True, slots=True)
class NewSpace:
    """Description of a new version.

    Attributes:
        origin: `user`, or `phase N`.
        why: One line for a person.
        changes: Differences from the version before.
        told: Further data of its event.
    """

    origin: str
    why: str
    changes: Sequence[str]
    told: dict[str, Any]


def first_space(conn: Connection, study_id: int, space: SearchSpace, now: float) -> None:
    """Store version 1, with the submission."""
    _add(conn, study_id, 1, space, "submit", "", (), now)


def new_space(conn: Connection, study_id: int, spec: StudySpec, new: NewSpace, now: float) -> int:
    """Put the specification's space into use.

    Returns:
        Its version.

    Raises:
        NotFound: There is no such study.
    """
    current = conn.execute(_CURRENT, {"wanted": study_id}).first()
    if current is None:
        raise NotFound("there is no such study", where=str(study_id))
    version = int(current.space) + 1
    row = {"wanted": study_id, "new_spec": dump(spec.to_dict()), "new_content_hash": spec.content_hash()}
    conn.execute(_SET_SPEC, {**row, "new_space": version})
    _add(conn, study_id, version, spec.space, new.origin, new.why, new.changes, now)
    data = {"version": version, "origin": new.origin, "changes": list(new.changes), "why": new.why, **new.told}
    add_event(conn, events.STUDY_SPACE, current.name, None, data, now)
    return version


def replace_suggestion(
    conn: Connection, trial: Trial, point: Point, *, origin: str, why: str, space: int, now: float
) -> bool:
    """Give a trial that has not started another point.

    Returns:
        False when it has started, or is gone: nothing has changed then.
    """
    data = {"params": point, "origin": origin, "why": why, "before": trial.params, "space": space}
    new = {
        "wanted": trial.id,
        "new_params": dump(point),
        "new_point_key": canonical_key(point),
        "new_origin": origin,
        "new_why": why,
        "new_space": space,
        "new_moved_seq": 0,
    }
    if conn.execute(_REPLACE, new).rowcount != 1:
        return False
    seq = add_event(conn, events.TRIAL_REPLACED, trial.study, trial.number, data, now)
    conn.execute(update(trials).where(_t.id == trial.id).values(moved_seq=seq))
    return True


def _add(
    conn: Connection,
    study_id: int,
    version: int,
    space: SearchSpace,
    origin: str,
    why: str,
    changes: Sequence[str],
    now: float,
) -> None:
    row = {
        "study_id": study_id,
        "version": version,
        "space": dump(space.to_dict()),
        "origin": origin,
        "why": why,
        "changes": dump(list(changes)),
        "at": now,
    }
    conn.execute(insert(space_versions), row)
