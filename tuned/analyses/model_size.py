"""How large the model should be: result and gap by the number of parameters, as `trial.describe` reports it.

Owns the table by size and the rule on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr

from tuned.analyses.answer import Answer
from tuned.analyses.curves.twins import twin
from tuned.analyses.models.model import LEAST, Model
from tuned.analyses.naming import is_size
from tuned.analyses.question import Question
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Column, Table, number
from tuned.analyses.verdict import Verdict

SIZE_METRIC = "parameters"
LATENCY_METRIC = "latency_ms"
BINS = 4
LEAST_PER_BIN = 4
TOLERANCE = 0.1
"""Of the distance from the best to the median of the better half: less than that is no gain."""
NO_TREND = 0.5
"""P-value of the trend towards larger models, from `enough` on, above which no gain is claimed."""
DECIDED, DRAWS = 0.95, 2000
"""Share of so many resamples in which the largest must win to be said better: one lucky trial is no trend."""


@dataclass(frozen=True, slots=True)
class Size:
    """Trials with models of about one size; `best` and `train` as reported, `gap` their median."""

    low: float
    high: float
    trials: tuple[TrialData, ...]
    best: float
    best_number: int
    train: float | None
    gap: float | None
    latency: float | None


def sizes(study: StudyData) -> tuple[Size, ...]:
    """Bins of about equally many trials, from the smallest models to the largest; empty without sizes."""
    known = [(n, t) for t in study.ranked if (n := last_value(t, SIZE_METRIC)) is not None and n > 0]
    count = min(BINS, len(known) // LEAST_PER_BIN, len({n for n, _ in known}))
    if count < 2:
        return ()
    known.sort(key=lambda pair: pair[0])
    logs = np.log([n for n, _ in known])
    edges = np.unique(np.quantile(logs, np.linspace(0, 1, count + 1)))
    index = np.clip(np.searchsorted(edges, logs, side="right") - 1, 0, len(edges) - 2)
    return tuple(_size(study, [known[int(j)] for j in np.flatnonzero(index == i)]) for i in np.unique(index))


def last_value(trial: TrialData, metric: str) -> float | None:
    """The last finite value of a metric; None without one."""
    curve = trial.curve(metric).finite
    return float(curve.values[-1]) if len(curve) else None


def _size(study: StudyData, members: list[tuple[float, TrialData]]) -> Size:
    trials = tuple(trial for _, trial in members)
    best = min(trials, key=lambda t: (study.sign * t.values[study.objective.metric], t.number))
    pairs = [pair for pair in (twin(study, trial) for trial in trials) if pair is not None]
    latencies = [ms for trial in trials if (ms := last_value(trial, LATENCY_METRIC)) is not None]
    return Size(
        low=members[0][0],
        high=members[-1][0],
        trials=trials,
        best=best.values[study.objective.metric],
        best_number=best.number,
        train=float(np.median([pair.train for pair in pairs])) if pairs else None,
        gap=float(np.median([pair.gap for pair in pairs])) if pairs else None,
        latency=float(np.median(latencies)) if latencies else None,
    )


def model_size(study: StudyData) -> Iterator[Verdict]:
    """Whether larger models are better: from which size on the best is within `TOLERANCE`, and what the gap does.

    The best of the larger ones may be no better by bad luck with the other parameters. No gain is said only
    where results, as far as the parameters other than sizes do not explain them, show no trend from that size on.
    """
    bins = sizes(study)
    if len(bins) < 2:
        return
    outcome = study.sign * study.outcome([trial for size in bins for trial in size.trials])
    bests = np.array([study.sign * size.best for size in bins])
    better = np.sort(outcome)[: max(2, len(outcome) // 2)]
    tolerance = TOLERANCE * float(np.median(better) - better[0])
    enough = int(np.flatnonzero(bests <= bests.min() + tolerance)[0])
    gaps = [size.gap for size in bins]
    grows = gaps[0] is not None and gaps[-1] is not None and gaps[-1] > gaps[0] + tolerance
    gap = f"; the gap between training and validation grows from {gaps[0]:.3g} to {gaps[-1]:.3g}" if grows else ""
    metric = study.objective.metric
    evidence: dict[str, float | int | str] = {
        "enough": bins[enough].high,
        "best_at_that": bins[enough].best,
        "best_of_largest": bins[-1].best,
        "tolerance": tolerance,
    }
    if gaps[0] is not None and gaps[-1] is not None:
        evidence |= {"gap_of_smallest": gaps[0], "gap_of_largest": gaps[-1]}
    if enough < len(bins) - 1 and _trend(study, bins, enough) > NO_TREND:
        yield Verdict(
            "info",
            "size.no-gain",
            f"No gain beyond about {number(bins[enough].high)} parameters: the best {metric} there is "
            f"{bins[enough].best:.4g}, that of the largest models {bins[-1].best:.4g}{gap}.",
            evidence,
            "Keep to the smaller ones: they are faster, and there is less to regularise."
            if not grows
            else "Keep to the smaller ones, or regularise the larger ones harder.",
            about=SIZE_METRIC,
            trials=(bins[enough].best_number,),
        )
    elif enough == len(bins) - 1 and _beats(study, bins) >= DECIDED:
        yield Verdict(
            "info",
            "size.still-gaining",
            f"Larger models still do better: the best {metric} among the largest is {bins[-1].best:.4g}, among "
            f"the smaller ones {study.sign * bests[:-1].min():.4g}{gap}.",
            evidence,
            "Try larger ones, if time and memory allow.",
            about=SIZE_METRIC,
            trials=(bins[-1].best_number,),
        )


def _trend(study: StudyData, bins: Sequence[Size], enough: int) -> float:
    """P-value of results getting better with size from one bin on (Spearman, one-sided)."""
    trials = [trial for size in bins for trial in size.trials]
    results = study.sign * study.outcome(trials)
    others = tuple(p for p in study.space.parameters if not is_size(p.name))
    rest = replace(study.space, parameters=others)
    if len(trials) >= LEAST and rest.tunable:
        results = Model(rest, [t.params for t in trials], results).unexplained
    known = np.array([last_value(t, SIZE_METRIC) for t in trials], dtype=float)
    beyond = slice(sum(len(size.trials) for size in bins[:enough]), None)
    if not np.ptp(results[beyond]):
        return 1.0
    return float(spearmanr(known[beyond], results[beyond], alternative="less").pvalue)


def _beats(study: StudyData, bins: Sequence[Size]) -> float:
    """In which share of resamples the best of the largest beats the best of each other bin, at equal numbers."""
    count = min(len(one.trials) for one in bins)
    bests = [
        np.random.default_rng(i).choice(study.sign * study.outcome(one.trials), (DRAWS, count)).min(axis=1)
        for i, one in enumerate(bins)
    ]
    return float(np.mean(bests[-1] < np.min(bests[:-1], axis=0)))


def size(question: Question) -> Answer:
    """The table by number of parameters with the verdict on it."""
    question.allow()
    table = size_table(question.study)
    least = 2 * LEAST_PER_BIN
    notes = () if table else (f"Fewer than {least} trials told their size: call trial.describe(model, example).",)
    return Answer(tuple(model_size(question.study)), (table,) if table else (), notes)


def size_table(study: StudyData) -> Table | None:
    """Result, gap and latency by the number of parameters; None without sizes."""
    bins = sizes(study)
    if not bins:
        return None
    columns = (
        Column("parameters", "interval"),
        Column("trials", "count"),
        Column("best", "number", f"best {study.objective.metric}"),
        Column("best_trial", "count", "trial"),
        Column("train", "number", "median train"),
        Column("gap", "number", "median gap"),
        Column("latency_ms", "number", "latency, ms"),
    )
    rows = tuple(((s.low, s.high), len(s.trials), s.best, s.best_number, s.train, s.gap, s.latency) for s in bins)
    return Table("size", f"{study.objective.metric} by number of parameters", columns, rows)
