"""The verdict on a cross-validated trial after each of its folds, in the transaction that stores what it reported.

Owns the look-ups. The rule is `tuned.core.search.fold_stop`'s.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from storage.queries.early_stopping import fold_values
from storage.repository.moves import MovingTrial
from tuned.core.search.fold_stop import hopeless
from tuned.core.states import StoppedBy, StopReason
from tuned.protocol import FOLDS_PREFIX

_BEST = "SELECT s.best_trial_id FROM studies s JOIN trials t ON t.id = s.best_trial_id WHERE s.id = ? AND t.tier = 0"
"""One that was cut short lacks folds, and may be cut for the others' sake."""

_RIVALS = "SELECT count(*) FROM trials WHERE study_id = ? AND tier = 0"


def consider_folds(
    conn: Connection, trial: MovingTrial, reported: Collection[str]
) -> tuple[StopReason, StoppedBy, str] | None:
    """Judge a live trial whose batch held a fold's result; nothing once it is to end.

    Returns:
        The intent for the trial, the rule behind it, and why in one line; None when it goes on.
    """
    objective = trial.spec.objective
    if objective is None or trial.stop_reason is not None or FOLDS_PREFIX + objective.metric not in reported:
        return None
    best_id = conn.exec_driver_sql(_BEST, (trial.study_id,)).scalar()
    if best_id is None or best_id == trial.id:
        return None
    folds = fold_values(conn, (trial.id, int(best_id)), objective.metric)
    why = hopeless(
        folds.get(trial.id, {}),
        folds.get(int(best_id), {}),
        objective.direction,
        objective.metric,
        int(conn.exec_driver_sql(_RIVALS, (trial.study_id,)).scalar() or 1),
    )
    return (StopReason.PRUNE, StoppedBy.FOLDS, why) if why else None
