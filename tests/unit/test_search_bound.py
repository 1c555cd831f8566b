"""Of more results than a model can take, the search and the analyses keep the same ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.analyses.made import searched
from tuned.advisor.history import MOST_DATA, weigh
from tuned.advisor.messages import ObjectiveLine, TrialLine
from tuned.analyses.models.model import MOST
from tuned.analyses.models.surrogate import fitted
from tuned.core.search.bound import EVEN, MODEL, SEVERAL, bounded
from tuned.core.states import TrialState


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300),
    st.integers(12, 80),
    st.sampled_from([MODEL, SEVERAL, EVEN]),
)
def test_the_bound_keeps_the_best_and_the_latest(results, most, mix):
    numbers = list(range(1, len(results) + 1))
    kept = bounded(numbers, [[value] for value in results], most, mix)
    assert kept == sorted(set(kept)) and len(kept) == min(most, len(results))
    if mix.latest:
        assert len(results) - 1 in kept, "the latest"
    if mix is not EVEN:
        assert min(range(len(results)), key=lambda i: (results[i], i)) in kept, "the best"


def test_the_search_and_the_analyses_see_the_same_trials():
    """Early on bad, then good, then bad: the best and the latest half alone would have left out all middle ranks."""
    made = searched({"x": {"type": "float", "low": 0.0, "high": 1.0}}, lambda p: (float(p["x"]) - 0.3) ** 2, 1000)
    lines = [TrialLine(t.number, t.params, TrialState.COMPLETED, dict(t.values)) for t in made.trials]
    evidence = weigh(made.space, (ObjectiveLine(made.objective.metric, "minimize"),), lines)
    model = fitted(made)
    assert MOST == MOST_DATA
    assert [t.number for t in model.trials] == [s.number for s in evidence.data]
    worst = max(t.values["val_loss"] for t in model.trials)
    assert worst > np.quantile([t.values["val_loss"] for t in made.trials], 0.9), "some of all ranks"
