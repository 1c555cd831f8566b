"""Whether the test set was looked at by the search. Owns the verdict `test.seen`."""

from __future__ import annotations

from collections.abc import Iterable

from tuned.analyses.study_data import StudyData
from tuned.analyses.verdict import Verdict
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.study import SEARCH
from tuned.core.words import count


def looks_rule(study: StudyData) -> Iterable[Verdict]:
    """Trials that reported the test metric though they were to choose a configuration: each one is a look (*ours*)."""
    if study.spec.test is None:
        return
    metric = study.spec.test.metric
    seen = [
        t for t in study.trials if t.stage in (SEARCH, CONFIRM_STAGE) and (metric in t.curves or metric in t.values)
    ]
    if seen:
        trials = count(len(seen), "trial")
        yield Verdict(
            "warn", "test.seen",
            f"{trials} reported {metric}, the test metric, before there is a final model: each is a look at the test "
            "set, and what many have seen is no test of unseen data.",
            {"looks": len(seen)},
            "Measure it in the stage test alone (trial.stage, or TUNED_STAGE).",
            "", metric, tuple(t.number for t in seen),
        )  # fmt: skip
