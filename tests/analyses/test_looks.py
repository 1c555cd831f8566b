"""Trials of a search that reported the test metric."""

from __future__ import annotations

from dataclasses import replace

from tests.analyses.made import study, trial
from tuned.analyses.looks import looks_rule
from tuned.core.playbook.spec import FinalTest


def test_every_trial_of_the_search_that_saw_the_test_set_is_counted() -> None:
    data = study([trial(1, [1.0]), trial(2, [1.0]), trial(3, [1.0])])
    seen = [replace(t, values={**t.values, "test_loss": 1.0}) if t.number < 3 else t for t in data.trials]
    final = replace(seen[0], number=4, stage="finalize")
    data = replace(data, trials=(*seen, final))
    assert list(looks_rule(data)) == []
    (verdict,) = looks_rule(replace(data, spec=replace(data.spec, test=FinalTest("test_loss"))))
    assert verdict.level == "warn" and verdict.trials == (1, 2) and verdict.what.startswith("2 trials reported")
