"""New reports of the objective, as early stopping looks at them one after the other.

Owns what was known when each of them came: several are stored at once, some take the place of others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection

from storage.driver import driver_of
from storage.repository.moves import MovingTrial
from storage.summaries import stored_curve, summary_at, summary_of
from tuned.core.search import rungs
from tuned.core.search.rungs import Streak
from tuned.core.study import EarlyStopping, Objective
from tuned.core.trials.effective_steps import effective

_LATEST = "SELECT max(step) FROM observations WHERE trial_id = ? AND name = ? AND attempt = ?"
_HIGHEST = "SELECT max(rung) FROM rungs WHERE trial_id = ?"
_STREAK = "SELECT best, best_step FROM streaks WHERE trial_id = ?"

Points = Sequence[tuple[float, float]]
"""(step, value), in the order of the file."""


@dataclass(frozen=True, slots=True)
class Reports:
    """New reports of the objective's metric.

    Attributes:
        points: As they came.
        anew: Whether they are the first ones of a later attempt: they replace others from their step on.
        before: (attempt, step) -> value of all that was stored before them, where one of them is of no later step than
            another that came before it, and takes its place or is put before it, or where patience begins anew with
            them; else None.
    """

    points: Points
    anew: bool = False
    before: Mapping[tuple[int, float], float] | None = None

    def known(self, trial: MovingTrial, place: int) -> dict[tuple[int, float], float]:
        """(attempt, step) -> value of all that had been reported when one of them came; only with `before`."""
        new = {(trial.attempt, step): value for step, value in self.points[: place + 1]}
        known = {**(self.before or {}), **new}
        kept = effective((attempt, step, attempt) for attempt, step in sorted(known))
        return {(attempt, step): known[attempt, step] for step, attempt in kept}

    def value(self, conn: Connection, trial: MovingTrial, objective: Objective, place: int) -> float:
        """The summary at one of them, of what had been reported when it came."""
        step = self.points[place][0]
        if self.before is None:
            return summary_at(conn, trial.id, trial.attempt, objective, step)
        return summary_of(objective, {key: value for key, value in self.known(trial, place).items() if key[1] <= step})

    def streak(self, conn: Connection, trial: MovingTrial, rule: EarlyStopping, objective: Objective) -> Streak | None:
        """The streak up to them.

        A new attempt's is made of what counts of those before it: what came after they were to stop was not looked at,
        and what it reports anew does not count any more.
        """
        if not self.anew:
            row = driver_of(conn).execute(_STREAK, (trial.id,)).fetchone()
            return None if row is None else Streak(*row)
        first = self.points[0][0]
        kept = [(key, value) for key, value in (self.before or {}).items() if key[1] < first]
        return rungs.streak_of(rule, objective, kept, first)[0]


def new_reports(
    conn: Connection, trial: MovingTrial, rule: EarlyStopping, objective: Objective, batch: Points, anew: bool
) -> Reports:
    """New reports, looked at before they are stored: a verdict must not know of what came after its own."""
    if not batch:
        return Reports(batch, anew)
    driver = driver_of(conn)
    (latest,) = driver.execute(_LATEST, (trial.id, objective.metric, trial.attempt)).fetchone()
    rise = all(one[0] < other[0] for one, other in pairwise(batch)) and (latest is None or latest < batch[0][0])
    told = anew and rule.patience is not None
    if not told and (rise or (rule.patience is None and not _reaches_rung(driver, trial.id, rule, batch))):
        return Reports(batch, anew)
    return Reports(batch, anew, stored_curve(conn, trial.id, objective))


def _reaches_rung(driver: sqlite3.Connection, trial_id: int, rule: EarlyStopping, batch: Points) -> bool:
    (last,) = driver.execute(_HIGHEST, (trial_id,)).fetchone()
    following = rungs.rung_step(rule, 0 if last is None else last + 1)
    return following is not None and max(step for step, _ in batch) >= following
