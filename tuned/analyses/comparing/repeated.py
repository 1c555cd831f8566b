"""Repeated runs of several configurations, compared with one of them: adopt, reject, or undecided so far.

Owns the test and its error bound. Differences are paired over seeds; their variance is pooled over all configurations,
never below a configuration's own nor below the metric's resolution; repetitions that are all alike decide nothing. A
decision may be looked for after each round of seeds: every look spends a share of the error, so that all looks at all
candidates together are wrong in at most 5 %.
`benchmarks.confirm_power` measures that bound and the power. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tuned.analyses.intervals import Mean
from tuned.core.final.alike import alike

Floats = NDArray[np.float64]
ERROR = 0.05
"""Of any decision where nothing differs, over all candidates and all looks together."""
PLANNED, EACH = 3, 0.3
"""Each of the first looks spends this share of the error; all later ones together spend the rest."""
TOLERATED = 0.1
"""Share of a candidate's repetitions that may fail, where the baseline's do not."""

MANAGED = 1e100
"""Results beyond it, or below its inverse, are compared in units of the largest: their squares are no floats, or 0."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration and its repetitions.

    Attributes:
        runs: Seed -> result.
        failed: Repetitions that failed for a reason of the configuration's own; those that a person killed, or the
            machine lost, are none.
        reason: Of the last of these.
    """

    number: int
    searched: float
    runs: Mapping[int, float]
    failed: int = 0
    reason: str = ""

    @property
    def values(self) -> Floats:
        """Its results, by seed."""
        return np.array([self.runs[seed] for seed in sorted(self.runs)], dtype=float)

    @property
    def tried(self) -> int:
        """Repetitions with an outcome, failures included."""
        return len(self.runs) + self.failed

    def same_as(self, other: Configuration) -> bool:
        """Whether both gave the same under every seed of theirs, to the last digit: more seeds tell nothing."""
        both = self.runs.keys() & other.runs.keys()
        return len(both) > 1 and all(self.runs[seed] == other.runs[seed] for seed in both)

    def fails_beside(self, other: Configuration) -> bool:
        """Whether it fails too often to be used in place of the other one."""
        return self.failed > other.failed and self.failed > TOLERATED * self.tried


@dataclass(frozen=True, slots=True)
class Compared:
    """A configuration beside the baseline.

    Attributes:
        effect: Mean of the paired differences, larger is better; its interval holds together with those of all other
            candidates and looks. None for the baseline, and where there is nothing to pair with.
        decision: `adopt`, `reject`, `undecided`, or `baseline`.
    """

    configuration: Configuration
    effect: Mean | None
    decision: str


def spent(look: int) -> float:
    """The error that a look spends, from the first on; over all looks it adds up to `ERROR`."""
    if look <= PLANNED:
        return ERROR * EACH
    return ERROR * (1 - PLANNED * EACH) * 6 / math.pi**2 / (look - PLANNED) ** 2


def decide(effect: Mean) -> str:
    """Adopt a configuration that is shown to be better, reject one that is shown to be worse; else it is undecided."""
    if effect.n < 2 or not np.isfinite(effect.low + effect.high):
        return "undecided"
    if effect.low > 0:
        return "adopt"
    return "reject" if effect.high < 0 else "undecided"


def all_alike(found: Sequence[Configuration]) -> bool:
    """Whether the seed changes no result (`tuned.core.final.alike`); then repetitions decide nothing."""
    return alike([list(c.runs.values()) for c in found])


def pooled_variance(found: Sequence[Configuration]) -> tuple[float, int]:
    """Variance of one run about its configuration's mean, a seed's own part in all of them taken out.

    From the residuals of `result = configuration + seed + noise`, fitted by least squares to the runs there are.

    Returns:
        The variance and its degrees of freedom; NaN and 0 where no repetition shows any.
    """
    if all_alike(found):
        return math.nan, 0
    rows = [(i, seed, value) for i, c in enumerate(found) for seed, value in c.runs.items()]
    if not rows:
        return math.nan, 0
    seeds = {seed: len(found) + k for k, seed in enumerate(sorted({seed for _, seed, _ in rows}))}
    design = np.zeros((len(rows), len(found) + len(seeds)))
    for row, (i, seed, _) in enumerate(rows):
        design[row, [i, seeds[seed]]] = 1.0
    results = np.array([value for _, _, value in rows])
    results = results - results.mean()
    solution, _, rank, _ = np.linalg.lstsq(design, results, rcond=None)
    freedom = len(rows) - int(rank)
    left = results - design @ solution
    return (float(left @ left) / freedom, freedom) if freedom > 0 else (math.nan, 0)


def resolution(values: Sequence[float] | Floats) -> float:
    """The smallest step between two results: what an accuracy over few examples can show; 0 without two of them."""
    different = np.unique(np.asarray(values, dtype=float))
    steps = np.diff(different[np.isfinite(different)])
    return float(steps.min()) if len(steps) else 0.0


def compare(
    baseline: Configuration,
    others: Sequence[Configuration],
    sign: float,
    looks: Sequence[int] = (),
    step: float = 0.0,
) -> list[Compared]:
    """Each configuration against the baseline, over the seeds that both have run with.

    A candidate that fails too often is rejected; a baseline that never gave a result loses to whatever did.

    Args:
        baseline: The configuration in use today.
        others: The candidates.
        sign: 1 where smaller results are better, -1 where larger ones are.
        looks: Repetitions of a configuration at each earlier decision, in their order.
        step: The metric's `resolution`.

    Returns:
        The baseline, then the candidates in their order.
    """
    size = max((abs(value) for c in (baseline, *others) for value in c.runs.values()), default=0.0)
    if size > MANAGED or 0 < size < 1 / MANAGED:
        every = [replace(c, runs={s: v / size for s, v in c.runs.items()}) for c in (baseline, *others)]
        scaled = compare(every[0], every[1:], sign, looks, step / size)
        pairs = zip(scaled, (baseline, *others), strict=True)
        return [replace(c, configuration=own, effect=c.effect and c.effect.times(size)) for c, own in pairs]
    variance, freedom = pooled_variance([baseline, *others])
    found = [Compared(baseline, None, "baseline")]
    for other in others:
        if other.fails_beside(baseline):
            found.append(Compared(other, _effect(baseline, other, sign, looks, len(others), 0, math.nan), "reject"))
            continue
        if not baseline.runs and baseline.failed > 1 and len(other.runs) > 1:
            found.append(Compared(other, None, "adopt"))
            continue
        floor = max(2 * variance, step**2 / 6)
        effect = _effect(baseline, other, sign, looks, len(others), freedom, floor)
        found.append(Compared(other, effect, decide(effect)))
    return found


def _effect(
    baseline: Configuration,
    other: Configuration,
    sign: float,
    looks: Sequence[int],
    count: int,
    freedom: int,
    floor: float,
) -> Mean:
    """The mean paired difference with its interval; without degrees of freedom the interval is infinite."""
    both = sorted(baseline.runs.keys() & other.runs.keys())
    differences = np.array([sign * (baseline.runs[seed] - other.runs[seed]) for seed in both], dtype=float)
    n = len(differences)
    if n < 2 or not freedom:
        mean = float(differences.mean()) if n else math.nan
        return Mean(mean, math.nan, -math.inf, math.inf, n)
    look = 1 + sum(earlier < other.tried for earlier in looks)
    own, degrees = float(differences.var(ddof=1)), float(freedom)
    if own > floor:
        # Noisier than the others: they say little of its variance, the less the more it differs from theirs.
        degrees = n - 1 + max(0, freedom - n + 1) * (floor / own) ** 2
    sem = math.sqrt(max(floor, own) / n)
    reach = float(stats.t.ppf(1 - spent(look) / (2 * count), degrees)) * sem
    mean = float(differences.mean())
    return Mean(mean, sem, mean - reach, mean + reach, n)


def chosen(compared: Sequence[Compared], sign: float) -> Compared:
    """The configuration to use: the best of those adopted, else the best mean of those that are not rejected.

    The second is `undecided`: its mean is better, and nobody can be sure yet that it is.
    """
    adopted = [c for c in compared if c.decision == "adopt"]
    usable = adopted or [c for c in compared if c.decision != "reject" and c.configuration.runs]
    return min(usable or compared[:1], key=lambda c: _mean(c, sign))


def still_open(compared: Sequence[Compared], sign: float) -> list[int]:
    """Candidates that further seeds might decide for: undecided, no worse than about the baseline, nor the adopted."""
    best = chosen(compared, sign)
    found = []
    for entry in compared:
        effect = entry.effect
        if entry.decision != "undecided" or effect is None or effect.n < 2:
            continue
        if entry.configuration.same_as(compared[0].configuration):
            continue
        behind = best.decision == "adopt" and _mean(entry, sign) >= _mean(best, sign)
        if not behind and effect.mean > -effect.sem:
            found.append(entry.configuration.number)
    return found


def _mean(compared: Compared, sign: float) -> float:
    values = compared.configuration.values
    return sign * float(values.mean()) if len(values) else math.inf
