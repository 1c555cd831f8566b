"""`effects`: what each hyperparameter of a study does, as tables.

Owns which tables there are and their notes; the columns come from `measures`, the adjusted ones from `models.model`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tuned.analyses.answer import Answer
from tuned.analyses.bounds import no_result
from tuned.analyses.groups import INACTIVE, Group, group
from tuned.analyses.models.model import LEAST, Model
from tuned.analyses.naming import usual_direction
from tuned.analyses.parameters.association import entangled, group_chance
from tuned.analyses.parameters.isolation import caveats, isolation
from tuned.analyses.parameters.measures import EFFORT, RESULT, TWIN, effort_cells, left_out, result_cells, twin_cells
from tuned.analyses.parameters.two_way import two_way
from tuned.analyses.question import Question
from tuned.analyses.robust import wild_note
from tuned.analyses.space.infeasible import infeasible
from tuned.analyses.space.sampling import within_scale
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Cell, Column, Table
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.search.model_share import MODELLED
from tuned.core.space import Parameter, Value
from tuned.core.study import Objective
from tuned.core.trials.trial import summarise

ADJUSTED = (Column("adjusted", "number"), Column("adjusted_interval", "interval", "its interval"))
WEAK = 0.2
"""Share of the ranks' variance below which the model is said to explain little."""


def effects(question: Question) -> Answer:
    """A table for each parameter and an isolation view for each scientific one.

    Options: `param` names parameters (comma-separated) instead of all; `by` two of them, for a two-way table; `metric`
    another metric than the objective.
    """
    question.allow("param", "by", "metric")
    study = question.study
    if "metric" in question.options:
        study = by_metric(study, question.options["metric"])
    if not study.ranked:
        raise no_result(study)
    if "by" in question.options:
        return two_way(replace(question, study=study))
    asked = question.names("param")
    chosen = [study.parameter(name) for name in asked] or list(study.space.tunable)
    if not chosen:
        raise InvalidInput("this study varies no parameter", where=f"{study.name}.space")
    model = fitted(study)
    tables = [] if asked else [overview(study, model)]
    for parameter in chosen:
        tables.append(effect_table(study, parameter, model))
        if asked or parameter.role == "scientific":
            tables += [view for view in [isolation(study, parameter)] if view is not None]
    return Answer(tables=tuple(tables), notes=tuple(_remarks(study, model)))


def fitted(study: StudyData) -> Model | None:
    """The model behind adjusted columns; None with too few trials, or where all results are equal."""
    ranked = study.ranked
    if len(ranked) < LEAST or not study.space.tunable or not np.ptp(study.outcome(ranked)):
        return None
    return Model(study.space, [t.params for t in ranked], study.sign * study.outcome(ranked))


def _remarks(study: StudyData, model: Model | None) -> list[str]:
    found = []
    found += left_out(study)
    found += [note for note in [wild_note(study)] if note]
    versions = sorted({t.space_version for t in study.ranked})
    if len(versions) > 1:
        found.append(f"The trials come from versions {', '.join(map(str, versions))} of the search space.")
    adaptive = sum(t.origin in MODELLED for t in study.ranked)
    if adaptive:
        found.append(
            f"{adaptive} of {len(study.ranked)} points were chosen by earlier results: good regions are denser."
        )
    if study.ranked and not np.ptp(study.outcome(study.ranked)):
        found.append(f"All {len(study.ranked)} results are equal: nothing has an effect on {study.objective.metric}.")
    elif model is None:
        found.append(f"Adjusted results need {LEAST} trials.")
    elif model.explained < WEAK:
        found.append(
            f"The model behind the adjusted results explains {max(0.0, model.explained):.0%} of the variance of "
            "trials it has not seen: take them with caution."
        )
    return found


def overview(study: StudyData, model: Model | None) -> Table:
    """One line a parameter: how much of the results it explains, and the value it is best at."""
    rows = []
    for parameter in study.space.tunable:
        groups = [g for g in group(parameter, study.ranked) if g.label != INACTIVE]
        if not groups:
            continue
        results = np.concatenate([study.sign * study.outcome(g.trials) for g in groups])
        chance = group_chance(results, [g.label for g in groups for _ in g.trials])
        middles = [g.middle for g in groups if g.middle is not None]
        share = model.main_effect(parameter, middles) if model is not None else None
        best = min(groups, key=lambda g: _typical(study, parameter, g, model))
        rows.append((parameter.name, share, chance, best.label, parameter.role))
    rows.sort(key=lambda row: (-(row[1] or 0.0), row[2]))
    columns = (
        Column("parameter"), Column("explains", "share"), Column("p_value", "number", "p (raw)"),
        Column("best_at", "text", "best at"), Column("role"),
    )  # fmt: skip
    meaning = (
        "explains: how much of the variance between the trials' ranks is its own, over the points tried; tunectl "
        "importance asks it of the whole space. p: chance of such raw results if it did nothing. adjusted: the mean "
        "over the points tried, had they all had this value, by a model; about nine of ten of its intervals hold, "
        "fewer along a parameter at which results jump."
    )
    notes = [meaning]
    if model is not None and len(model.kept) < model.of:
        notes.append(
            f"Adjusted results are by a model of {len(model.kept)} of {model.of} trials, evenly over their ranks."
        )
    return Table("effects", f"What moves {study.objective.metric}", columns, tuple(rows), tuple(notes))


def _typical(study: StudyData, parameter: Parameter, one: Group, model: Model | None) -> float:
    if model is not None and one.middle is not None:
        return model.marginal(parameter, one.middle).mean
    return float(np.median(study.sign * study.outcome(one.trials)))


def effect_table(study: StudyData, parameter: Parameter, model: Model | None) -> Table:
    """One parameter by value or bin."""
    with_result = {t.number for t in study.ranked}
    failed = [t for t in infeasible(study)[1] if parameter.name in t.params and t.number not in with_result]
    rows = [
        (
            one.label,
            *result_cells(study, one.trials),
            *_adjusted(study, parameter, one.middle, model),
            *twin_cells(study, one.trials),
            *effort_cells(study, one.trials),
        )
        for one in group(parameter, study.ranked)
    ]
    notes = [
        f"{name} goes with {parameter.name} in these trials (p = {chance:.1g}): raw means mix the two, adjusted ones "
        "do not."
        for name, chance in entangled(study, parameter, study.ranked)
    ]
    if failed:
        notes.append(
            f"{words.count(len(failed), 'failed trial')} left out of this table (see: tunectl advise {study.name})."
        )
    if parameter.role == "scientific":
        notes += caveats(study, parameter)
    asked = " (scientific)" if parameter.role == "scientific" else ""
    columns = (Column("value"), *RESULT, *ADJUSTED, *TWIN, *EFFORT)
    return Table(
        f"effects.{parameter.name}",
        f"{study.objective.metric} by {parameter.name}{asked}", columns, tuple(rows), tuple(notes),
    )  # fmt: skip


def _adjusted(study: StudyData, parameter: Parameter, value: Value | None, model: Model | None) -> tuple[Cell, ...]:
    if model is None or value is None:
        return None, None
    found = model.marginal(parameter, value)
    low, high = (within_scale(study, study.sign * end) for end in (found.low, found.high))
    return study.sign * found.mean, (min(low, high), max(low, high))


def by_metric(study: StudyData, metric: str) -> StudyData:
    """The study as if another metric were its objective: the best a trial reported of it.

    Raises:
        InvalidInput: No trial reported it.
    """
    if metric == study.objective.metric:
        return study
    known = {name for t in study.searched for name in t.curves}
    if metric not in known:
        raise InvalidInput("no trial reported this metric", where=metric, hint="there are " + ", ".join(sorted(known)))
    objective = Objective(metric, usual_direction(metric) or study.objective.direction)
    trials = []
    for t in study.searched:
        value = summarise(objective, list(t.curve(metric).values))
        trials.append(replace(t, values={metric: np.nan if value is None else value}))
    spec = replace(study.spec, objectives=(objective,), constraints=())
    return replace(study, spec=spec, trials=tuple(trials))
