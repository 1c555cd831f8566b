"""Transactions on a whole study that several rooms share: it drains, ends, runs again, tries failed points again.

They run in the writer's thread, on the write connection.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial
from tuned.core.errors import Conflict
from tuned.core.queue.schedule import room_for
from tuned.core.space import Point
from tuned.core.states import STUDY_ENDED, WASTED, Actor, StudyState, TrialState
from tuned.core.study import SEARCH, Study
from tuned.core.trials.trial import Trial


def drain_study(conn: Connection, study_id: int, reason: str, actor: Actor, now: float) -> list[int]:
    """Let the study drain; one that drains already is only rid of what came back into its queue.

    Returns:
        Numbers of the queued trials that were cancelled by it.

    Raises:
        IllegalMove: The study has ended.
    """
    if queries.study_by_id(conn, study_id).state is not StudyState.DRAINING:
        repository.move_study(conn, study_id, "drain", actor, now, reason=reason)
    cancelled = []
    for trial in queries.trials(conn, study_id, states=[TrialState.QUEUED]):
        repository.move_trial(conn, trial.id, "cancel", actor, now, reason=reason)
        cancelled.append(trial.number)
    return cancelled


def end_study(conn: Connection, study_id: int, event: str, reason: str, now: float) -> None:
    """End a study that has drained; its paused trials keep their results, and why they waited, and become pruned.

    Raises:
        IllegalMove: The study is not draining.
    """
    for trial in queries.trials(conn, study_id, states=[TrialState.PAUSED]):
        why = "; ".join(part for part in (trial.reason, "its study has ended") if part)
        repository.move_trial(conn, trial.id, "prune", Actor.SCHEDULER, now, reason=why)
    repository.move_study(conn, study_id, event, Actor.SCHEDULER, now, reason=reason)


def refuse_ending(study: Study) -> None:
    """Refuse what a study that drains would start nothing more for.

    Raises:
        Conflict: It drains.
    """
    if study.state is StudyState.DRAINING:
        raise Conflict(f"{study.name} is ending ({study.reason})", hint="wait for its last trials, then try again")


def reopen(conn: Connection, study_id: int, now: float) -> None:
    """A study that has ended runs again, because something was queued in it.

    Raises:
        Conflict: It is ending just now, and would cancel what was queued.
    """
    study = queries.study_by_id(conn, study_id)
    refuse_ending(study)
    if study.state in STUDY_ENDED:
        repository.move_study(conn, study_id, "reopen", Actor.USER, now, reason="")


@dataclass(slots=True)
class Again:
    """The points that failed while a study had no result: which run once more, and which do not.

    Attributes:
        queued: Number of the trial that failed, and of the new one.
        left: Trials whose point has failed twice.
    """

    queued: list[tuple[int, int]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)


def run_failed_again(
    conn: Connection, study: Study, now: float, *, once: bool, dropped: Collection[Point] = ()
) -> Again:
    """Queue the points that failed while the study had no result.

    A point that failed for the script's or the file's sake says nothing of the point: the mended study tries it.

    Args:
        conn: The transaction.
        study: As it stands.
        now: Unix seconds.
        once: Leave a point that has failed again since, as long as there are others: a study whose first point fails
            for ever, such as a baseline that no memory holds, would never get to them.
        dropped: Points that are not wanted any more.
    """
    found = Again()
    waiting = queries.trials(conn, study.id, states=[TrialState.QUEUED])
    failed = queries.trials(conn, study.id, states=sorted(WASTED))
    twice = [t.params for t in failed if t.origin == "retry"] if once else []
    if not waiting and not room_for(study.point_counts, study.search.trials, 1):
        twice = []
    seen: list[Point] = [*dropped, *(t.params for t in waiting)]
    for trial in failed:
        fits = study.spec.space.carried(trial.params) == trial.params
        if trial.stage != SEARCH or not fits or trial.params in seen:
            continue
        seen.append(trial.params)
        if trial.params in twice:
            found.left.append(trial.number)
            continue
        (number,) = repository.add_trials(conn, study.id, [_again(trial)], now)
        found.queued.append((trial.number, number))
    return found


def _again(trial: Trial) -> NewTrial:
    return NewTrial(
        params=trial.params,
        origin="retry",
        why=f"trial {trial.number} once more: it failed before the study had a result",
        priority=trial.priority,
        rank=0,
        retry_of=trial.number,
    )
