"""Earlier studies as a beginning: which of their results count, and the first point they give.

Owns the check at submit. Runs on any connection; the model's use of them is the advisor's.
"""

from __future__ import annotations

import math

from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.ranking import Ranking
from tuned.core.space import Point
from tuned.core.study import SEARCH, StudySpec
from tuned.core.trials.trial import Trial


def prior_trials(conn: Connection, spec: StudySpec, before: float) -> list[Trial]:
    """Results of the study's sources that are part of its space and have its first objective, in their order."""
    objective = spec.objective
    if objective is None:
        return []
    return [
        trial
        for source in spec.search.sources
        for trial in queries.results_before(conn, source, before)
        if trial.stage == SEARCH
        and _is_number(trial.values.get(objective.metric))
        and spec.space.carried(trial.params) is not None
    ]


def check_sources(conn: Connection, spec: StudySpec, now: float) -> None:
    """Refuse sources that give nothing.

    Raises:
        InvalidInput: There is no such study, or none of its results fits this one.
    """
    if spec.search.sources and spec.objective is None:
        raise InvalidInput("there is no objective", where="search.from", hint="add [objective], or drop it")
    for source in spec.search.sources:
        study = queries.study(conn, source)
        if study is None:
            known = [s.name for s in queries.studies(conn)]
            hint = nearest(source, known) if known else "leave it out"
            raise InvalidInput(f"there is no study {source}", where="search.from", hint=hint)
        theirs = {o.metric: o.direction for o in study.spec.objectives}
        assert spec.objective is not None
        if theirs.get(spec.objective.metric) != spec.objective.direction:
            raise InvalidInput(
                f"{source} does not {spec.objective.direction} {spec.objective.metric}",
                where="search.from",
                hint="name a study with the same objective",
            )
    if spec.search.sources and not prior_trials(conn, spec, now):
        raise InvalidInput(
            "none of their finished trials is a point of this space",
            where="search.from",
            hint="names, types and bounds of the parameters must hold them",
        )


def best_of(spec: StudySpec, prior: list[Trial]) -> tuple[Trial, Point] | None:
    """The best earlier trial, and its point in this study's space."""
    ranked = Ranking.of(spec).ranked(prior)
    point = spec.space.carried(ranked[0].params) if ranked else None
    return None if point is None else (ranked[0], point)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
