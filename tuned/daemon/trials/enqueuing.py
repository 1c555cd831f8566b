"""`enqueue`: points of the user's own become trials, all of them or none.

Owns that transaction. How lists and likenesses become points is `tuned.core.search.own_points`' to say.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial
from storage.writer import CALLER
from tuned.core.errors import InvalidInput
from tuned.core.program.arguments import recorded
from tuned.core.queue.priorities import check_priority
from tuned.core.search.design import complete_point
from tuned.core.search.own_points import MOST, expand, like
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock, failpoints, resolving, study_moves
from tuned.daemon.callers import Caller
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.wire import Enqueue, Enqueued

router = make_router("studies")


@router.post("/studies/{name}/enqueue")
async def enqueue(name: str, request: Enqueue, given: Given) -> Enqueued:
    """Queue points of the user's own; parameters left out are suggested."""

    def queue(conn: Connection) -> list[int]:
        return _enqueue(conn, resolving.named(conn, name), request, clock.now(), given.caller)

    numbers = await given.commit(queue)
    failpoints.reach("enqueue.committed")
    return Enqueued(numbers)


def _enqueue(conn: Connection, study: Study, request: Enqueue, now: float, caller: Caller | None = None) -> list[int]:
    """Queue the points that were asked for; an ended study runs again.

    Args:
        conn: The transaction.
        study: The study.
        request: The points.
        now: Unix seconds.
        caller: The program that asks; None: a person.

    Returns:
        Numbers of the new trials: point by point, and for each its seeds.

    Raises:
        InvalidInput: A point is not in the space; none is queued then.
        NotFound: There is no such trial to be like.
        Conflict: These are more than the caller may have.
    """
    model = None if request.like is None else _one_trial(conn, request.like)
    if not request.points and model is None:
        raise InvalidInput("no point was given", hint=f"tunectl enqueue {study.name} KEY=VALUE")
    priority = check_priority(request.priority)
    if not 1 <= request.seeds <= MOST:
        raise InvalidInput(f"{request.seeds} is no number of seeds", where="seeds", hint="write 3 to run each 3 times")
    points = expand(request.points or [{}], request.seeds)
    if caller is not None:
        caller.refuse_beyond(conn, len(points) * request.seeds, now)
    first, new, by = queries.next_number(conn, study.id), list[NewTrial](), conn.info.get(CALLER, "you")
    for values in points:
        wanted = values if model is None else like(study.spec.space, model.params, values)
        given, number = study.spec.space.check_partial(wanted), first + len(new)
        # Completed once: what differs between the seeds of a point is the seed alone.
        point = recorded(study.spec, complete_point(study.spec.space, given, study.spec.search.seed, number - 1))
        new += [
            NewTrial(
                params=point,
                origin="user",
                why=_why(by, model, seed, request.seeds),
                priority=priority,
                rank=0,
                # The first is a point of the search, the others are that point again.
                retry_of=None if seed == 1 else number,
            )
            for seed in range(1, request.seeds + 1)
        ]
    numbers = repository.add_trials(conn, study.id, new, now)
    study_moves.reopen(conn, study.id, now)
    return numbers


def _one_trial(conn: Connection, text: str) -> Trial:
    found = [trial for _, _, trials in resolving.resolve(conn, [text]) for trial in trials]
    if len(found) != 1:
        raise InvalidInput("names no single trial", where=text, hint="write STUDY/7 or STUDY/best")
    return found[0]


def _why(by: str, model: Trial | None, seed: int, seeds: int) -> str:
    why = f"enqueued by {by}"
    if model is not None:
        why += f", like {model.name}"
    return why + (f", seed {seed} of {seeds}" if seeds > 1 else "")
