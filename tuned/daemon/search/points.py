"""Points that the daemon makes itself: those of designs and grids, as queued trials.

Runs in the writer's thread.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial
from tuned.core.program.arguments import recorded
from tuned.core.queue.schedule import room_for
from tuned.core.search import near
from tuned.core.search.design import Method, begins_with, fresh_point
from tuned.core.search.grid import fresh_grid_point
from tuned.core.search.model_share import CONVERGED, FALLBACK, MODELLED
from tuned.core.search.phases import Due
from tuned.core.space import Point, canonical_key
from tuned.core.states import STUDY_OPEN
from tuned.core.study import Study
from tuned.daemon.search.asking import Suggested
from tuned.daemon.search.space_versions import refine_before
from tuned.daemon.search.taken import Taken
from tuned.daemon.search.ways import due_in, reproducible, results_of, too_early

MOST_RANKED = 100
"""Best points among which those of the present space are looked for."""
TRIES = 20
"""Points near the best that are made for one that has not been tried."""


def add_design_points(conn: Connection, study_id: int, count: int, origin: str | None, why: str, now: float) -> bool:
    """Queue the next quasi-random (or random) points of a study; runs in the writer's thread.

    With an `origin` they stand in for those of a model: near the best results, where there are some.

    Returns:
        False when no new point could be found: the space is exhausted.
    """
    study = queries.study_by_id(conn, study_id)
    if study.state not in STUDY_OPEN:
        return True
    first = due_in(study)
    if too_early(study):
        # The question is older than the last points that were queued; the scheduler asks again.
        return True
    if first.refine:
        study = refine_before(conn, study, first.phase, now)
    taken = Taken(conn, study_id)
    best = _parents(conn, study) if origin == FALLBACK else []
    for made in range(room_for(study.point_counts, study.search.trials, count)):
        way = due_in(study, made)
        if made and (not way.by_design or way.phase != first.phase):
            # The design, or the phase, is complete; the scheduler asks again.
            return True
        number = queries.next_number(conn, study_id)
        beside = _near(study, best, number, taken)
        if beside is not None:
            new = NewTrial(recorded(study.spec, beside), FALLBACK, f"{why}; near the best so far")
        else:
            point, method, reason = _design_point(study, way, number, taken)
            if point is None:
                return False
            new = NewTrial(params=recorded(study.spec, point), origin=origin or method, why=why or reason)
        repository.add_trials(conn, study_id, [new], now)
        if origin is None:
            repository.set_study_phase(conn, study_id, new.origin, way.why, now)
    return True


def _parents(conn: Connection, study: Study) -> list[Point]:
    """The best points near which others may be made; none where the order is not one, or must not matter."""
    if len(study.spec.objectives) != 1 or reproducible(study) or results_of(study) < near.LEAST:
        return []
    best = (study.spec.space.carried(trial.params) for trial in queries.best_points(conn, study, MOST_RANKED))
    return [point for point in best if point is not None][: near.PARENTS]


def _near(study: Study, best: Sequence[Point], number: int, taken: Container[str]) -> Point | None:
    """A fresh point near one of these; None where one of the design is due, or all that are tried have been taken."""
    if not best or number % near.EVERY == 0:
        return None
    for attempt in range(TRIES):
        point = near.near_point(study.spec.space, best, study.search.seed, number - 1 + attempt * 1_000_003)
        point = recorded(study.spec, point)
        if canonical_key(point) not in taken:
            return point
    return None


def untried(conn: Connection, study: Study, suggestions: Sequence[Suggested]) -> list[NewTrial]:
    """The suggestions as new trials; in place of one that is recorded like a point that was tried, one of the design.

    Values that reach the trial rounded are compared as they are recorded. Fewer than were suggested when the space has
    no fresh point.
    """
    taken, new = Taken(conn, study.id), []
    space, number = study.spec.space, queries.next_number(conn, study.id)
    rounded = partial(recorded, study.spec)
    for i, suggestion in enumerate(suggestions):
        chosen = rounded(space.check(suggestion.params))
        point: Point | None = chosen
        origin, why = suggestion.origin, suggestion.why
        if canonical_key(chosen) in taken:
            point = fresh_point(space, study.search.seed, number - 1 + i, taken, as_recorded=rounded)
            if origin in MODELLED:
                origin, why = FALLBACK, f"{CONVERGED}, as they are recorded ({why})"
        if point is not None:
            taken.add(canonical_key(point))
            new.append(NewTrial(point, origin, why))
    return new


def _design_point(study: Study, way: Due, number: int, taken: Container[str]) -> tuple[Point | None, str, str]:
    """The point of that number, its method, and why it is this one."""
    search, space = study.search, study.spec.space
    rounded = partial(recorded, study.spec)
    if way.way == "grid":
        before = way.begun or search.given
        found = fresh_grid_point(space, way.levels, max(0, number - 1 - before), taken, rounded)
        at, point = (0, None) if found is None else found
        return point, "grid", f"point {at + 1} of the grid with {way.levels} levels"
    method: Method = "random" if way.way == "random" else "sobol"
    reason = f"point {number} of the {method} design with seed {search.seed}"
    if number == 1 and method == "sobol" and not space.constraints:
        reason += begins_with(space)
    return fresh_point(space, search.seed, number - 1, taken, method, rounded), method, reason
