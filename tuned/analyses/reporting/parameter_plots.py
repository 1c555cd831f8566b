"""Pictures of a study's parameters: result along each axis, isolation plots, importance.

Owns what is drawn and its caption; style and file format are `tuned.analyses.reporting.pictures`'.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tuned.analyses.groups import text_of
from tuned.analyses.parameters.importance import importance
from tuned.analyses.parameters.isolation import isolation
from tuned.analyses.question import Question
from tuned.analyses.reporting.pictures import (
    ABOVE,
    BLUE,
    FAINT,
    INK,
    MANY,
    ORANGE,
    Picture,
    logarithmic,
    picture,
    style,
)
from tuned.analyses.reporting.plots import crosses, infeasible_trials, marks, value_axis
from tuned.analyses.study_data import Floats, StudyData, TrialData
from tuned.analyses.table import Table
from tuned.core.errors import InvalidInput
from tuned.core.space import Parameter, same_value

COLUMNS = 3
MOST_AXES = 18


def axis_plots(study: StudyData) -> Picture | None:
    """Result against each parameter, the best tenth in colour, those without a sound result as crosses."""
    tuned = study.space.tunable[:MOST_AXES]
    trials = study.ranked
    if len(trials) < 2 or not tuned:
        return None
    columns = min(COLUMNS, len(tuned))
    rows = -(-len(tuned) // columns)
    with style():
        figure = Figure(figsize=(8.4 * columns / COLUMNS, 2.15 * rows), layout="constrained")
        grid = np.atleast_1d(figure.subplots(rows, columns, sharey=True)).ravel()
        for axes, parameter in zip(grid, tuned, strict=False):
            _axis(axes, study, parameter, trials)
        for i, axes in enumerate(grid):
            if i < len(tuned):
                value_axis(axes, study.outcome(trials), study.objective.metric if i % columns == 0 else "")
            else:
                axes.axis("off")
        cut = len(study.space.tunable) - len(tuned)
        more = f" {cut} more parameters are not shown." if cut > 0 else ""
        caption = (
            "Each parameter alone, all others as they came: orange the best tenth, crosses trials that "
            f"{crosses(study)}."
        )
        return picture(
            figure, "axes", f"{study.objective.metric} against each of {len(tuned)} parameters.", caption + more
        )


def _axis(axes: Any, study: StudyData, parameter: Parameter, trials: tuple[TrialData, ...]) -> None:
    active = [(rank, trial) for rank, trial in enumerate(trials) if parameter.name in trial.params]
    values = study.outcome([trial for _, trial in active])
    top = np.array([rank < max(1, len(trials) // 10) for rank, _ in active], dtype=bool)
    places = _places(parameter, [trial for _, trial in active])
    many = len(active) > MANY
    axes.scatter(places[~top], values[~top], s=9, color=BLUE, alpha=0.5, lw=0, rasterized=many)
    axes.scatter(places[top], values[top], s=20, color=ORANGE, lw=0, zorder=3)
    lost = [trial for trial in infeasible_trials(study) if parameter.name in trial.params]
    marks(axes, list(_places(parameter, lost)))
    axes.set_title(parameter.name)
    if _is_number(parameter):
        low, high = parameter.numeric_ends
        if parameter.log:
            logarithmic(axes.xaxis, np.array([low, high]))
        room = (high / low) ** 0.04 if parameter.log else 0.04 * (high - low)
        axes.set_xlim(*((low / room, high * room) if parameter.log else (low - room, high + room)))
    else:
        axes.set_xticks(range(len(parameter.values)), [text_of(value) for value in parameter.values])
        axes.set_xlim(-0.5, len(parameter.values) - 0.5)


def _is_number(parameter: Parameter) -> bool:
    return parameter.kind in ("float", "int")


def _places(parameter: Parameter, trials: list[TrialData]) -> Floats:
    """Where the points stand: the value itself, or the number of the choice with a little room around it."""
    if _is_number(parameter):
        return np.array([float(trial.params[parameter.name]) for trial in trials])
    spread = np.random.default_rng(0).uniform(-0.18, 0.18, len(trials))
    index = [
        next((i for i, value in enumerate(parameter.values) if same_value(value, trial.params[parameter.name])), 0)
        for trial in trials
    ]
    return np.array(index, dtype=float) + spread


def isolation_plots(study: StudyData) -> Picture | None:
    """For each scientific parameter the best over all others at each of its values, with a bootstrap band."""
    scientific = [p for p in study.space.tunable if p.role == "scientific"][:6]
    views = [(p.name, view) for p in scientific if (view := isolation(study, p)) is not None]
    if not views:
        return None
    with style():
        columns = min(len(views), 2)
        rows = -(-len(views) // columns)
        figure = Figure(figsize=(4.2 * columns, 2.7 * rows), layout="constrained")
        grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        for axes, (name, view) in zip(grid, views, strict=False):
            _isolation(axes, study, name, view)
        for axes in grid[len(views) :]:
            axes.axis("off")
        caption = (
            "At each value the best result over all other parameters (dot), what as many trials of each would give on "
            "average (line) and 90 % of that (bar). " + " ".join(view.notes[0] for _, view in views)
        )
        names = ", ".join(name for name, _ in views)
        return picture(figure, "isolation", f"Best {study.objective.metric} by {names}.", caption)


def _isolation(axes: Any, study: StudyData, name: str, view: Table) -> None:
    cells = view.to_dict()["rows"]
    x = np.arange(len(cells))
    lows, highs = np.array([row["band"] for row in cells], dtype=float).T
    axes.vlines(x, lows, highs, color=BLUE, lw=6, alpha=0.3)
    axes.plot(x, [row["expected_best"] for row in cells], "_", color=BLUE, ms=14, mew=2)
    axes.plot(x, [row["best"] for row in cells], "o", color=BLUE, ms=6)
    for place, row in zip(x, cells, strict=True):
        text, above = f"n = {row['trials']}", ("data", "axes fraction")
        axes.annotate(text, (place, 1.0), xycoords=above, ha="center", fontsize=7.5, color=INK)
    axes.set_xticks(x, [row["value"] for row in cells])
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlim(-0.6, len(cells) - 0.4)
    axes.set_title(name, pad=14)
    axes.set_ylabel(study.objective.metric)


def importance_plot(study: StudyData) -> Picture | None:
    """Bars with the share of the variation that goes with each parameter, as `tunectl importance` tells it."""
    try:
        answer = importance(Question(study))
    except InvalidInput:  # too few trials for a model
        return None
    cells = answer.tables[0].to_dict()["rows"][::-1]
    with style():
        figure = Figure(figsize=(5.4, 0.6 + 0.26 * len(cells)), layout="constrained")
        axes = figure.subplots()
        y = np.arange(len(cells))
        whole = np.array([row["importance"] for row in cells])
        low, high = np.array([row["interval"] for row in cells]).T
        axes.barh(y, whole, color=BLUE, alpha=0.45, height=0.65, label="in all")
        axes.barh(y, [row["alone"] for row in cells], color=BLUE, height=0.65, label="alone")
        axes.hlines(y, low, high, color=FAINT, lw=1.2)
        axes.set_yticks(y, [row["parameter"] for row in cells])
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.grid(axis="y", visible=False)
        axes.legend(ncols=2, **ABOVE)
        trust = "".join(f" {verdict.what[:1].upper()}{verdict.what[1:]}." for verdict in answer.verdicts)
        first = cells[-1]
        alt = f"{first['parameter']} goes with most of the variation, {first['importance']:.0%}."
        return picture(
            figure, "importance", alt, f"{answer.tables[0].notes[0]} Lines: intervals that hold at least 90 %.{trust}"
        )
