"""`submit --update`: a study takes over what its edited file says, as far as that can change while it runs.

Owns what counts as such a change: everything that `set` changes, and bounds and values of the space.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries
from tuned.core import changes
from tuned.core.errors import Conflict
from tuned.core.space_edit import between, edited
from tuned.core.study import Study, StudySpec
from tuned.daemon.requests import changing
from tuned.daemon.search import spaces


def update(conn: Connection, study: Study, spec: StudySpec, now: float) -> list[str]:
    """Change a study into what was submitted.

    Returns:
        `KEY: OLD -> NEW`, one a key.

    Raises:
        Conflict: Something differs that a study keeps for good; nothing has changed.
    """
    changed: list[str] = []
    edit = between(study.spec.space, spec.space)
    if not edit.empty:
        space = edited(study.spec.space, edit)
        made = spaces.change(conn, study, space, ["its study file was edited"], "user", now)
        changed += [f"space.{line}" for line in made.changes]
        study = queries.study_by_id(conn, study.id)
    values = changes.between(study.spec, spec)
    if spec.priority != study.spec.priority:
        values["priority"] = spec.priority
    if values:
        changed += changing.change(conn, study, values, now).changed
    left = queries.study_by_id(conn, study.id).spec.differences(spec)
    if left:
        raise Conflict(
            "these cannot change any more: " + "; ".join(left),
            where=study.name,
            hint="submit it --as another name; tunectl space adds and drops parameters",
        )
    return changed
