"""Observations of several attempts as one curve."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuned.core.trials.effective_steps import effective


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 8).map(float)), unique=True))
def test_of_every_step_the_latest_attempt_that_reached_it_counts(keys: list[tuple[int, float]]) -> None:
    rows = [(attempt, step, 100.0 * attempt + step) for attempt, step in sorted(keys)]
    kept = effective(rows)
    firsts = {a: min(s for b, s in keys if b == a) for a, _ in keys}
    wanted = [(s, v) for a, s, v in rows if not any(later > a and first <= s for later, first in firsts.items())]
    assert kept == sorted(wanted)
