"""`importance` and `fit`: which parameters matter, how sure that is, and how far the model behind it can be trusted.

Owns both tables. Importance is Sobol's: the share of the variation over the whole space that goes away when a
parameter is known (alone), or that stays when all others are known (in all).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc, spearmanr

from tuned.analyses.answer import Answer
from tuned.analyses.intervals import deviation
from tuned.analyses.models.encoding import encoded
from tuned.analyses.models.kernels import DRAWS
from tuned.analyses.models.surrogate import Surrogate, fitted, point_at
from tuned.analyses.question import Question
from tuned.analyses.robust import wild_note
from tuned.analyses.study_data import Floats
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Verdict

SAMPLES = 256
LEVEL = 90
NEAR = 0.1
"""Shares that are told as none, or as all, are no further from it."""
TRUSTED = 0.5
"""Rank correlation between what is predicted and what came out, below which a warning stands beside the figures."""
WORST = 5


def importance(question: Question) -> Answer:
    """Each parameter's share of the objective's variation, with an interval."""
    question.allow("metric")
    model = fitted(question.study, question.options.get("metric"))
    rows_a, rows_b, mixed = _designs(model)
    rows = np.vstack([rows_a, rows_b, *mixed])
    functions = model.model.values.at(rows)
    drawn = [_indices(one, len(mixed)) for one in functions]
    tail = (100 - LEVEL) / 2
    alone = np.median([first for first, _ in drawn], axis=0)
    low, whole, high = np.percentile([total for _, total in drawn], [tail, 50, 100 - tail], axis=0)
    # A function that is drawn varies at least a little along every parameter; their mean may not.
    _, flat = _indices(model.model.values.mean(rows), len(mixed))
    low, high = np.minimum(low, flat), np.maximum(high, flat)
    # A share that is smaller than what is not known of the function is not told from none.
    doubt = min(NEAR, float(np.mean(functions.var(axis=0)) / (np.mean(functions.var(axis=1)) or 1.0)))
    low, high = np.where(low <= doubt, 0.0, low), np.where(high >= 1 - doubt, 1.0, high)
    names = [p.name for p in model.space.tunable]
    order = sorted(range(len(names)), key=lambda i: -whole[i])
    columns = (
        Column("parameter"),
        Column("importance", "share", "in all"),
        Column("interval", "shares", f"at least {LEVEL} %"),
        Column("alone", "share"),
        Column("best", "text", "best at"),
    )
    at = _best_values(model)
    shown = tuple((names[i], whole[i], (low[i], high[i]), alone[i], at[names[i]]) for i in order)
    note = (
        f"Of the variation of {model.metric} over the whole space, by a model of {model.told}: the middle and the "
        f"interval of {DRAWS} functions that may lie behind them. Shares in all sum to more than 1 where parameters "
        "work together."
    )
    notes = tuple(text for text in (note, wild_note(question.study)) if text)
    table = Table("importance", f"importance for {model.metric}", columns, shown, notes)
    figures = {name: {"importance": whole[i], "alone": alone[i]} for i, name in enumerate(names)}
    return Answer(verdicts=_trust(model), tables=(table,), figures={"importance": figures})


def fit(question: Question) -> Answer:
    """How well a model predicts each trial from the others."""
    question.allow("metric")
    model = fitted(question.study, question.options.get("metric"))
    predicted, spread = model.left_out()
    seen = model.seen
    error = seen - predicted
    inside = np.abs(error) <= 1.96 * spread
    rank = _rank(seen, predicted)
    explained = 1 - float(np.mean((error / (deviation(seen) or 1.0)) ** 2))
    columns = (Column("measure"), Column("value", "number"), Column("meaning"))
    quality = (
        ("trials", len(seen), f"{model.told}, in the present space"),
        ("rank correlation", rank, "of prediction and result: 1 is perfect, 0 no better than chance"),
        ("explained", explained, "share of the variation; below 0 the mean would predict better"),
        ("median error", float(np.median(np.abs(error))), f"of {model.metric}"),
        ("within 95 %", float(np.mean(inside)), "share of results inside their interval: 0.95 is right"),
    )
    worst = sorted(range(len(seen)), key=lambda i: -abs(error[i]) / (spread[i] or 1.0))[:WORST]
    surprises = tuple((model.trials[i].number, float(seen[i]), float(predicted[i]), float(spread[i])) for i in worst)
    shown = (
        Column("trial", "count"),
        Column("result", "number"),
        Column("predicted", "number"),
        Column("deviation", "number"),
    )
    tables = (
        Table("fit", f"a model of {model.metric}, each trial predicted from the others", columns, quality),
        Table("fit.surprises", "the greatest surprises", shown, surprises),
    )
    numbers = [t.number for t in model.trials]
    figures = {"number": numbers, "result": seen, "predicted": predicted, "deviation": spread}
    return Answer(verdicts=_trust(model), tables=tables, figures={"fit": figures})


def _trust(model: Surrogate) -> tuple[Verdict, ...]:
    predicted, _ = model.left_out()
    rank = _rank(model.seen, predicted)
    if rank >= TRUSTED:
        return ()
    return (
        Verdict(
            "warn",
            "model.weak",
            f"a model of these {len(model.trials)} trials hardly predicts {model.metric}; read its figures with care",
            {"rank_correlation": rank, "trials": len(model.trials)},
            "more trials, spread over the space, or a less noisy objective",
        ),
    )


def _rank(seen: Floats, predicted: Floats) -> float:
    if np.ptp(seen) == 0 or np.ptp(predicted) == 0:
        return 0.0
    return float(spearmanr(seen, predicted).statistic)


def _designs(model: Surrogate) -> tuple[Floats, Floats, list[Floats]]:
    """Features of two independent samples of the space, and of the first with each parameter taken from the second."""
    names = [p.name for p in model.space.tunable]
    units = qmc.Sobol(2 * len(names), seed=0).random(SAMPLES)
    a, b = units[:, : len(names)], units[:, len(names) :]
    mixed = []
    for i in range(len(names)):
        ab = a.copy()
        ab[:, i] = b[:, i]
        mixed.append(_features(model, ab))
    return _features(model, a), _features(model, b), mixed


def _features(model: Surrogate, units: Floats) -> Floats:
    return encoded(model.space, [point_at(model.space, list(row)) for row in units])


def _indices(means: Floats, parameters: int) -> tuple[Floats, Floats]:
    """First-order (Saltelli) and total (Jansen) indices, from the means at the rows of `_designs`."""
    parts = means.reshape(2 + parameters, -1)
    a, b, rest = parts[0], parts[1], parts[2:]
    variance = float(np.var(np.concatenate([a, b]))) or 1.0
    alone = np.mean(b * (rest - a), axis=1) / variance
    whole = np.mean((a - rest) ** 2, axis=1) / (2 * variance)
    return np.clip(alone, 0.0, 1.0), np.clip(whole, 0.0, 1.0)


def _best_values(model: Surrogate) -> dict[str, str]:
    """Parameter -> the value of the best trial; empty where it is inactive there."""
    best = model.trials[int(np.argmin(model.model.tamed))]
    return {p.name: _text(best.params.get(p.name)) for p in model.space.tunable}


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
