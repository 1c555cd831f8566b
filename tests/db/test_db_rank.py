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
        (trial_id,) = shared_lab.queue(study_id)
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
