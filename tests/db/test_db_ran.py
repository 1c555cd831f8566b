"""How long a trial has run, where it stood still meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from storage import queries, repository
from storage.queries.trial_order import Order
from storage.repository.clocks import shift_clocks
from tuned.core.states import Actor, StopReason
from tuned.core.trials.ran import attempt_ran_s, ran_s
from tuned.daemon.attempts.commits import committed_ending
from tuned.daemon.rows import trial_row

NOW = 1_000_000.0


def stands(lab: Any, trial: int, at: float, still: bool, level: str = "freeze") -> None:
    assert lab.do(repository.set_frozen, trial, still, level, Actor.USER, NOW + at)


def ran(lab: Any, trial: int, at: float) -> float | None:
    """As the record has it, and as everybody sees it."""
    found = lab.by_id(trial)
    assert ran_s(found, NOW + at) == ran_s(trial_row(found), NOW + at)
    return ran_s(found, NOW + at)


def test_time_in_which_it_stood_still_is_none_in_which_it_ran(lab: Any) -> None:
    (trial,) = lab.queue(lab.study())
    lab.claim(trial)
    stands(lab, trial, 10, still=True)
    assert ran(lab, trial, 15) == 10
    stands(lab, trial, 20, still=False)
    assert ran(lab, trial, 30) == 20
    stands(lab, trial, 40, still=True)
    stands(lab, trial, 50, still=True, level="cuda")
    assert ran(lab, trial, 60) == 30
    lab.do(shift_clocks, 3600.0)
    assert ran(lab, trial, 3660) == 30, "nor does it by the clock that was set"
    lab.end(trial, now=NOW + 3680)
    assert ran(lab, trial, 9999) == 30


def test_each_run_has_its_own_clock(lab: Any) -> None:
    (trial,) = lab.queue(lab.study())
    lab.claim(trial)
    stands(lab, trial, 10, still=True)
    lab.end(trial, event="retry", now=NOW + 1000)
    assert ran(lab, trial, 1500) is None
    lab.claim(trial, start=False, now=NOW + 1990)
    assert ran(lab, trial, 1995) is None, "it has not begun again"
    lab.do(repository.started, trial, 2, {"supervisor_pid": 4, "supervisor_start": 5}, NOW + 2000)
    assert ran(lab, trial, 2007) == 7
    assert [attempt_ran_s(attempt) for attempt in lab.ask(queries.attempts, trial)] == [10, None]
    lab.end(trial, attempt=2, now=NOW + 2008)
    assert [attempt_ran_s(attempt) for attempt in lab.ask(queries.attempts, trial)] == [10, 8]


def test_an_ending_read_back_after_the_next_attempt_began_is_that_of_its_own_attempt(lab: Any) -> None:
    (trial,) = lab.queue(lab.study())
    lab.claim(trial)
    stands(lab, trial, 10, still=True)
    lab.end(trial, event="retry", now=NOW + 100, seconds=100.0)
    lab.claim(trial, now=NOW + 200)
    found = lab.ask(committed_ending, trial, 1)
    assert found is not None and found.seconds == 10


@pytest.mark.parametrize("waits", ["paused", "queued", "given back", "starting"])
def test_who_waits_after_a_run_and_then_ends_ran_for_as_long_as_that_run(lab: Any, waits: str) -> None:
    (trial,) = lab.queue(lab.study())
    lab.claim(trial)
    stands(lab, trial, 10, still=True)
    stands(lab, trial, 15, still=False)
    lab.intend(trial, StopReason.PAUSE)
    lab.end(trial, "exit_paused", now=NOW + 20)
    if waits != "paused":
        lab.do(repository.move_trial, trial, "resume", Actor.USER, NOW + 1000)
    if waits in ("given back", "starting"):
        lab.claim(trial, start=False, now=NOW + 2000)
    if waits == "given back":
        lab.do(repository.unclaim, trial, 2, "", Actor.REAPER, NOW + 2010)
    assert ran(lab, trial, 3000) is None
    lab.do(shift_clocks, 3600.0)
    if waits == "starting":
        lab.end(trial, "exit_cancelled", attempt=2, now=NOW + 9000)
    else:
        lab.do(repository.move_trial, trial, "prune" if waits == "paused" else "cancel", Actor.USER, NOW + 9000)
    assert ran(lab, trial, 9999) == 15
    assert next(attempt_ran_s(attempt) for attempt in lab.ask(queries.attempts, trial)) == 15


def test_the_longest_are_those_that_ran_longest(lab: Any) -> None:
    study = lab.study()
    still, moves, ended, waits = lab.queue(study, 4)
    for trial in (still, moves, ended, waits):
        lab.claim(trial)
    lab.end(waits, event="retry", now=NOW + 1)
    stands(lab, still, 5, still=True)
    stands(lab, ended, 4, still=True)
    lab.end(ended, now=NOW + 100)
    stands(lab, moves, 5, still=True)
    stands(lab, moves, 10, still=False)
    by_time = Order(study, sort="elapsed", descending=True, now=NOW + 50)
    assert [trial.id for trial in lab.ask(queries.trial_page, by_time, 4)] == [moves, still, ended, waits]
