"""A study as its record beside the run directories holds it: all that those directories do not say. Owns no change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from storage.json_text import load
from storage.models import IS_QUEUED, pipelines, space_versions, studies, study_specs, trials
from tuned.core.study import SEARCH
from tuned.core.trials.trial import OWN_ORIGINS

_s, _v, _t = studies.c, space_versions.c, trials.c

_STUDY = (
    select(studies, study_specs, pipelines.c.steps)
    .join(study_specs, study_specs.c.study_id == _s.id)
    .outerjoin(pipelines, pipelines.c.study_id == _s.id)
    .where(_s.name == bindparam("wanted"))
)
_SPACES = select(space_versions).where(_v.study_id == bindparam("wanted")).order_by(_v.version)
_WAITING = (
    select(trials)
    .where(
        _t.study_id == bindparam("wanted"),
        text(f"trials.{IS_QUEUED}"),
        _t.attempt == 0,
        _t.origin.in_(sorted(OWN_ORIGINS)) | (_t.stage != SEARCH),  # suggestions are left out: the search makes others
    )
    .order_by(_t.number)
)
_KEPT = (
    "name", "state", "reason", "paused_by", "phase", "priority", "created_at", "ended_at", "running_s", "next_number",
)  # fmt: skip
_OF_TRIAL = ("number", "origin", "why", "priority", "rank", "seed", "stage", "space", "retry_of", "created_at")
_OF_SPACE = ("version", "origin", "why", "at")


def study_names(conn: Connection) -> list[str]:
    """The names of all studies, oldest first."""
    return list(conn.execute(select(_s.name).order_by(_s.id)).scalars())


def study_record(conn: Connection, name: str) -> dict[str, Any] | None:
    """The content of `study.json` (docs/run-directory.md) but for its protocol version; None without such a study."""
    study = conn.execute(_STUDY, {"wanted": name}).mappings().first()
    if study is None:
        return None
    of = {"wanted": study["id"]}
    return {
        **{field: study[field] for field in _KEPT},
        "spec": load(study["spec"]),
        "submitted": load(study["submitted"]),
        "content_hash": study["content_hash"],
        "environment": load(study["environment"]),
        "steps": None if study["steps"] is None else load(study["steps"])["steps"],
        "spaces": [
            {
                **{field: row[field] for field in _OF_SPACE},
                "space": load(row["space"]),
                "changes": load(row["changes"]),
            }
            for row in conn.execute(_SPACES, of).mappings()
        ],
        "waiting": [
            {**{field: row[field] for field in _OF_TRIAL}, "params": load(row["params"])}
            for row in conn.execute(_WAITING, of).mappings()
        ],
    }
