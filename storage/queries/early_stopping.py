"""Reads of early stopping: verdicts with their evidence, who waits at a rung, how often it was wrong. No change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage.summaries import NAN
from tuned.core.search import rescue, rungs
from tuned.core.search.rungs import Decision, Ruling
from tuned.core.states import TrialState
from tuned.core.study import Study
from tuned.protocol import FOLDS_PREFIX

_DECISIONS = "SELECT rung, step, value, peers, passing, cutoff, verdict, at FROM rungs WHERE trial_id = ? ORDER BY rung"
_FOLDS = "SELECT step, value FROM observations WHERE trial_id = ? AND name = ? ORDER BY attempt"
_WAITING = """SELECT t.id, t.number, t.value, r.score FROM rungs r JOIN trials t ON t.id = r.trial_id
    WHERE r.study_id = ? AND r.verdict = 'paused' AND t.state = 'paused'"""
_WAITING_COUNT = f"SELECT count(*) FROM ({_WAITING})"
_FIRST_MARK = """SELECT cut_score, cut_number FROM rung_marks
    WHERE study_id = ? AND rung = 0 AND cut_number IS NOT NULL"""
_BEST_WHOLE = "SELECT {}(value) FROM trials WHERE study_id = ? AND tier = 0"
_RESCUED_IDS = """SELECT t.id FROM rungs r JOIN trials t ON t.id = r.trial_id WHERE r.study_id = ?
    AND (r.verdict = 'rescued' OR r.verdict = 'pruned' AND t.tier = 0)"""
_RESCUED = f"SELECT state, stopped_by, failure, value FROM trials WHERE id IN ({_RESCUED_IDS})"
_UNRESCUED = f"SELECT value FROM trials WHERE study_id = ? AND tier = 0 AND id NOT IN ({_RESCUED_IDS})"


@dataclass(frozen=True, slots=True)
class StoppingReport:
    """Tally of early stopping in a study.

    Attributes:
        stopped: Trials that ended before their end; `waiting`: those that may be promoted yet.
        rescued: Trials that would have been stopped and run to their end, also those that reached it before they
            noticed; `rescued_ended`: those that have come there, or diverged on the way.
        wrong: Of those, how many ended better than the median of the trials that the rule let through.
    """

    stopped: int
    waiting: int
    rescued: int
    rescued_ended: int
    wrong: int

    @property
    def wrong_share(self) -> float | None:
        """The measured share of wrong decisions; None before there is any measurement."""
        return self.wrong / self.rescued_ended if self.rescued_ended else None


def decisions(conn: Connection, trial_id: int) -> list[Decision]:
    """The verdicts on a trial, lowest rung first."""
    return [
        Decision(rung, step, NAN if value is None else value, peers, passing, cutoff, Ruling(verdict), at)
        for rung, step, value, peers, passing, cutoff, verdict, at in conn.exec_driver_sql(_DECISIONS, (trial_id,))
    ]


def rung_values(conn: Connection, trial_ids: Sequence[int]) -> dict[int, dict[int, float]]:
    """Trial id -> rung -> the objective's summary there; values that are not finite are left out."""
    found: dict[int, dict[int, float]] = {}
    for start in range(0, len(trial_ids), 500):
        some = tuple(trial_ids[start : start + 500])
        marks = ",".join("?" * len(some))
        for trial_id, rung, value in conn.exec_driver_sql(
            f"SELECT trial_id, rung, value FROM rungs WHERE trial_id IN ({marks}) AND abs(value) < 9e999", some
        ):
            found.setdefault(trial_id, {})[rung] = value
    return found


def fold_values(conn: Connection, trial_ids: Sequence[int], metric: str) -> dict[int, dict[int, float]]:
    """Trial id -> fold -> its result there, NaN included; of several attempts the latest."""
    found: dict[int, dict[int, float]] = {}
    for trial_id in trial_ids:
        for step, value in conn.exec_driver_sql(_FOLDS, (trial_id, FOLDS_PREFIX + metric)):
            found.setdefault(trial_id, {})[int(step)] = NAN if value is None else value
    return found


def rescued_trials(conn: Connection, study_id: int) -> frozenset[int]:
    """Ids of the trials that a rule would have stopped and that run to their end: to measure it, or unnoticed."""
    return frozenset(conn.exec_driver_sql(_RESCUED_IDS, (study_id,)).scalars())


def waiting_count(conn: Connection, study_id: int) -> int:
    """How many trials wait at a rung for their promotion."""
    return int(conn.exec_driver_sql(_WAITING_COUNT, (study_id,)).scalar() or 0)


def unfinished(conn: Connection, study: Study) -> list[tuple[int, Ruling]]:
    """Trials waiting at a rung that shall still run to their end before the study is over: `rungs.to_finish`."""
    rule, objective = study.spec.early_stopping, study.spec.objective
    if rule is None or objective is None:
        return []
    at_rung = rule.method == "i-epoch"
    waiting = [
        (trial_id, number, score if at_rung else rungs.score_of(objective, NAN if value is None else value))
        for trial_id, number, value, score in conn.exec_driver_sql(_WAITING, (study.id,))
    ]
    if not waiting:
        return []
    best = conn.exec_driver_sql(_BEST_WHOLE.format(_extreme(objective.direction)), (study.id,)).scalar()
    score = None if best is None else rungs.score_of(objective, best)
    mark = conn.exec_driver_sql(_FIRST_MARK, (study.id,)).first()
    return rungs.to_finish(rule, study.spec.search.seed, waiting, score, None if mark is None else (mark[0], mark[1]))


def _extreme(direction: str) -> str:
    return "min" if direction == "minimize" else "max"


def stopping_report(conn: Connection, study: Study) -> StoppingReport | None:
    """Tally of early stopping; None in a study without it."""
    objective = study.spec.objective
    if study.spec.early_stopping is None or objective is None:
        return None
    rescued = conn.exec_driver_sql(_RESCUED, (study.id,)).all()
    ended = [rungs.score_of(objective, NAN if row.value is None else row.value) for row in rescued if rescue.told(row)]
    others = conn.exec_driver_sql(_UNRESCUED, (study.id, study.id)).scalars().all() if ended else []
    wrong = rescue.wrongly_stopped(ended, [rungs.score_of(objective, value) for value in others])
    stopped = study.counts.get(TrialState.PRUNED, 0)
    return StoppingReport(stopped, waiting_count(conn, study.id), len(rescued), len(ended), len(wrong))
