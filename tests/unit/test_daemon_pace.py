from __future__ import annotations

import pytest

from tuned.core.states import StudyState
from tuned.core.study import Objective, RunSpec, SearchSpec, Study, StudySpec
from tuned.core.study_file.space_file import parse_space
from tuned.daemon.estimates.pace import Pace
from tuned.daemon.estimates.starts import CPUS, Lane, Running, Turn, foresee
from tuned.daemon.foresight import rest


def end(turn, running, pace, parallel, slots=None):
    lanes = {1: Lane(pace.trial_s, parallel)}
    slots = parallel if slots is None else slots
    return foresee({CPUS: slots}, [Running(1, elapsed) for elapsed in running], [turn], lanes).ends[1]


def eta_s(waiting, running, pace, parallel):
    return end(Turn(1, waiting), running, pace, parallel)


def test_the_first_measurement_is_the_mean():
    pace = Pace()
    assert (pace.trial_s, pace.suggestion_s) == (None, None)
    pace.trial(4.0)
    pace.suggestion(0.5)
    assert (pace.trial_s, pace.suggestion_s) == (4.0, 0.5)


def test_the_mean_follows_and_stays_between_what_was_measured():
    pace = Pace()
    for seconds in [1.0] * 5 + [11.0] * 3:
        pace.trial(seconds)
    assert pace.trial_s is not None
    assert 1.0 < pace.trial_s < 11.0
    for _ in range(60):
        pace.trial(11.0)
    assert pace.trial_s == pytest.approx(11.0, abs=0.01)


def test_time_left():
    pace = Pace()
    assert eta_s(10, [30.0, 30.0], pace, 2) is None
    pace.trial(60.0)
    assert eta_s(10, [30.0, 30.0], pace, 2) == 330.0
    assert eta_s(0, [], pace, 2) == 0.0
    assert eta_s(1, [], pace, 0) is None, "there is no slot"
    assert eta_s(1, [], pace, 4) == 60.0, "one trial is not shared out over four slots"


def test_the_longer_a_trial_is_overdue_the_later_the_end():
    pace = Pace()
    pace.trial(60.0)
    ends = [eta_s(0, [elapsed], pace, 4) for elapsed in (0.0, 40.0, 60.0, 600.0, 6000.0)]
    assert ends == [60.0, 20.0, 15.0, 150.0, 1500.0]


def left(state=StudyState.RUNNING, trials=10, budget=None, used=0.0, running=(), **counts):
    """Seconds that are left of a study whose trials take a minute, one at a time."""
    search = SearchSpec("random", trials=trials, parallel=1, budget=budget)
    spec = StudySpec(
        "s",
        RunSpec("command", command=("true",)),
        search,
        parse_space({"x": {"type": "float", "low": 0.0, "high": 1.0}}),
        (Objective("loss", "minimize"),),
    )
    counts["running"] = len(running)
    study = Study(1, "s", state, "", 0, spec, counts, None, 0.0, None, used, None)
    pace = Pace()
    pace.trial(60.0)
    turn = rest(study)
    return None if turn is None else end(turn, running, pace, 1, slots=2)


def test_what_is_left_of_a_study():
    assert left(completed=4, queued=1, running=[20.0]) == 5 * 60.0 + 40.0
    assert left(completed=10, queued=2) == 120.0, "points of a person's own come on top"
    assert left(StudyState.PAUSED, completed=4) is None


def test_a_search_that_is_over_leaves_what_is_queued_or_runs():
    assert left(budget=500.0, used=500.0, completed=4, running=[20.0]) == 40.0
    assert left(budget=500.0, used=500.0, completed=4, queued=1) == 60.0, "a point of a person's own"
    assert left(StudyState.DRAINING, completed=4, running=[20.0]) == 40.0


def test_a_budget_is_left_where_it_ends_before_the_trials_do():
    assert left(budget=500.0, used=400.0, completed=1, running=[20.0]) == 100.0
    assert left(budget=9e9, completed=8, running=[0.0]) == 120.0
    assert left(trials=None, budget=500.0, used=400.0, running=[0.0]) == 100.0
    assert left(trials=None, budget=500.0, used=490.0, running=[0.0]) == 60.0, "the last trial runs on to its end"
