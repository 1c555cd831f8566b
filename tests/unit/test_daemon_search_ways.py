"""Which way a study's next point is chosen, where that must not depend on what has ended already."""

from __future__ import annotations

import pytest

from tuned.core.states import StudyState
from tuned.core.study import Objective, RunSpec, SearchSpec, Study, StudySpec
from tuned.core.study_file.space_file import parse_space
from tuned.daemon.search.ways import awaits_result, due_in

SPACE = parse_space({"x": {"type": "float", "low": 0.0, "high": 1.0}, "kind": ["a", "b", "c"]})


def study(lag: int | None, **counts: int) -> Study:
    spec = StudySpec(
        "s",
        RunSpec("command", command=("true",)),
        SearchSpec("bayesian", trials=7, parallel=1, lag=lag),
        SPACE,
        (Objective("loss", "minimize"),),
    )
    return Study(1, "s", StudyState.RUNNING, "", 0, spec, counts, None, 0.0, None, 0.0, None)


@pytest.mark.parametrize("lag", [0, 1, None])
@pytest.mark.parametrize("made", range(1, 7))
def test_a_reproducible_design_has_as_many_points_however_slowly_they_end(lag: int | None, made: int) -> None:
    ways = {
        due_in(study(lag, completed=made - waiting, queued=max(0, waiting - 1), running=min(1, waiting))).way
        for waiting in range(made + 1)
    }
    assert ways == {"bayesian" if made >= (2 if lag == 0 else 3) else "sobol"}


def test_the_model_waits_for_the_results_it_is_to_see() -> None:
    assert [awaits_result(study(0, completed=3, running=n)) for n in (0, 1)] == [False, True]
    assert [awaits_result(study(1, completed=3, running=n)) for n in (0, 1)] == [False, False]
    assert awaits_result(study(None, completed=3, running=1, queued=1))


def test_time_that_alone_limits_a_search_ends_its_design_after_a_third() -> None:
    def way(trials: int | None, used: float) -> str:
        search = SearchSpec("auto", trials, budget=3600.0)
        spec = StudySpec("s", RunSpec("command", command=("true",)), search, SPACE, (Objective("loss", "minimize"),))
        return due_in(Study(1, "s", StudyState.RUNNING, "", 0, spec, {"completed": 3}, None, 0.0, None, used, None)).way

    assert [way(None, used) for used in (1100.0, 1300.0, 9e9)] == ["sobol", "bayesian", "bayesian"]
    assert way(60, 1300.0) == "sobol", "of so many trials each point is as it was on any machine"
