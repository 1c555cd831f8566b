"""Pictures of a study's trials: progress, curves, the front of two objectives, gradients, the time of the slots.

Owns what is drawn and its caption; style and file format are `tuned.analyses.reporting.pictures`'.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tuned.analyses.curves.gradient_flows import VANISHED, flows
from tuned.analyses.examples.data_size import size_curve
from tuned.analyses.model_size import LATENCY_METRIC, SIZE_METRIC, last_value
from tuned.analyses.reporting.ledger import CONVERGED, STAGES, ledger
from tuned.analyses.reporting.pictures import (
    ABOVE,
    BLUE,
    BROWN,
    COLOURS,
    FAINT,
    GREEN,
    INK,
    MANY,
    ORANGE,
    PURPLE,
    RED,
    TEAL,
    Picture,
    logarithmic,
    picture,
    style,
)  # fmt: skip
from tuned.analyses.space.infeasible import infeasible
from tuned.analyses.study_data import Floats, StudyData, TrialData
from tuned.core.search.pareto import front
from tuned.core.states import TERMINAL, UNCOUNTED
from tuned.core.words import duration

WIDE = (7.2, 3.0)
TOP = 5
MOST_CURVES = 300
"""Of all other trials; more make the picture grey, not clearer."""


def value_axis(axes: Any, values: Floats, label: str) -> None:
    """Scale and label an axis of results: logarithmic when they are positive and span more than a power of ten."""
    finite = values[np.isfinite(values)]
    axes.set_ylabel(label)
    if len(finite) and finite.min() > 0 and finite.max() > 10 * finite.min():
        logarithmic(axes.yaxis, finite)
    elif len(finite) > 4:
        low, high = np.quantile(finite, [0.02, 0.98])
        room = 0.1 * (high - low) or 1.0
        if finite.max() > high + 10 * room or finite.min() < low - 10 * room:
            axes.set_ylim(low - room, high + room)


def infeasible_trials(study: StudyData) -> list[TrialData]:
    """Trials that failed, diverged or broke a constraint, or ended without a result that counts."""
    ranked = {trial.number for trial in (*study.ranked, *study.cut)}
    bad = {trial.number for trial in infeasible(study)[1]}
    ended = TERMINAL - UNCOUNTED
    return [t for t in study.searched if t.number in bad or (t.number not in ranked and t.state in ended)]


def crosses(study: StudyData) -> str:
    """The fate of `infeasible_trials`, for a caption."""
    return "failed, diverged or broke a constraint" if study.spec.constraints else "failed or diverged"


def progress(study: StudyData) -> Picture | None:
    """Each trial's result by number, and the best so far."""
    trials = sorted(study.ranked, key=lambda t: t.number)
    if len(trials) < 2:
        return None
    with style():
        figure = Figure(figsize=WIDE, layout="constrained")
        axes = figure.subplots()
        numbers = np.array([t.number for t in trials])
        values = study.outcome(trials)
        origins = list(dict.fromkeys(t.origin or "unknown" for t in trials))
        for colour, origin in zip(COLOURS * len(origins), origins, strict=False):
            mine = np.array([(t.origin or "unknown") == origin for t in trials])
            axes.scatter(
                numbers[mine],
                values[mine],
                s=14,
                color=colour,
                alpha=0.75,
                lw=0,
                label=origin,
                rasterized=len(trials) > MANY,
            )
        early = [t for t in study.cut if t not in trials]
        if early:
            places = [t.number for t in early]
            axes.scatter(places, study.outcome(early), s=12, color=FAINT, marker="_", label="stopped early")
        best = study.sign * np.minimum.accumulate(study.sign * values)
        axes.step(numbers, best, where="post", color=INK, lw=1.4, label="best so far")
        marks(axes, [t.number for t in infeasible_trials(study)])
        axes.set_xlabel("trial")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        value_axis(axes, values, study.objective.metric)
        axes.legend(ncols=6, **ABOVE)
        best_trial = study.ranked[0]
        alt = (
            f"{study.objective.metric} of {len(trials)} trials; trial {best_trial.number} is the best, {best[-1]:.4g}."
        )
        return picture(
            figure, "progress", alt, f"Each trial's result, by where its point came from. Crosses: {crosses(study)}."
        )


def marks(axes: Any, places: list[Any]) -> None:
    """Crosses at the upper edge, for `infeasible_trials`."""
    if places:
        height = np.full(len(places), 0.97)
        axes.scatter(
            places, height, marker="x", s=16, color=RED, lw=1, transform=axes.get_xaxis_transform(), clip_on=False
        )


def curves(study: StudyData) -> Picture | None:
    """Training and validation of the best trials over all other trials' validation curves."""
    metric, train = study.objective.metric, study.objective.train
    shown = [t for t in study.searched if len(t.curve(metric).finite) > 1]
    if not shown:
        return None
    best = [t for t in study.ranked if len(t.curve(metric).finite) > 1][:TOP]
    with style():
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.subplots()
        faint = [t.curve(metric).finite for t in shown[:: -(-len(shown) // MOST_CURVES)]]
        lines = [np.column_stack([curve.steps, curve.values]) for curve in faint]
        axes.add_collection(LineCollection(lines, colors=FAINT, lw=0.5, alpha=0.35, rasterized=len(lines) > 100))
        for colour, trial in zip(COLOURS, best, strict=False):
            curve, twin = trial.curve(metric).finite, trial.curve(train).finite
            axes.plot(curve.steps, curve.values, color=colour, label=f"trial {trial.number}")
            if len(twin):
                axes.plot(twin.steps, twin.values, color=colour, ls=":", lw=1.3)
            at = int(np.argmin(study.sign * curve.values))
            axes.scatter(curve.steps[at], curve.values[at], s=22, color=colour, zorder=3, lw=0)
        axes.set_xlabel("step")
        value_axis(axes, np.concatenate([curve.values for curve in faint]), metric)
        axes.autoscale_view()
        axes.legend(ncols=5, **ABOVE)
        dotted = f", dotted {train}" if train and any(len(t.curve(train)) for t in best) else ""
        others = "all" if len(faint) == len(shown) else f"{len(faint)} of the"
        caption = f"The {len(best)} best trials: solid {metric}{dotted}, a dot at the best step; thin: {others} others."
        return picture(figure, "curves", f"Curves of {len(shown)} trials, the best {len(best)} in colour.", caption)


def fronts(study: StudyData) -> Picture | None:
    """Two objectives against each other with their front; with one, the objective against size or latency."""
    objectives = study.spec.objectives
    if len(objectives) >= 2:
        other = objectives[1].metric
        known = [(t, t.values.get(other)) for t in study.ranked]
        ends = {t.number for t in front(objectives, [(t, t.values) for t in study.ranked])}
        caption = f"Trials that none beats in {' and '.join(o.metric for o in objectives)} are joined."
    else:
        other = next((m for m in (LATENCY_METRIC, SIZE_METRIC) if sum(_known(t, m) for t in study.ranked) > 3), "")
        if not other:
            return None
        known, ends = [(t, last_value(t, other)) for t in study.ranked], _cheapest(study, other)
        caption = f"Joined: no trial has a better {study.objective.metric} with less {other}."
    points = [(t, float(x)) for t, x in known if x is not None and np.isfinite(x)]
    if len(points) < 3:
        return None
    with style():
        figure = Figure(figsize=(5.4, 3.4), layout="constrained")
        axes = figure.subplots()
        xs, ys = np.array([x for _, x in points]), study.outcome([t for t, _ in points])
        mine = np.array([t.number in ends for t, _ in points])
        axes.scatter(xs[~mine], ys[~mine], s=14, color=FAINT, alpha=0.6, lw=0, rasterized=len(points) > MANY)
        order = np.argsort(xs[mine])
        axes.plot(xs[mine][order], ys[mine][order], color=BLUE, marker="o", ms=5)
        axes.set_xlabel(other)
        if xs.min() > 0 and xs.max() > 10 * xs.min():
            logarithmic(axes.xaxis, xs)
        value_axis(axes, ys, study.objective.metric)
        return picture(
            figure, "front", f"{study.objective.metric} against {other}, {mine.sum()} trials on the front.", caption
        )


def _known(trial: TrialData, metric: str) -> bool:
    return last_value(trial, metric) is not None


def _cheapest(study: StudyData, metric: str) -> set[int]:
    """Trials that are better than every trial that needs no more."""
    known = [(x, t) for t in study.ranked if (x := last_value(t, metric)) is not None]
    known.sort(key=lambda pair: (pair[0], study.sign * pair[1].values[study.objective.metric]))
    best, found = np.inf, set()
    for _, trial in known:
        value = study.sign * trial.values[study.objective.metric]
        if value < best:
            best = value
            found.add(trial.number)
    return found


def gradients(study: StudyData) -> Picture | None:
    """First layer over last layer by depth and activation."""
    seen = [flow for flow in flows(study) if flow.ratio is not None]
    if len(seen) < 3:
        return None
    with style():
        figure = Figure(figsize=(5.4, 3.0), layout="constrained")
        axes = figure.subplots()
        kinds = list(dict.fromkeys(flow.activation for flow in seen))
        for colour, kind in zip(COLOURS * len(kinds), kinds, strict=False):
            mine = [flow for flow in seen if flow.activation == kind]
            shift = 0.12 * (kinds.index(kind) - (len(kinds) - 1) / 2)
            ratios = [max(flow.ratio or 0.0, 1e-20) for flow in mine]
            axes.scatter([f.layers + shift for f in mine], ratios, s=18, color=colour, lw=0, label=kind or "unknown")
        axes.axhline(VANISHED, color=RED, lw=1, ls="--")
        axes.set_yscale("log")
        axes.set_xlabel("layers")
        axes.set_ylabel("first / last layer")
        axes.legend(ncols=4, **ABOVE)
        alt = f"Gradient of the first layer over that of the last, {len(seen)} trials, by depth and activation."
        return picture(figure, "gradients", alt, "Below the dashed line the first layers learn next to nothing.")


def data_size(study: StudyData) -> Picture | None:
    """The best result against the size of the training set, with the fitted curve and one doubling more."""
    curve = size_curve(study)
    if curve is None:
        return None
    with style():
        figure = Figure(figsize=(5.4, 3.0), layout="constrained")
        axes = figure.subplots()
        axes.plot(curve.sizes, curve.bests, "o", color=BLUE, label="best of its trials")
        axes.plot(curve.sizes, curve.fitted, color=INK, lw=1.2, label="fitted")
        better = curve.fitted[-1] - study.sign * curve.doubling
        axes.errorbar(
            2 * curve.sizes[-1], better, curve.doubling_error, fmt="o", color=ORANGE, mfc="none", label="twice the data"
        )
        axes.plot([curve.sizes[-1], 2 * curve.sizes[-1]], [curve.fitted[-1], better], color=INK, lw=1.2, ls=":")
        logarithmic(axes.xaxis, curve.sizes)
        axes.set_xlabel(curve.parameter)
        axes.set_ylabel(study.objective.metric)
        axes.legend(ncols=4, **ABOVE)
        caption = f"Doubling the data: better by {curve.doubling:.2g} +- {curve.doubling_error:.1g}."
        return picture(figure, "data-size", f"{study.objective.metric} against the size of the training set.", caption)


def slots(study: StudyData) -> Picture | None:
    """The ledger as one bar."""
    account = ledger(study)
    if not account.entries or account.total <= 0:
        return None
    fixed = {"completed": GREEN, "stopped early": BLUE, "cancelled": BROWN, "lost": PURPLE, "still running": ORANGE}
    fixed |= dict.fromkeys((CONVERGED, *STAGES.values()), TEAL)
    with style():
        figure = Figure(figsize=(7.2, 1.15), layout="constrained")
        axes = figure.subplots()
        left = 0.0
        for entry in account.entries:
            share = entry.seconds / account.total
            colour = FAINT if not entry.trials else fixed.get(entry.what, RED)
            axes.barh(0, share, left=left, color=colour, height=0.6, label=f"{entry.what} ({duration(entry.seconds)})")
            left += share
        axes.set_xlim(0, 1)
        axes.axis("off")
        axes.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 0.05))
        done = sum(e.seconds for e in account.entries if e.what in ("completed", CONVERGED)) / account.total
        alt = f"Of {duration(account.total)} of slot time {done:.0%} went into trials that ran to their own end."
        return picture(figure, "slots", alt, alt)
