"""Reads of the results that a study begins with: those of earlier ones. Owns no change."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, or_

from storage import rows
from storage.models import studies, trials
from tuned.core.states import StoppedBy
from tuned.core.trials.trial import Trial

_t = trials.c
_RESULTS = (
    rows.select_trials()
    .where(
        studies.c.name == bindparam("source"),
        _t.state.in_(["completed", "pruned"]),
        or_(_t.state == "completed", _t.stopped_by == StoppedBy.PATIENCE),
        _t.stopped_by != StoppedBy.DISK,
        _t.stage == "search",
        _t.ended_at <= bindparam("before"),
    )
    .order_by(_t.number)
    .limit(bindparam("most"))
)
MOST = 5000


def results_before(conn: Connection, source: str, before: float) -> list[Trial]:
    """The finished trials of a study that had ended by a moment: what comes later changes nothing.

    Those of whose results the full disk kept a part are left out.
    """
    found = conn.execute(_RESULTS, {"source": source, "before": before, "most": MOST})
    return [rows.to_trial(row) for row in found]
