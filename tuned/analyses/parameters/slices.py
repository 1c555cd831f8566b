"""`slice` and `contour`: what the model expects along one parameter, and over two, with the trials that were there.

Owns the two figures and their tables. Everything else stays at the best trial's values, or is averaged over the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from tuned.analyses.answer import Answer
from tuned.analyses.models.surrogate import Surrogate, fitted, point_at
from tuned.analyses.question import Question
from tuned.analyses.table import Column, Table
from tuned.core.errors import InvalidInput
from tuned.core.space import Parameter, Point, SearchSpace, Value
from tuned.core.space.unit import value_at

POINTS, SHOWN = 25, 9
SIDE, SIDE_SHOWN = 15, 5
AVERAGED = 128


def slice_(question: Question) -> Answer:
    """The metric along one parameter: at the best trial, and on average over all others."""
    question.allow("param", "metric")
    study = question.study
    names = question.names("param") or tuple(p.name for p in study.space.tunable)
    model = fitted(study, question.options.get("metric"))
    figures: dict[str, Any] = {}
    tables = []
    for name in names:
        parameter = _tunable(question, name)
        best = _best_with(model, [name])
        values = _values(parameter, POINTS)
        mean, deviation = model.predict([_with(model.space, best, {name: v}) for v in values])
        average = _average(model, name, values)
        here = [(t.params[name], t.values[model.metric], t.number) for t in model.trials if name in t.params]
        figures[name] = {
            "values": values, "mean": mean, "deviation": deviation, "average": average, "at": best,
            "trials": {"value": [h[0] for h in here], "result": [h[1] for h in here], "number": [h[2] for h in here]},
        }  # fmt: skip
        shown = np.unique(np.linspace(0, len(values) - 1, min(SHOWN, len(values))).round().astype(int))
        rows = tuple(
            (_text(values[i]), mean[i], (mean[i] - 1.96 * deviation[i], mean[i] + 1.96 * deviation[i]), average[i])
            for i in shown
        )
        columns = (
            Column("value", "text", name),
            Column("mean", "number", "expected at the best trial"),
            Column("interval", "interval", "95 % interval"),
            Column("average", "number", "on average over the space"),
        )
        tables.append(Table(f"slice.{name}", f"{model.metric} along {name}", columns, rows))
    return Answer(tables=tuple(tables), figures={"slice": figures})


def contour(question: Question) -> Answer:
    """The metric over two parameters, the others at the best trial's values."""
    question.allow("params", "metric")
    names = question.names("params")
    if len(names) != 2 or names[0] == names[1]:
        raise InvalidInput("a contour needs two parameters", where="params", hint="name two, such as lr,width")
    model = fitted(question.study, question.options.get("metric"))
    first, second = (_tunable(question, name) for name in names)
    best = _best_with(model, names)
    across, down = _values(first, SIDE), _values(second, SIDE)
    points = [_with(model.space, best, {names[0]: a, names[1]: b}) for b in down for a in across]
    mean, deviation = (part.reshape(len(down), len(across)) for part in model.predict(points))
    here = [t for t in model.trials if all(name in t.params for name in names)]
    figure = {
        "x": across, "y": down, "mean": mean, "deviation": deviation, "at": best, "names": list(names),
        "trials": {
            "x": [t.params[names[0]] for t in here], "y": [t.params[names[1]] for t in here],
            "result": [t.values[model.metric] for t in here], "number": [t.number for t in here],
        },
    }  # fmt: skip
    columns = [Column("value", "text", f"{names[1]} \\ {names[0]}")]
    shown_x, shown_y = (_some(len(values), SIDE_SHOWN) for values in (across, down))
    columns += [Column(f"at_{_text(across[i])}", "number", _text(across[i])) for i in shown_x]
    rows = tuple((_text(down[j]), *(mean[j, i] for i in shown_x)) for j in shown_y)
    table = Table(
        "contour", f"{model.metric} over {names[0]} and {names[1]}, others as in the best trial", tuple(columns), rows
    )
    return Answer(tables=(table,), figures={"contour": figure})


def _some(length: int, most: int) -> list[int]:
    return [int(i) for i in np.unique(np.linspace(0, length - 1, min(most, length)).round().astype(int))]


def _tunable(question: Question, name: str) -> Parameter:
    parameter = question.study.parameter(name)
    if parameter.kind == "fixed":
        raise InvalidInput("it is fixed", where=f"space.{name}", hint="name a parameter that varies")
    return parameter


def _values(parameter: Parameter, most: int) -> list[Value]:
    if parameter.kind in ("choice", "bool"):
        return list(parameter.values)
    return list(dict.fromkeys(value_at(parameter, u) for u in np.linspace(0.0, 1.0, most)))


def _best_with(model: Surrogate, names: Sequence[str]) -> Point:
    """The point of the best trial in which these parameters are active.

    Raises:
        InvalidInput: There is none.
    """
    for i in np.argsort(model.model.tamed, kind="stable"):
        point = model.space.carried(model.trials[int(i)].params)
        if point is not None and all(name in point for name in names):
            return point
    raise InvalidInput("no finished trial has it active", where=f"space.{names[0]}", hint="let the study run on")


def _with(space: SearchSpace, point: Point, changes: Point) -> Point:
    """The point with other values, without what these make inactive; what becomes active sits in its middle."""
    wanted = {**point, **changes}
    made: Point = {}
    for parameter in space.parameters:
        if parameter.name in wanted and parameter.is_active(made):
            made[parameter.name] = wanted[parameter.name]
    return made


def _average(model: Surrogate, name: str, values: Sequence[Value]) -> list[float]:
    units = qmc.Sobol(len(model.space.tunable), seed=0).random(AVERAGED)
    others = [point_at(model.space, list(row)) for row in units]
    mean = model.model.expected([_with(model.space, other, {name: v}) for v in values for other in others])
    return [float(a) for a in model.sign * mean.reshape(len(values), AVERAGED).mean(axis=1)]


def _text(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
