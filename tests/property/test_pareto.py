from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuned.core.search.pareto import front
from tuned.core.study import Objective

GOALS = (Objective("a", "minimize"), Objective("b", "maximize"), Objective("c", "minimize"))
RESULT = st.fixed_dictionaries({name: st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan")]) for name in "abc"})


@given(st.lists(RESULT, max_size=25), st.integers(1, 3))
def test_the_front_is_what_nothing_dominates(results, goals):
    objectives = GOALS[:goals]

    def score(values):
        return tuple(values[o.metric] if o.direction == "minimize" else -values[o.metric] for o in objectives)

    finite = [i for i, values in enumerate(results) if all(s == s for s in score(values))]

    def dominated(i):
        mine = score(results[i])
        return any(
            score(results[j]) != mine and all(x <= y for x, y in zip(score(results[j]), mine, strict=True))
            for j in finite
        )

    found = front(objectives, list(enumerate(results)))
    assert set(found) == {i for i in finite if not dominated(i)}
    assert [score(results[i]) for i in found] == sorted(score(results[i]) for i in found)
