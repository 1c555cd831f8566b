"""Which two parameters together tell failing trials from others, where none alone does as well.

Owns the search for such a pair: a product or ratio of two logarithmic ranges beyond a bound (a learning rate times a
width), or a corner in which both lie beyond a bound of their own, or one has a certain value.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from tuned.analyses.groups import text_of
from tuned.analyses.study_data import Floats, TrialData
from tuned.core.space import Parameter

CHANCE = 0.01
BETTER = 0.1
"""The p-value of a pair, over that of the best single parameter: below it, the pair says more."""
CUTS = 8
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pair:
    """A region in two parameters. `where` says it; counts are (failed, all) in it and outside; `p_value` covers all
    regions that were tried.
    """

    names: tuple[str, str]
    where: str
    product: str
    inside: tuple[int, int]
    outside: tuple[int, int]
    p_value: float


def failing_pair(parameters: Sequence[Parameter], ended: Sequence[TrialData], failed: set[int]) -> Pair | None:
    """The region of two parameters that tells failing trials best; None when none does better than chance.

    One-sided Fisher's exact tests, times the number of all regions tried.
    """
    flags = np.array([t.number in failed for t in ended])
    tried: list[tuple[tuple[str, str], str, str, Flags]] = []
    for a, b in itertools.combinations(parameters, 2):
        tried += [((a.name, b.name), *region) for region in _regions(a, b, ended)]
    if not tried:
        return None
    inside = np.array([member for *_, member in tried])
    bad, size = (inside & flags).sum(axis=1), inside.sum(axis=1)
    chances: Floats = hypergeom.sf(bad - 1, len(flags), int(flags.sum()), size)
    best = int(np.argmin(chances))
    chance = min(1.0, float(chances[best]) * len(tried))
    if chance >= CHANCE:
        return None
    names, where, product, _ = tried[best]
    counts = (int(bad[best]), int(size[best])), (int(flags.sum() - bad[best]), int(len(flags) - size[best]))
    return Pair(names, where, product, *counts, chance)


def _regions(a: Parameter, b: Parameter, ended: Sequence[TrialData]) -> Iterator[tuple[str, str, Flags]]:
    yield from _products(a, b, ended)
    for (one, left), (other, right) in itertools.product(_sides(a, ended), _sides(b, ended)):
        inside = left & right
        if 0 < inside.sum() < len(ended):
            yield f"{one} and {other}", "", inside


def _products(a: Parameter, b: Parameter, ended: Sequence[TrialData]) -> Iterator[tuple[str, str, Flags]]:
    if not (a.log and b.log):
        return
    one, other = _numbers(a, ended), _numbers(b, ended)
    for word, values in (("times", one * other), ("over", one / other)):
        name = f"{a.name} {word} {b.name}"
        known = np.unique(values[np.isfinite(values)])
        for cut in np.sqrt(known[1:] * known[:-1]):
            yield f"{name} above {cut:.3g}", name, values > cut
            yield f"{name} below {cut:.3g}", name, values < cut


def _sides(p: Parameter, ended: Sequence[TrialData]) -> Iterable[tuple[str, Flags]]:
    if p.kind not in ("float", "int"):
        return [(f"{p.name} = {text_of(v)}", np.array([t.params.get(p.name) == v for t in ended])) for v in p.values]
    values = _numbers(p, ended)
    known = np.unique(values[np.isfinite(values)])
    if len(known) < 2:
        return []
    between = np.sqrt(known[1:] * known[:-1]) if p.log else (known[1:] + known[:-1]) / 2
    cuts = np.unique(between[np.linspace(0, len(between) - 1, CUTS).astype(int)])
    return [(f"{p.name} {word} {cut:.3g}", values > cut if word == "above" else values < cut)
            for cut in cuts for word in ("above", "below")]  # fmt: skip


def _numbers(p: Parameter, ended: Sequence[TrialData]) -> Floats:
    return np.array([float(t.params.get(p.name, np.nan)) for t in ended])
