"""Changing a study's space while it runs: by hand, or by the results before a phase.

Owns the transaction: the new version, the suggestions that no longer fit, and what is said of it. It runs in the
writer's thread; what a space may be is `core`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewSpace
from tuned.core.changes.space import changes_between, restored
from tuned.core.errors import InvalidInput
from tuned.core.program.arguments import recorded
from tuned.core.ranking import Ranking
from tuned.core.search.design import fresh_point
from tuned.core.search.refine import refined
from tuned.core.space import Point, SearchSpace, canonical_key
from tuned.core.states import VALUED
from tuned.core.study import SEARCH, Study
from tuned.core.trials.trial import OWN_ORIGINS, Trial
from tuned.daemon.search.taken import Taken
from tuned.daemon.search.ways import due_in, lag, reproducible
from tuned.daemon.study_moves import refuse_ending


@dataclass(slots=True)
class NewVersion:
    """The result of a change; `replaced` holds number, old and new point."""

    version: int
    changes: list[str]
    why: list[str]
    kept: int
    left_out: int
    replaced: list[tuple[int, Point, Point]] = field(default_factory=list)
    off: list[int] = field(default_factory=list)


def fitting(conn: Connection, study: Study, space: SearchSpace) -> tuple[int, int]:
    """How many trials with a result have points that are part of this space, and how many do not."""
    ended = [t for t in queries.trials(conn, study.id, states=VALUED) if t.values and t.stage == SEARCH]
    kept = sum(space.carried(trial.params) is not None for trial in ended)
    return kept, len(ended) - kept


def refinement(conn: Connection, study: Study, cut: int | None = None) -> tuple[SearchSpace, list[str]]:
    """The study's space as its results would have it, and why; with a `cut`, by those of trials up to that number.

    A point counts once, by its best run: several seeds of it would be a crowd of good results, or of bad ones.
    """
    space, objective = study.spec.space, study.spec.objective
    if objective is None:
        return space, ["there is no objective to refine by"]
    trials = queries.trials(conn, study.id, states=VALUED)
    ranked = Ranking.of(study.spec).ranked(t for t in trials if cut is None or t.number <= cut)
    points: dict[str, Point] = {}
    for trial in ranked:
        point = space.carried(trial.params)
        if point is not None:
            points.setdefault(canonical_key(point), point)
    return refined(space, list(points.values()))


def earlier(conn: Connection, study: Study, version: int) -> SearchSpace:
    """The space of an earlier version, to be put into use again.

    Raises:
        InvalidInput: There is no such version.
    """
    known = queries.space_versions_of(conn, study.id)
    found = next((one.space for one in known if one.version == version), None)
    if found is None:
        raise InvalidInput(f"there is no version {version}", where="back_to", hint=f"there are 1 to {len(known)}")
    return restored(study.spec.space, found)


def change(conn: Connection, study: Study, space: SearchSpace, why: list[str], origin: str, now: float) -> NewVersion:
    """Put a space into use; trials that fit go on counting, unstarted suggestions that do not are replaced.

    Raises:
        Conflict: The study is ending, and would start nothing more.
    """
    refuse_ending(study)
    changes = changes_between(study.spec.space, space)
    kept, left_out = fitting(conn, study, space)
    new = NewVersion(study.space, changes, why, kept, left_out)
    if not changes and space == study.spec.space:
        return new
    spec = replace(study.spec, space=space)
    new.version += 1
    waiting = queries.unstarted(conn, study.id)
    misfits = [trial for trial in waiting if space.carried(trial.params) != trial.params]
    new.off = [trial.number for trial in misfits if trial.origin in OWN_ORIGINS]
    changed = replace(study, spec=spec, space=new.version)
    taken = Taken(conn, study.id)
    # Stand-ins until the model has seen the new space.
    stand_in = "sobol" if due_in(changed).by_design else "fallback"
    swaps = [
        (t, point)
        for t in misfits
        if t.origin not in OWN_ORIGINS and (point := _instead(changed, t, taken)) is not None
    ]
    new.replaced = [(trial.number, trial.params, point) for trial, point in swaps]
    told = {"kept": kept, "left_out": left_out, "replaced": [number for number, _, _ in new.replaced]}
    repository.new_space(conn, study.id, spec, NewSpace(origin, "; ".join(why), changes, told), now)
    for trial, point in swaps:
        reason = f"in place of a point that is no part of version {new.version} of the space"
        repository.replace_suggestion(conn, trial, point, origin=stand_in, why=reason, space=new.version, now=now)
    return new


def _instead(study: Study, trial: Trial, taken: Taken) -> Point | None:
    """A point of the new space for a trial that has not started; the model may replace it before it does."""
    rounded = partial(recorded, study.spec)
    point = fresh_point(study.spec.space, study.spec.search.seed, trial.number - 1, taken, as_recorded=rounded)
    if point is not None:
        taken.add(canonical_key(point))
    return point


def refine_before(conn: Connection, study: Study, phase: int, now: float) -> Study:
    """The study with its space refined for this phase; done once for each phase."""
    origin = f"phase {phase + 1}"
    if queries.has_space_from(conn, study.id, origin):
        return study
    cut = queries.next_number(conn, study.id) - 1 - lag(study) if reproducible(study) else None
    space, why = refinement(conn, study, cut)
    if space == study.spec.space:
        # A version all the same, so that it is said once, and not looked at again with every point.
        spec = study.spec
        told = {"kept": 0, "left_out": 0, "replaced": []}
        repository.new_space(conn, study.id, spec, NewSpace(origin, "; ".join(why), (), told), now)
    else:
        change(conn, study, space, why, origin, now)
    return queries.study_by_id(conn, study.id)
