"""Which part of a space fails. Owns the verdict `space.infeasible` and the map of failures by parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from tuned.analyses.curves.diagnosis import diagnose
from tuned.analyses.groups import group, text_of
from tuned.analyses.space.failing_pairs import BETTER, Pair, failing_pair
from tuned.analyses.study_data import Floats, StudyData, TrialData, once
from tuned.analyses.table import Column, Table
from tuned.analyses.verdict import Evidence, Level, Verdict
from tuned.core.feasibility import broken
from tuned.core.space import Parameter
from tuned.core.states import FROM_OUTSIDE, TERMINAL, UNCOUNTED, Failure

LEAST_TRIALS = 8
MANY, MOST = 0.2, 0.6
"""Shares of infeasible trials that warn and fail. The playbook says "a high share"; these are our numbers."""
CHANCE = 0.05
ENDED = TERMINAL - UNCOUNTED
FAULTS = frozenset(Failure) - FROM_OUTSIDE
Counts = int | NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where trials begin to fail: beyond `value` (`above` or below it), or at a value of a choice.

    `inside` and `outside` are (failed, all) on the failing side and on the other; `p_value` covers all cuts tried.
    """

    parameter: Parameter
    value: float | str
    above: bool
    inside: tuple[int, int]
    outside: tuple[int, int]
    p_value: float


@once
def infeasible(study: StudyData) -> tuple[tuple[TrialData, ...], tuple[TrialData, ...]]:
    """Ended trials, and those of them that failed by themselves, diverged, or ended worse than they began.

    Those that a person or the machine ended are neither.
    """
    ended = tuple(t for t in study.searched if t.state in ENDED and t.failure not in FROM_OUTSIDE)
    return ended, tuple(t for t in ended if infeasibility(study, t))


def infeasibility(study: StudyData, trial: TrialData) -> str:
    """The failure of a trial, `diverged`, or `ends worse` where no training curve tells divergence from overfitting."""
    if trial.failure in FAULTS:
        return trial.failure
    seen = diagnose(study, trial)
    return "diverged" if seen.has("diverged") else "ends worse" if seen.has("ends-worse") else ""


def breaks_alone(study: StudyData, trial: TrialData) -> bool:
    """Whether a trial has a sound result, and that breaks a constraint."""
    sound = not trial.failure and not infeasibility(study, trial)
    return sound and bool(broken(trial.values, study.spec.constraints))


def infeasible_rule(study: StudyData) -> Iterable[Verdict]:
    """[15] A high share of infeasible trials: a bad space, or a bug.

    Trials that failed (not finite, out of memory, error, timeout, declared infeasible), that diverged, or, without a
    training curve, whose objective ended clearly worse than it began. Warn from 20 %, fail from 60 % of known failures.
    For each parameter the cut that separates them best is tested (Fisher's exact test, times the number of cuts of all
    parameters); below 0.05 it is named and the bound proposed. Regions of two parameters are tested likewise
    (`failing_pairs`), and named where they say clearly more. Without either the verdict is that failures depend on no
    parameter, which points to the code.
    """
    ended, bad = infeasible(study)
    if len(ended) < LEAST_TRIALS or len(bad) < 2:
        return
    if len(bad) < MANY * len(ended):
        return
    kinds = Counter(infeasibility(study, t) for t in bad)
    unsure = kinds["ends worse"]
    level: Level = "fail" if len(bad) - unsure >= MOST * len(ended) else "warn"
    named = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    failed = "failed" if all(kind in FAULTS for kind in kinds) else "failed or diverged"
    what = f"{len(bad)} of {len(ended)} trials {failed} ({named})"
    if unsure:
        what += f"; without training curves {unsure} of them may have overfitted instead of diverged"
    evidence: dict[str, float | int | str] = {"infeasible": len(bad), "ended": len(ended), **dict(kinds)}
    numbers = tuple(t.number for t in bad)
    cut = boundary(study, ended, bad)
    pair = failing_pair(study.space.tunable, ended, set(numbers))
    if pair is not None and (cut is None or pair.p_value < BETTER * cut.p_value):
        yield _of_pair(study, pair, what, level, evidence, numbers)
    elif cut is not None:
        yield _of_cut(study, cut, what, level, evidence, numbers)
    else:
        yield Verdict(
            level, "space.infeasible", f"{what}, and no parameter says which: is it a bug?",
            evidence, "Read the output of one of them.", f"tunectl logs {study.name}/{numbers[0]}", "", numbers,
        )  # fmt: skip


def _of_cut(
    study: StudyData, cut: Boundary, what: str, level: Level, evidence: Mapping[str, Evidence], numbers: tuple[int, ...]
) -> Verdict:
    name = cut.parameter.name
    if isinstance(cut.value, str):
        where, command = f"with {name} = {cut.value}", ""
        remedy = f"Leave {cut.value} out, or find out why it fails."
    else:
        key = "high" if cut.above else "low"
        where = f"with {name} {'above' if cut.above else 'below'} {cut.value:.3g}"
        remedy = (
            f"Bound {name} there; if the best trials lie close by, make that region stable first (warm-up, clipping)."
        )
        command = f"tunectl space {study.name} --set {name}.{key}={cut.value:.3g}"
    return Verdict(
        level, "space.infeasible",
        f"{what}: {cut.inside[0]} of {cut.inside[1]} {where}, {cut.outside[0]} of {cut.outside[1]} elsewhere.",
        {**evidence, "p_value": cut.p_value, "boundary": cut.value}, remedy, command, name, numbers,
    )  # fmt: skip


def _of_pair(
    study: StudyData, pair: Pair, what: str, level: Level, evidence: Mapping[str, Evidence], numbers: tuple[int, ...]
) -> Verdict:
    remedy = (
        f"Tune {pair.product} in place of one of the two, or lower the bounds of both."
        if pair.product
        else "Keep out of that corner: lower one bound, or make the second parameter depend on the first."
    )
    return Verdict(
        level, "space.infeasible",
        f"{what}: {pair.inside[0]} of {pair.inside[1]} with {pair.where}, {pair.outside[0]} of {pair.outside[1]} "
        "elsewhere.",
        {**evidence, "p_value": pair.p_value, "region": pair.where}, remedy,
        f"tunectl effects {study.name} --by {','.join(pair.names)}", ", ".join(pair.names), numbers,
    )  # fmt: skip


def boundary(study: StudyData, ended: Sequence[TrialData], bad: Sequence[TrialData]) -> Boundary | None:
    """The cut that tells failing trials best; None when none does better than chance."""
    failed = {t.number for t in bad}
    cuts = [cut for p in study.space.tunable for cut in _cuts(p, ended, failed)]
    best = min(cuts, key=lambda cut: cut.p_value, default=None)
    if best is None:
        return None
    chance = min(1.0, best.p_value * len(cuts))
    if chance >= CHANCE:
        return None
    return Boundary(best.parameter, best.value, best.above, best.inside, best.outside, chance)


def _cuts(parameter: Parameter, ended: Sequence[TrialData], failed: set[int]) -> Iterable[Boundary]:
    active = [t for t in ended if parameter.name in t.params]
    flags = np.array([t.number in failed for t in active], dtype=int)
    values = [t.params[parameter.name] for t in active]
    if parameter.kind in ("float", "int"):
        yield from _ordered_cuts(parameter, np.array([float(value) for value in values]), flags)
        return
    for value in dict.fromkeys(values):
        inside = np.array([value == other for other in values])
        if not inside.all():
            counts = (int(flags[inside].sum()), int(inside.sum())), (int(flags[~inside].sum()), int((~inside).sum()))
            yield Boundary(parameter, text_of(value), True, *counts, float(_chance(*counts[0], *counts[1])))


def _ordered_cuts(parameter: Parameter, values: Floats, flags: NDArray[np.int_]) -> Iterable[Boundary]:
    """Every place between two neighbouring values, the side with the greater share of failures as the inside."""
    order = np.argsort(values, kind="stable")
    values, below = values[order], np.cumsum(flags[order])
    cuts = np.flatnonzero(values[1:] > values[:-1]) + 1
    if not len(cuts):
        return
    total, failures = len(values), int(below[-1])
    low, high = (below[cuts - 1], cuts), (failures - below[cuts - 1], total - cuts)
    above = high[0] / high[1] > low[0] / low[1]
    a, b = np.where(above, high, low)
    c, d = failures - a, total - b
    middle = np.sqrt(values[cuts - 1] * values[cuts]) if parameter.log else (values[cuts - 1] + values[cuts]) / 2
    for i, chance in enumerate(_chance(a, b, c, d)):
        counts = (int(a[i]), int(b[i])), (int(c[i]), int(d[i]))
        yield Boundary(parameter, float(middle[i]), bool(above[i]), *counts, float(chance))


def _chance(a: Counts, b: Counts, c: Counts, d: Counts) -> Floats:
    """P-value of Fisher's exact test, one-sided: that `a` of `b` fail inside or more, with `c` of `d` outside."""
    chance: Floats = hypergeom.sf(np.subtract(a, 1), np.add(b, d), np.add(a, c), b)
    return chance


def infeasible_table(study: StudyData) -> Table | None:
    """Failed and all trials by value or bin of each parameter; None when nothing failed."""
    ended, bad = infeasible(study)
    if not bad:
        return None
    failed = {t.number for t in bad}
    rows = []
    for parameter in study.space.tunable:
        for one in group(parameter, ended):
            count = sum(t.number in failed for t in one.trials)
            rows.append((parameter.name, one.label, count, len(one.trials), count / len(one.trials)))
    columns = (
        Column("parameter"), Column("value"), Column("infeasible", "count", "failed"), Column("trials", "count"),
        Column("share", "share"),
    )  # fmt: skip
    return Table("infeasible", "Failed and diverged trials by parameter", columns, tuple(rows))
