"""The transactions that bring a study to its end: it drains (nothing more starts), then it has ended.

They run in the writer's thread, on the write connection; draining is shared by the scheduler and by people's `cancel`.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries, repository
from tuned.core.states import Actor, StudyState, TrialState


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
    """End a study that has drained; its paused trials keep their results so far and become pruned.

    Raises:
        IllegalMove: The study is not draining.
    """
    for trial in queries.trials(conn, study_id, states=[TrialState.PAUSED]):
        repository.move_trial(conn, trial.id, "prune", Actor.SCHEDULER, now, reason="its study has ended")
    repository.move_study(conn, study_id, event, Actor.SCHEDULER, now, reason=reason)
