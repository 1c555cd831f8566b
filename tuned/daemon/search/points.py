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
from tuned.core.search.design import Method, fresh_point
from tuned.core.search.grid import fresh_grid_point
from tuned.core.search.phases import Due
from tuned.core.space import Point, canonical_key
from tuned.core.states import StudyState
from tuned.core.study import Study
from tuned.daemon.search.asking import Suggested
from tuned.daemon.search.space_versions import refine_before
from tuned.daemon.search.taken import Taken
from tuned.daemon.search.ways import due_in


def add_design_points(conn: Connection, study_id: int, count: int, origin: str | None, why: str, now: float) -> bool:
    """Queue the next quasi-random (or random) points of a study; runs in the writer's thread.

    Returns:
        False when no new point could be found: the space is exhausted.
    """
    study = queries.study_by_id(conn, study_id)
    if study.state not in (StudyState.RUNNING, StudyState.PAUSED):
        return True
    first = due_in(study)
    if first.refine:
        study = refine_before(conn, study, first.phase, now)
    taken = Taken(conn, study_id)
    for made in range(room_for(study.point_counts, study.search.trials, count)):
        way = due_in(study, made)
        if made and (not way.by_design or way.phase != first.phase):
            # The design, or the phase, is complete; the scheduler asks again.
            return True
        point, method, reason = _design_point(study, way, queries.next_number(conn, study_id), taken)
        if point is None:
            return False
        new = NewTrial(params=recorded(study.spec, point), origin=origin or method, why=why or reason)
        repository.add_trials(conn, study_id, [new], now)
        if origin is None:
            repository.set_study_phase(conn, study_id, method, way.why, now)
    return True


def untried(conn: Connection, study: Study, suggestions: Sequence[Suggested]) -> list[NewTrial]:
    """The suggestions as new trials; for one that is recorded like a point that was tried, a fresh one of the design.

    Values that reach the trial rounded are compared as they are recorded. Fewer than were suggested when the space has
    no fresh point.
    """
    taken, known, new = Taken(conn, study.id), set[str](), []
    space, number = study.spec.space, queries.next_number(conn, study.id)
    rounded = partial(recorded, study.spec)
    for i, suggestion in enumerate(suggestions):
        chosen = rounded(space.check(suggestion.params))
        point: Point | None = chosen
        origin, why = suggestion.origin, suggestion.why
        if canonical_key(chosen) in taken or canonical_key(chosen) in known:
            point = fresh_point(space, study.search.seed, number - 1 + i, taken, as_recorded=rounded)
            origin, why = "sobol", f"a new point: the model's choice ({why}) is recorded like one that was tried"
        if point is None or canonical_key(point) in known:
            continue
        known.add(canonical_key(point))
        new.append(NewTrial(point, origin, why))
    return new


def _design_point(study: Study, way: Due, number: int, taken: Container[str]) -> tuple[Point | None, str, str]:
    """The point of that number, its method, and why it is this one."""
    search, space = study.search, study.spec.space
    if way.way == "grid":
        index = number - way.begun - len(search.points)
        point = fresh_grid_point(space, way.levels, max(0, index - 1), taken)
        return point, "grid", f"point {index} of the grid with {way.levels} levels"
    method: Method = "random" if way.way == "random" else "sobol"
    reason = f"point {number} of the {method} design with seed {search.seed}"
    rounded = partial(recorded, study.spec)
    return fresh_point(space, search.seed, number - 1, taken, method, rounded), method, reason
