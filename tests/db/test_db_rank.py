"""A trial's place that the daemon counts is the one that the definition of the ranking gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import queries
from tests.db.conftest import Lab
from tuned.core.ranking import Ranking
from tuned.core.study import Objective

ENDS = st.sampled_from(["exit_ok", "exit_pruned", "exit_error", None])


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, float("nan")]), ENDS), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_the_rank_is_the_place_among_the_ranked(shared_lab: Lab, direction, made) -> None:
    study_id = shared_lab.study(objectives=(Objective("loss", direction),))
    for value, end in made:
        (trial_id,) = shared_lab.queue(
            study_id, params={"lr": 0.1, "width": len(shared_lab.ask(queries.trials, study_id))}
        )
        if end is not None:
            shared_lab.claim(trial_id)
            shared_lab.report(trial_id, ("loss", 0, value))
            shared_lab.end(trial_id, end)
    study = shared_lab.ask(queries.study_by_id, study_id)
    trials = shared_lab.ask(queries.trials, study_id)
    order = [trial.number for trial in Ranking.of(study.spec).ranked(trials)]
    for trial in trials:
        wanted = (1 + order.index(trial.number), len(order)) if trial.number in order else None
        assert shared_lab.ask(queries.rank, study, trial.id) == wanted


def test_a_point_that_ran_with_several_seeds_has_one_place(lab: Lab) -> None:
    study_id = lab.study()
    points = [{"lr": 0.1, "width": width} for width in (1, 2, 2, 2, 3)]
    again = [{}, {}, {"retry_of": 2, "seed": 5}, {"retry_of": 2, "seed": 6}, {}]
    made = [
        lab.completed(study_id, value, params=point, **more)
        for value, point, more in zip([0.5, 0.2, 0.6, 0.2, 0.9], points, again, strict=True)
    ]
    study = lab.study_row(study_id)
    assert [lab.ask(queries.rank, study, trial) for trial in made] == [(2, 3), (1, 3), (2, 3), (1, 3), (3, 3)]
    assert lab.ask(queries.ranked_results, study).of == 3
