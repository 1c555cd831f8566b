"""Reads of trials: one, lists, the best, and the heads of the queue. Owns no change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    distinct,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
)

from storage import rows
from storage.models import IS_ACTIVE_STUDY, studies
from storage.models import trials as table
from storage.queries.stages import OtherSeeds, other_seeds
from tuned.core.errors import NotFound
from tuned.core.ranking import Tier
from tuned.core.search.pareto import front
from tuned.core.space import canonical_key
from tuned.core.states import TrialState
from tuned.core.study import Study
from tuned.core.trials.trial import Trial

_t = table.c

MOST_RESULTS = 2000

_BY_NUMBER = rows.select_trials().where(_t.study_id == bindparam("study_id"), _t.number == bindparam("wanted"))
_BY_ID = rows.select_trials().where(_t.id == bindparam("wanted"))

_head = table.alias("head")
_HEADS_OF_STUDY = (
    select(_head.c.id)
    .where(_head.c.study_id == studies.c.id, text("head.state = 'queued'"))
    .order_by(_head.c.priority.desc(), _head.c.rank, _head.c.number)
    .limit(bindparam("per_study"))
    .correlate(studies)
)
_HEADS = (
    select(*rows.TRIAL_COLUMNS)
    .select_from(studies.join(table, and_(_t.id.in_(_HEADS_OF_STUDY), true())))
    .where(text(f"studies.{IS_ACTIVE_STUDY}"), text("studies.state = 'running'"))
    .order_by(
        (studies.c.priority + _t.priority).desc(),
        _t.rank,
        studies.c.created_at,
        studies.c.id,
        _t.number,
    )
)


def trial(conn: Connection, study_id: int, number: int) -> Trial | None:
    """The trial of that number."""
    row = conn.execute(_BY_NUMBER, {"study_id": study_id, "wanted": number}).first()
    return None if row is None else rows.to_trial(row)


def find_trial(conn: Connection, trial_id: int) -> Trial | None:
    """The trial, or None when its study has been deleted."""
    row = conn.execute(_BY_ID, {"wanted": trial_id}).first()
    return None if row is None else rows.to_trial(row)


def trial_by_id(conn: Connection, trial_id: int) -> Trial:
    """The trial.

    Raises:
        NotFound: Its study has been deleted.
    """
    found = find_trial(conn, trial_id)
    if found is None:
        raise NotFound("there is no such trial", where=str(trial_id))
    return found


def trials(
    conn: Connection,
    study_id: int | None = None,
    *,
    states: Collection[TrialState] | None = None,
    descending: bool = False,
    limit: int | None = None,
    offset: int = 0,
    numbers: Collection[tuple[int, int]] | None = None,
) -> list[Trial]:
    """A list of trials, by number; `storage.queries.trial_order` has the other orders.

    Args:
        conn: Any connection.
        study_id: Of one study; None: of all.
        states: Only those in these states.
        descending: The highest number first.
        limit: At most so many.
        offset: Leave out so many first.
        numbers: Only those whose number is in one of these ranges, both ends included.
    """
    statement: Select[Any] = rows.select_trials()
    if study_id is not None:
        statement = statement.where(_t.study_id == study_id)
    if states is not None:
        statement = statement.where(_t.state.in_([state.value for state in states]))
    if numbers is not None:
        statement = statement.where(or_(false(), *(_t.number.between(first, last) for first, last in numbers)))
    statement = statement.order_by(_t.number.desc() if descending else _t.number)
    if study_id is None:
        statement = statement.order_by(_t.id)
    if limit is not None or offset:
        statement = statement.limit(-1 if limit is None else limit).offset(offset)
    return [rows.to_trial(row) for row in conn.execute(statement)]


def best_trials(conn: Connection, study: Study, top: int) -> list[Trial]:
    """The study's ranked trials, best first, by the first objective: `tuned.core.ranking`, walked along an index."""
    objective = study.spec.objective
    if objective is None:
        return []
    value = _t.value.desc() if objective.direction == "maximize" else _t.value
    for tier in (Tier.WHOLE, Tier.CUT):
        statement = _of_tier(study, tier).order_by(value, _t.number).limit(top)
        if found := [rows.to_trial(row) for row in conn.execute(statement)]:
            return found
    return []


def best_points(conn: Connection, study: Study, top: int) -> list[Trial]:
    """The best trials of as many different points: a point that ran several times is there with its best run."""
    wanted = top
    while True:
        found = best_trials(conn, study, wanted)
        points: dict[str, Trial] = {}
        for trial in found:
            points.setdefault(canonical_key(trial.params), trial)
        if len(points) >= top or len(found) < wanted:
            return list(points.values())[:top]
        wanted *= 4


@dataclass(frozen=True, slots=True)
class RankedResults:
    """The results that a study's best was chosen from.

    Attributes:
        of: The points that have one: how many there are.
        values: The best of them, at most `MOST_RESULTS`; empty without a confirmation: nothing else shows how much
            results differ between seeds.
        runs: The best's own point with other seeds.
    """

    of: int = 0
    values: Sequence[float] = ()
    runs: OtherSeeds = field(default_factory=OtherSeeds)


def ranked_results(conn: Connection, study: Study) -> RankedResults:
    """The results by which the luck of a study's best is judged."""
    objective = study.spec.objective
    if objective is None or study.best is None:
        return RankedResults()
    tier = Tier.CUT if study.best.cut else Tier.WHOLE
    of = int(conn.execute(_points(study, tier)).scalar_one())
    runs = other_seeds(conn, study, study.best.number)
    if study.playbook is None or study.playbook.last("confirm") is None:
        return RankedResults(of, runs=runs)
    value = _t.value.desc() if objective.direction == "maximize" else _t.value
    ranked = select(_t.value).where(_t.study_id == study.id, _t.tier == literal_column(str(int(tier))))
    found = conn.execute(ranked.order_by(value).limit(MOST_RESULTS)).scalars()
    return RankedResults(of, [float(v) for v in found], runs)


def rank(conn: Connection, study: Study, trial_id: int) -> tuple[int, int] | None:
    """(place, count) of a trial's point among the ranked ones, best first: `tuned.core.ranking`, along an index.

    A point that ran several times, with other seeds, is counted once; ahead of it are the points with a better run.

    Returns:
        None for a trial without a rank.
    """
    objective = study.spec.objective
    own = select(_t.tier, _t.value, _t.number, _t.point_key).where(_t.id == trial_id)
    tier, value, number, point = conn.execute(own).one()
    if objective is None or tier == Tier.NONE:
        return None
    if tier == Tier.CUT and conn.execute(_count(study, Tier.WHOLE)).scalar_one():
        return None
    better = _t.value > value if objective.direction == "maximize" else _t.value < value
    ahead = _points(study, tier).where(or_(better, and_(_t.value == value, _t.number < number)))
    if any(study.again.values()):
        ahead = ahead.where(_t.point_key != point)
    return 1 + int(conn.execute(ahead).scalar_one()), int(conn.execute(_points(study, tier)).scalar_one())


def _count(study: Study, tier: int) -> Select[Any]:
    return _of(study, tier, func.count())


def _points(study: Study, tier: int) -> Select[Any]:
    """How many points have a result of a tier; trials are counted, along the index, where no point ran twice."""
    return _of(study, tier, func.count(distinct(_t.point_key)) if any(study.again.values()) else func.count())


def _of(study: Study, tier: int, count: Any) -> Select[Any]:
    whole = select(count).select_from(table)
    return whole.where(_t.study_id == study.id, _t.tier == literal_column(str(int(tier))))


def pareto_front(conn: Connection, study: Study) -> list[Trial]:
    """The ranked trials that no other one beats in every objective, best by the first objective first."""
    for tier in (Tier.WHOLE, Tier.CUT):
        if found := [rows.to_trial(row) for row in conn.execute(_of_tier(study, tier))]:
            return front(study.spec.objectives, [(trial, trial.values) for trial in found])
    return []


def _of_tier(study: Study, tier: Tier) -> Select[Any]:
    return rows.select_trials().where(_t.study_id == study.id, _t.tier == literal_column(str(int(tier))))


def queue_heads(conn: Connection, per_study: int) -> list[Trial]:
    """The queued trials of running studies in the order in which they run, at most so many of each study.

    By the sum of the study's and the trial's priority, highest first; then the user's own points; then the older study.
    """
    return [rows.to_trial(row) for row in conn.execute(_HEADS, {"per_study": per_study})]
