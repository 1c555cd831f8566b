"""`priority`: the order in which queued trials run, also across studies."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import repository
from tuned.core.queue.priorities import check_priority
from tuned.core.states import TERMINAL
from tuned.daemon import clock
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.resolving import resolve
from tuned.daemon.verbs.effect import Effect
from tuned.wire import Changed, Reprioritise

router = make_router("verbs")


@router.post("/priority")
async def priority(request: Reprioritise, given: Given) -> Changed:
    """Higher runs first, also across studies."""
    effect = await given.commit(
        lambda conn: _reprioritise(conn, request.targets, request.priority, request.relative, clock.now())
    )
    return Changed(effect.changed, effect.skipped)


def _reprioritise(conn: Connection, texts: list[str], value: int, relative: bool, now: float) -> Effect:
    """Set or shift the priority of studies and trials.

    Raises:
        InvalidInput, NotFound: A target or the priority is wrong; nothing has changed.
        Conflict: Every target has ended.
    """
    effect = Effect()
    for study, target, trials in resolve(conn, texts):
        if target.is_study:
            new = check_priority(value + (study.priority if relative else 0))
            repository.set_study_priority(conn, study.id, new, now)
            effect.changed.append(study.name)
        for trial in trials:
            if trial.state in TERMINAL:
                effect.skip(trial)
                continue
            new = check_priority(value + (trial.priority if relative else 0))
            repository.set_priority(conn, trial.id, new, now)
            effect.changed.append(trial.name)
    effect.refuse_if_empty()
    return effect
