"""Whether enough points were tried, and chosen as the search promises.

Owns the verdicts `space.sampling` and `space.fallbacks`, and the curve of best-of-n against n.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.special import gammaln
from scipy.stats import f

from tuned.analyses.curves.noise import step_noise
from tuned.analyses.naming import is_share
from tuned.analyses.points import points
from tuned.analyses.study_data import Floats, StudyData
from tuned.analyses.table import Cell, Column, Table
from tuned.analyses.verdict import Verdict
from tuned.core.search.model_share import CONVERGED, FALLBACK, MODELLED, ModelShare

LEAST_TRIALS = 8
LEAST_TOLD = 0.01
"""Share of the distance from the median trial to the best below which no gain is told: on a plateau it is rounding."""
WORTH = 0.25
"""Gain of twice the budget, as a share of the distance from the median trial to the best, above which more trials are
urged. An even design in two or three dimensions has 5 to 15 % left at twenty trials; the playbook names no number."""
MOST_FALLBACKS = 0.25
"""Share of the model's points that a design may have made before the search is no longer what it is called."""
LEAST_FALLBACKS = 3
ALONE = 0.005
"""P-value of the distance from the best point to the second one, by the distances among the better half."""


def best_of(results: Floats, count: int) -> Floats:
    """Probability of each result, sorted best first, to be the best of `count` drawn without replacement."""
    total, ranks = len(results), np.arange(len(results))
    rest = total - ranks - 1
    possible = rest >= count - 1
    found = np.zeros(total)

    def choose(n: Floats, k: int) -> Floats:
        chosen: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return chosen

    whole = choose(np.array([float(total)]), count)[0]
    found[possible] = np.exp(choose(rest[possible].astype(float), count - 1) - whole)
    return found


def expected_best(results: Floats, count: int) -> float:
    """Mean of the best of `count` of these results (sorted, smaller is better)."""
    return float(np.dot(best_of(results, count), results))


def quantile_of_best(results: Floats, count: int, share: float) -> float:
    """A quantile of the best of `count`."""
    return float(results[min(int(np.searchsorted(np.cumsum(best_of(results, count)), share)), len(results) - 1)])


def gain_of_doubling(results: Floats) -> float:
    """The expected gain of twice as many trials over these (sorted, smaller is better).

    The gain of each doubling is known up to this number of trials; the next one is taken to shrink by the same factor
    as the last two did, at most to stay the same.
    """
    n = len(results)
    last = expected_best(results, n // 2) - float(results[0])
    before = expected_best(results, max(1, n // 4)) - expected_best(results, n // 2)
    factor = min(1.0, last / before) if before > 0 else 0.5
    return last * factor


def alone(results: Floats) -> float:
    """P-value of the lead of the best result, sorted best first, by how the better half of the others lie.

    The i-th spacing from the best times i is exponential with one mean for all i where results thin out exponentially
    towards the best (Renyi), and falls short of it where they have a least value. So the ratio of the first to the mean
    of the others is at most an F(2, 2(k - 1)).
    """
    spacings = np.arange(1, max(4, len(results) // 2)) * np.diff(results)[: max(4, len(results) // 2) - 1]
    others = float(np.mean(spacings[1:]))
    if others <= 0:
        return 0.0 if spacings[0] > 0 else 1.0
    return float(f.sf(spacings[0] / others, 2, 2 * (len(spacings) - 1)))


def sampling_rule(study: StudyData) -> Iterable[Verdict]:
    """[14] Have we sampled enough? Best-of-n from resampling, and what twice the budget would buy.

    Warn when the best point stands alone (`alone` below `ALONE`), a doubling is expected to gain more than a quarter of
    the distance from the median to the best, and the lead exceeds the late noise of the best trial; else info. By the
    gain alone one trial in six studies that is lucky would be enough to warn. Not for adaptive searches' later half:
    their trials are no even sample, so results of suggested points make the estimate cautious, which the text says.
    """
    ranked = study.ranked
    if len(ranked) < LEAST_TRIALS:
        return
    results = np.sort(study.sign * study.outcome(ranked))
    reach = float(np.median(results) - results[0])
    if results[-1] == results[0]:
        return
    gain = gain_of_doubling(results)
    noise = step_noise(study.sign * ranked[0].curve(study.objective.metric).finite.values)
    adaptive = sum(t.origin in MODELLED for t in ranked)
    share = gain / reach if reach > 0 else 0.0
    tried = points(study).results
    chance = alone(tried) if len(tried) >= LEAST_TRIALS else 1.0
    lead = float(tried[1] - tried[0]) if len(tried) > 1 else 0.0
    urgent = share > WORTH and chance < ALONE and lead > 2 * noise
    brings = f"by about {gain:.2g}: {share:.0%} of the distance from the median trial to the best"
    brings = (
        brings
        if share >= LEAST_TOLD
        else f"by less than {LEAST_TOLD:.0%} of the distance from the median trial to the best"
    )
    text = f"Twice as many trials would improve {study.objective.metric} {brings}."
    if urgent:
        text = (
            f"The best point stands alone, {lead:.3g} better than the second: luck, or a good region that was met once "
            f"(by chance with p = {chance:.1g} as the others lie)."
        )
    if adaptive > len(ranked) / 2:
        text += " Most points were chosen by results, so this is a cautious estimate."
    trials = study.spec.search.trials or len(study.searched)
    yield Verdict(
        "warn" if urgent else "info", "space.sampling", text,
        {"trials": len(ranked), "expected_gain_of_doubling": gain, "share": share, "noise": noise, "p_value": chance,
         "best_of_half_low": quantile_of_best(results, len(results) // 2, 0.1) * study.sign,
         "best_of_half_high": quantile_of_best(results, len(results) // 2, 0.9) * study.sign},
        "Run it once more with another seed; if it holds, run more trials around it before concluding."
        if urgent else "",
        f"tunectl set {study.name} search.trials=+{trials}" if urgent else "", study.objective.metric,
    )  # fmt: skip


def model_rule(study: StudyData) -> Iterable[Verdict]:
    """How many of the points that a model was due to choose it did not choose, and why (*ours*).

    Warn from a quarter of them on, three at least; else info. Nothing where the model chose every point. A model
    that chooses a point that was tried has converged, which is no fault.
    """
    share = ModelShare.of((t.origin, t.why) for t in study.searched)
    if not share.fallbacks:
        return
    faults = sum(t.origin == FALLBACK and not t.why.startswith(CONVERGED) for t in study.searched)
    often = faults >= max(LEAST_FALLBACKS, MOST_FALLBACKS * share.due)
    remedy = "Mend that reason; a slot that was idle waits for the model with search.parallel = 1." if often else ""
    yield Verdict(
        "warn" if often else "info", "space.fallbacks", f"{share.words}.",
        {"modelled": share.modelled, "fallbacks": share.fallbacks}, remedy,
    )  # fmt: skip


def within_scale(study: StudyData, value: float) -> float:
    """A value kept to the scale that the results themselves show: none below 0, shares up to 1 or 100 %."""
    seen = study.outcome(study.ranked)
    low, high = float(np.min(seen)), float(np.max(seen))
    if low < 0:
        return value
    share = study.sign < 0 or is_share(study.objective.metric)
    top = 1.0 if share and high <= 1 else 100.0 if is_share(study.objective.metric) and high <= 100 else np.inf
    return min(max(value, 0.0), top)


def best_of_table(study: StudyData) -> Table | None:
    """Best of n against n; None with too few trials."""
    ranked = study.ranked
    if len(ranked) < LEAST_TRIALS:
        return None
    results = np.sort(study.sign * study.outcome(ranked))
    n = len(results)
    counts = sorted({1, 2, *(int(c) for c in np.geomspace(4, n, 5).round())})
    rows: list[tuple[Cell, ...]] = []
    for count in counts:
        low, high = (study.sign * quantile_of_best(results, count, q) for q in (0.1, 0.9))
        rows.append((count, study.sign * expected_best(results, count), (min(low, high), max(low, high))))
    doubled = within_scale(study, study.sign * (float(results[0]) - gain_of_doubling(results)))
    rows.append((2 * n, doubled, None))
    columns = (
        Column("trials", "count"), Column("best", "number", "expected best"),
        Column("range", "interval", "8 of 10 times within"),
    )  # fmt: skip
    note = "The last line is an extrapolation."
    return Table("sampling", f"Best {study.objective.metric} of so many trials", columns, tuple(rows), (note,))
