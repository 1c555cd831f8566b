"""Tables of what an example measured, for its README: each value at its best, over the seeds that it ran with.

Owns the arithmetic and the Markdown. A value of what the question is about (`role = "scientific"`) is shown with the
setting of the other parameters that had the best mean over the seeds; the interval is Student's t over these seeds,
or over the folds of a cross-validation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median, stdev
from typing import Any

from scipy.stats import t as student

SEEDS = "repeat"
"""The parameter that every torch example hands to its random generators."""
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


@dataclass(frozen=True)
class Measured:
    """One trial: its parameters, its numbers by name, each from one run or (cross-validation) from several folds."""

    params: Mapping[str, Any]
    numbers: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Question:
    """What is compared, and by what.

    Attributes:
        compared: Names of the parameters that the question is about.
        others: Names of all others that vary, seeds apart.
        objectives: Name -> whether larger is better; the first decides.
    """

    compared: tuple[str, ...]
    others: tuple[str, ...]
    objectives: Mapping[str, bool]

    @classmethod
    def of(cls, study: Mapping[str, Any]) -> Question:
        """From a study file's tables."""
        space = study["space"]
        varied = [name for name, p in space.items() if isinstance(p, dict) and p.get("type") != "fixed"]
        compared = tuple(name for name in varied if space[name].get("role") == "scientific")
        others = tuple(name for name in varied if name not in compared and name != SEEDS)
        given = study["objective"]
        objectives = given if isinstance(given, list) else [given]
        return cls(compared, others, {o["metric"]: o["direction"] == "maximize" for o in objectives})


def interval(values: Sequence[float], folds: bool = False) -> tuple[float, float]:
    """The mean, and half the width of its 95 % interval; NaN from one value alone.

    Args:
        values: One a seed, or one a fold.
        folds: Folds share most of their training data, which makes the interval wider (Nadeau and Bengio's correction).
    """
    n = len(values)
    if n < 2:
        return mean(values), math.nan
    variance = 1 / n + (1 / (n - 1) if folds else 0)
    return mean(values), float(student.ppf(0.975, n - 1)) * stdev(values) * math.sqrt(variance)


def by_settings(trials: Iterable[Measured], names: Sequence[str]) -> dict[tuple[Any, ...], list[Measured]]:
    """The trials by their values of these parameters; None for one that is switched off."""
    found: dict[tuple[Any, ...], list[Measured]] = {}
    for trial in trials:
        found.setdefault(tuple(trial.params.get(name) for name in names), []).append(trial)
    return found


def pooled(trials: Iterable[Measured], name: str) -> list[float]:
    """All numbers of that name, of all of these trials."""
    return [number for trial in trials for number in trial.numbers.get(name, ())]


def effect_table(question: Question, trials: Sequence[Measured], beside: Sequence[str], folds: bool = False) -> str:
    """One line for each compared value, at the best setting of the other parameters.

    Args:
        question: What is compared.
        trials: Those that completed.
        beside: Names of further numbers to show, as their mean.
        folds: Whether a trial's numbers are those of its folds.
    """
    (objective, larger), *_ = question.objectives.items()
    sign = -1 if larger else 1
    at_best: dict[tuple[Any, ...], tuple[tuple[Any, ...], list[Measured]]] = {}
    for values, mine in by_settings(trials, question.compared).items():
        settings = by_settings(mine, question.others).items()
        at_best[values] = min(settings, key=lambda item: sign * mean(pooled(item[1], objective)))
    reference = min((runs for _, runs in at_best.values()), key=lambda runs: sign * mean(pooled(runs, objective)))
    paired = not folds and any(SEEDS in trial.params for trial in reference)
    rows = []
    for values, (chosen, runs) in at_best.items():
        numbers = pooled(runs, objective)
        line = [*map(short, values)]
        if question.others:
            named = zip(question.others, chosen, strict=True)
            line.append(", ".join(f"{name} {short(value)}" for name, value in named if value is not None))
        line.append(with_interval(numbers, folds))
        if paired:
            line.append("" if runs is reference else with_interval(differences(runs, reference, objective, sign)))
        if not folds:
            line.append(short(max(numbers) if larger else min(numbers)))
        line += [short(mean(found)) if (found := pooled(runs, name)) else "" for name in beside]
        rows.append([*line, short(median(pooled(runs, "seconds")))])
    head = [*question.compared, *(["best with"] if question.others else []), f"{objective}, 95 %"]
    head += [*(["behind the first by, 95 %"] if paired else []), *([] if folds else ["best run"]), *beside]
    return markdown([*head, "CPU s"], rows)


def differences(runs: Sequence[Measured], reference: Sequence[Measured], name: str, sign: int) -> list[float]:
    """How much worse than the reference each seed's run is; only seeds that both have."""
    theirs = {trial.params[SEEDS]: trial.numbers[name][0] for trial in reference}
    return [
        sign * (trial.numbers[name][0] - theirs[trial.params[SEEDS]]) for trial in runs if trial.params[SEEDS] in theirs
    ]


def front_table(question: Question, trials: Sequence[Measured]) -> str:
    """The settings that none other beats in the means of all objectives."""
    settings = by_settings(trials, question.compared)
    means = {
        values: [(1 if larger else -1) * mean(pooled(runs, name)) for name, larger in question.objectives.items()]
        for values, runs in settings.items()
    }
    front = [values for values, mine in means.items() if not any(beats(other, mine) for other in means.values())]
    rows = [
        [*map(short, values), *(with_interval(pooled(settings[values], name)) for name in question.objectives)]
        for values in sorted(front, key=lambda values: means[values])
    ]
    return markdown([*question.compared, *(f"{name}, 95 %" for name in question.objectives)], rows)


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` is as good in everything and better in something; larger is better."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and list(one) != list(other)


def with_interval(values: Sequence[float], folds: bool = False) -> str:
    """`0.123 ± 0.004`; empty without a value."""
    if not values:
        return ""
    middle, half = interval(values, folds)
    if math.isnan(half):
        return short(middle)
    digits = min(6, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else 3
    return f"{middle:.{digits}f} ± {half:.{digits}f}"


def short(value: Any) -> str:
    """A value in as few characters as tell it apart."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def put_between(text: str, tables: str) -> str:
    """A README's text with the tables between its two marks.

    Raises:
        ValueError: It does not have them.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"there is no {BEGIN} ... {END} in it")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"
