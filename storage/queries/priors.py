"""Reads of the results that a study begins with: those of earlier ones. Owns no change."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, or_

from storage import rows
from storage.models import studies, trials
from tuned.core.ranking import WHOLE_ENDS
from tuned.core.trials.trial import Trial

_t = trials.c
_RESULTS = (
    rows.select_trials()
    .where(
        studies.c.name == bindparam("source"),
        or_(*(and_(_t.state == state, _t.stopped_by == by) for state, by in WHOLE_ENDS)),
        _t.stage == "search",
        _t.ended_at <= bindparam("before"),
    )
    .order_by(_t.number)
    .limit(bindparam("most"))
)
MOST = 5000


def results_before(conn: Connection, source: str, before: float) -> list[Trial]:
    """The trials of a study's search that had run whole by a moment: later ones change nothing."""
    found = conn.execute(_RESULTS, {"source": source, "before": before, "most": MOST})
    return [rows.to_trial(row) for row in found]
