"""`submit --update`: a study takes over what its edited file says, as far as that can change while it runs.

Owns what counts as such a change: everything that `set` changes, and nothing else.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries
from tuned.core import changes
from tuned.core.errors import Conflict
from tuned.core.study import Study, StudySpec
from tuned.daemon import changing


def update(conn: Connection, study: Study, spec: StudySpec, now: float) -> list[str]:
    """Change a study into what was submitted.

    Returns:
        `KEY: OLD -> NEW`, one a key.

    Raises:
        Conflict: Something differs that a study keeps for good; nothing has changed.
    """
    values = changes.between(study.spec, spec)
    if spec.priority != study.spec.priority:
        values["priority"] = spec.priority
    changed = changing.change(conn, study, values, now).changed if values else []
    left = queries.study_by_id(conn, study.id).spec.differences(spec)
    if left:
        raise Conflict(
            "these cannot change any more: " + "; ".join(left), where=study.name, hint="submit it --as another name"
        )
    return changed
