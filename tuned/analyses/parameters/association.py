"""Whether two parameters were tried independently of each other: if not, a raw mean of one shows the other too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import chi2_contingency, kruskal, spearmanr

from tuned.analyses.groups import text_of
from tuned.analyses.study_data import Floats, StudyData, TrialData, positions
from tuned.core.space import Parameter

CHANCE = 0.01
"""P-value, times the number of pairs, below which two parameters count as entangled."""
LEAST_TRIALS = 8


def entangled(study: StudyData, parameter: Parameter, trials: Sequence[TrialData]) -> list[tuple[str, float]]:
    """Other parameters whose values go with those of this one: (name, p-value), the clearest first.

    Conditional parameters are left out beside their parents: they belong together by design.
    """
    others = [q for q in study.space.tunable if q.name != parameter.name and not _related(parameter, q)]
    found = [(q.name, min(1.0, chance(parameter, q, trials) * len(others))) for q in others]
    return sorted((pair for pair in found if pair[1] < CHANCE), key=lambda pair: pair[1])


def _related(a: Parameter, b: Parameter) -> bool:
    return a.name in dict(b.when) or b.name in dict(a.when)


def chance(a: Parameter, b: Parameter, trials: Sequence[TrialData]) -> float:
    """P-value of their independence: Spearman of two ranges, Kruskal-Wallis of a range and a choice, else chi2."""
    both = [t for t in trials if a.name in t.params and b.name in t.params]
    if len(both) < LEAST_TRIALS:
        return 1.0
    x, y = _places(a, both), _places(b, both)
    if x is not None and y is not None:
        if len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
            return 1.0
        return float(spearmanr(x, y).pvalue)
    if x is not None or y is not None:
        choice, places = (b, x) if x is not None else (a, y)
        assert places is not None
        return group_chance(places, [text_of(t.params[choice.name]) for t in both])
    return _table_chance([text_of(t.params[a.name]) for t in both], [text_of(t.params[b.name]) for t in both])


def _places(parameter: Parameter, trials: Sequence[TrialData]) -> Floats | None:
    if parameter.kind not in ("float", "int") and not parameter.ordered:
        return None
    return positions(parameter, [t.params[parameter.name] for t in trials])


def group_chance(places: Floats, labels: Iterable[str]) -> float:
    """P-value of Kruskal and Wallis: whether groups differ in where they lie; groups of one are left out."""
    names = np.array(list(labels))
    groups = [places[names == name] for name in np.unique(names)]
    groups = [g for g in groups if len(g) > 1]
    if len(groups) < 2 or len(np.unique(np.concatenate(groups))) < 2:
        return 1.0
    return float(kruskal(*groups).pvalue)


def _table_chance(a: Sequence[str], b: Sequence[str]) -> float:
    rows, columns = sorted(set(a)), sorted(set(b))
    if len(rows) < 2 or len(columns) < 2:
        return 1.0
    pairs = list(zip(a, b, strict=True))
    return float(chi2_contingency([[pairs.count((r, c)) for c in columns] for r in rows]).pvalue)
