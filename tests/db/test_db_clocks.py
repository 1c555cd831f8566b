from __future__ import annotations

from storage import queries, repository
from storage.repository.clocks import shift_clocks
from tuned.core.states import Actor

NOW = 1_000_000.0


def test_what_runs_has_not_run_longer_because_the_clock_was_set(lab):
    running, paused = lab.study(), lab.study()
    lab.do(repository.move_study, paused, "pause", Actor.USER, NOW + 10)
    ended = lab.completed(running, 0.5)
    (live,) = lab.queue(running)
    lab.claim(live)
    before = lab.by_id(ended), lab.ask(queries.attempts, ended), lab.study_row(paused)
    lab.do(shift_clocks, 3600.0)
    assert lab.study_row(running).running_since == NOW + 3600
    assert lab.by_id(live).started_at == NOW + 3600
    assert lab.ask(queries.attempts, live)[0]["started_at"] == NOW + 3600
    assert (lab.by_id(ended), lab.ask(queries.attempts, ended), lab.study_row(paused)) == before
