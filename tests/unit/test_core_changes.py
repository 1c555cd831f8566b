"""What `set` changes of a specification, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tuned.core.changes import settings
from tuned.core.errors import InvalidInput
from tuned.core.space import Parameter, SearchSpace
from tuned.core.study import EarlyStopping, Objective, RunSpec, SearchSpec, StudySpec

SPEC = StudySpec(
    name="digits",
    run=RunSpec(kind="script", script="/x/train.py"),
    search=SearchSpec(trials=50, parallel=2),
    objectives=(Objective("loss", "minimize"),),
)


def applied(spec: StudySpec = SPEC, **values: Any) -> tuple[StudySpec, int, list[str], list[str]]:
    named = {key.replace("__", "."): value for key, value in values.items()}
    after, priority, changed, notes = settings.apply(spec, 3, named)
    return after, priority, [str(setting) for setting in changed], notes


def test_sums_lengths_of_time_and_none() -> None:
    after, priority, said, notes = applied(
        search__trials="+40", search__parallel="none", priority="-5", run__timeout="2h", run__retries__error="2"
    )
    assert (after.search.trials, after.search.parallel, priority) == (90, None, -2)
    assert (after.run.timeout, after.run.retries) == (7200.0, {"lost": 1, "error": 2})
    assert said == [
        "search.trials: 50 -> 90",
        "search.parallel: 2 -> none",
        "priority: 3 -> -2",
        "run.timeout: none -> 7200s",
        "run.retries.error: 0 -> 2",
    ]
    assert notes == ["run.timeout: from each trial's next start on"]
    longer, _, said, _ = applied(after, run__timeout="+30m")
    assert longer.run.timeout == 9000.0 and said == ["run.timeout: 7200s -> 9000s"]


def test_what_is_so_already_is_no_change() -> None:
    after, priority, said, _ = applied(search__trials=50, priority=3)
    assert (after, priority, said) == (SPEC, 3, [])


def test_patience_alone_asks_for_no_rungs() -> None:
    after, _, said, _ = applied(early_stopping__patience="5")
    assert after.early_stopping == EarlyStopping(method="none", patience=5.0)
    assert said == ["early_stopping.patience: none -> 5"]
    after, _, said, _ = applied(after, early_stopping__method="asha")
    assert after.early_stopping == EarlyStopping(patience=5.0)


def test_none_is_a_rule_of_early_stopping_too() -> None:
    """The remedy of `stopping.wrong`, as it is typed."""
    asha, _, _, _ = applied(early_stopping__method="asha", early_stopping__patience="5")
    after, _, said, _ = applied(asha, early_stopping__method="none")
    assert said == ["early_stopping.method: asha -> none"] and after.early_stopping is not None
    assert (after.early_stopping.method, after.early_stopping.patience) == ("none", 5.0)


def test_a_command_to_tell_people_with() -> None:
    after, _, _, _ = applied(notify__command='["notify-send", "{title}"]', notify__on="done,failing")
    assert after.notify is not None
    assert (after.notify.command, after.notify.on) == (("notify-send", "{title}"), ("done", "failing"))
    assert applied(after, notify__command="none")[0].notify is None


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("search.trials", "many", "'many' is not a whole number"),
        ("search.trials", "-60", "out of range (from 1 to 1000000)"),
        ("search.trials", True, "not a whole number"),
        ("search.budget", "+2h", "has no value that +2h could be added to (write 2h)"),
        ("search.trials", "none", "trials or budget is required"),
        ("priority", "none", "cannot be none"),
        ("run.timeout", "soon", "no length of time"),
        ("early_stopping.method", "ahsa", "did you mean asha?"),
        ("early_stopping.max_step", "0.5", "not beyond min_step"),
        ("notify.on", "don", "did you mean done?"),
        ("notify.command", "notify-send", "is not a list"),
        ("search.trails", "5", "did you mean search.trials?"),
        ("space.lr.high", "1", "tunectl space"),
        ("objective.metric", "x", "what was measured was summed up by it"),
        ("run.script", "x", "the trials so far ran this way"),
        ("search.seed", "1", "the points so far were chosen this way"),
        ("search.method", "random", "the points so far were chosen this way"),
        ("nonsense", "1", "is not a known key"),
    ],
)
def test_refusals(key: str, value: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        settings.apply(SPEC, 0, {key: value})
    assert says in str(refused.value)


def test_early_stopping_needs_one_objective() -> None:
    with pytest.raises(InvalidInput, match="no objective"):
        applied(replace(SPEC, objectives=()), early_stopping__method="asha")


def test_a_grid_says_that_it_has_no_more_points() -> None:
    space = SearchSpace((Parameter("act", "choice", values=("relu", "tanh")), Parameter("n", "int", 1, 3)))
    grid = replace(SPEC, space=space, search=SearchSpec(method="grid", trials=6))
    assert applied(grid, search__trials="+4")[3] == ["the grid has 6 points; what goes beyond is yours to enqueue"]
    assert applied(grid, search__trials="5")[3] == []
