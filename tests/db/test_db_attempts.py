from __future__ import annotations

import uuid

import pytest

from storage import queries, repository
from storage.repository import NewTrial, StaleState
from tuned.core.errors import Conflict, NotFound
from tuned.core.states import Actor, Failure, IllegalMove, StopReason, TrialState

NOW = 1_000_000.0
START = {"supervisor_pid": 41, "supervisor_start": 512, "mode": "warm", "odd": float("nan")}


def test_the_life_of_an_attempt(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    attempt_id = uuid.uuid4().hex
    attempt = lab.do(repository.claim, trial_id, "GPU-1", attempt_id, "/runs/s/1", NOW + 1)
    assert attempt == 1
    (row,) = lab.ask(queries.live)
    assert row.trial == lab.by_id(trial_id)
    assert (row.trial.state, row.trial.device, row.trial.attempt) == ("starting", "GPU-1", 1)
    assert (row.attempt, row.attempt_id, row.run_dir, row.claimed_at) == (1, attempt_id, "/runs/s/1/1", NOW + 1)
    assert (row.started, row.supervisor_pid, row.ingest_offset, row.stop_at) == (False, None, 0, None)

    assert lab.do(repository.started, trial_id, 1, START, NOW + 2)
    assert not lab.do(repository.started, trial_id, 1, {"supervisor_pid": 99}, NOW + 3)
    (row,) = lab.ask(queries.live)
    assert (row.started, row.supervisor_pid, row.supervisor_start) == (True, 41, 512)
    assert (row.trial.state, row.trial.started_at) == ("running", NOW + 2)

    lab.report(trial_id, ("loss", 0, 0.5), sdk=True, resumable=True)
    (row,) = lab.ask(queries.live)
    assert (row.sdk, row.resumable, row.stop_seen, row.ingest_offset) == (True, True, False, 1)
    assert lab.end(trial_id, now=NOW + 9) is TrialState.COMPLETED
    assert lab.ask(queries.live) == []
    trial = lab.by_id(trial_id)
    assert (trial.state, trial.values, trial.ended_at, trial.failure) == ("completed", {"loss": 0.5}, NOW + 9, None)
    (record,) = lab.ask(queries.attempts, trial_id)
    assert record["start"] == {**START, "odd": "nan"}
    assert record["exit"] == {"code": 0}
    assert (record["started_at"], record["supervisor_pid"]) == (NOW + 2, 41)
    assert (record["mode"], record["ended_by"], record["ended_at"], record["sdk"]) == ("warm", "exit_ok", NOW + 9, True)


def test_only_a_queued_trial_is_claimed_and_only_once(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id, start=False)
    before = lab.events()
    with pytest.raises(StaleState, match="no longer queued"):
        lab.claim(trial_id, start=False)
    assert issubclass(StaleState, Conflict)
    assert lab.events() == before
    with pytest.raises(NotFound):
        lab.claim(999)


def test_an_unclaimed_trial_is_queued_again_and_its_attempt_is_used_up(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id, start=False)
    lab.intend(trial_id, StopReason.PAUSE)
    lab.do(repository.unclaim, trial_id, 1, "cut off", Actor.RECOVERY, NOW)
    trial = lab.by_id(trial_id)
    assert (trial.state, trial.attempt, trial.reason, trial.stop_reason) == ("queued", 1, "cut off", None)
    assert trial.retries_used == {}
    assert lab.claim(trial_id) == 2
    assert lab.by_id(trial_id).reason == ""
    with pytest.raises(StaleState, match="attempt 2"):
        lab.do(repository.unclaim, trial_id, 1, "late", Actor.RECOVERY, NOW)
    with pytest.raises(IllegalMove):
        lab.do(repository.unclaim, trial_id, 2, "it runs", Actor.RECOVERY, NOW)


def test_a_retry_queues_the_trial_again_and_counts_its_class(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    for attempt, failure in enumerate((Failure.OOM, Failure.OOM, Failure.LOST), 1):
        lab.claim(trial_id)
        assert lab.end(trial_id, "retry", attempt=attempt, failure=failure) is TrialState.QUEUED
    trial = lab.by_id(trial_id)
    assert trial.retries_used == {"oom": 2, "lost": 1}
    assert (trial.failure, trial.reason, trial.ended_at, trial.attempt) == (None, "because", None, 3)
    assert [a["failure"] for a in lab.ask(queries.attempts, trial_id)] == ["oom", "oom", "lost"]
    lab.claim(trial_id)
    assert lab.end(trial_id, "exit_error", attempt=4, failure=Failure.ERROR) is TrialState.FAILED
    assert lab.by_id(trial_id).failure is Failure.ERROR


def test_the_latest_traceback_is_kept(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    assert lab.ask(queries.traceback_of, trial_id) == ""
    lab.claim(trial_id)
    lab.end(trial_id, "retry", failure=Failure.ERROR, traceback="first")
    lab.claim(trial_id)
    lab.end(trial_id, "exit_error", attempt=2, failure=Failure.ERROR, traceback="second")
    assert lab.ask(queries.traceback_of, trial_id) == "second"


def test_an_exit_may_come_before_the_start_is_seen(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id, start=False)
    assert lab.end(trial_id, "vanished", actor=Actor.RECOVERY, failure=Failure.LOST) is TrialState.LOST
    assert not lab.do(repository.started, trial_id, 1, START, NOW)
    assert lab.by_id(trial_id).state is TrialState.LOST


@pytest.mark.parametrize(("told", "kept"), [(NOW + 16.4, NOW + 16.4), (NOW - 50.0, NOW), (NOW + 9e9, NOW + 3600.0)])
def test_a_trial_lasted_until_its_own_end_not_until_a_daemon_saw_it(lab, told: float, kept: float):
    """Within what this machine's clock allows: no end lies before the beginning, or in the future."""
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    lab.report(trial_id, ("loss", 0, 0.5))
    lab.end(trial_id, now=NOW + 3600.0, ended_at=told)
    assert lab.by_id(trial_id).ended_at == kept
    assert lab.sql("SELECT ended_at FROM attempts") == [(kept,)]
    assert lab.sql("SELECT max(at) FROM events") == [(NOW + 3600.0,)]


def test_an_attempt_ends_once(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    lab.end(trial_id, "retry", failure=Failure.LOST)
    lab.claim(trial_id)
    with pytest.raises(StaleState):
        lab.end(trial_id, attempt=1)
    lab.end(trial_id, attempt=2)
    before = lab.by_id(trial_id)
    with pytest.raises(IllegalMove):
        lab.end(trial_id, attempt=2)
    assert lab.by_id(trial_id) == before


def test_what_moved_is_told_with_what_a_reader_needs(lab):
    study_id = lab.study("digits")
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    lab.report(trial_id, ("loss", 0, float("nan")))
    lab.end(trial_id, "exit_error", failure=Failure.NAN)
    told = lab.events()[-1]
    assert (told.type, told.study, told.number) == ("trial.moved", "digits", 1)
    assert told.data == {
        "from": "running",
        "to": "failed",
        "event": "exit_error",
        "actor": "reaper",
        "attempt": 1,
        "failure": "nan",
        "reason": "because",
        "device": "cpu:0",
        "values": {"loss": "nan"},
    }
    assert lab.told[-1] == [told]


def test_a_command_without_an_objective_ends_too(lab):
    study_id = lab.study(objectives=())
    lab.do(repository.add_trials, study_id, [NewTrial({}, "command")], NOW)
    trial_id = lab.trial(study_id, 1).id
    lab.claim(trial_id)
    lab.report(trial_id, ("loss", 0, 1.0))
    lab.end(trial_id)
    assert (lab.by_id(trial_id).values, lab.study_row(study_id).best) == ({}, None)
    assert lab.ask(queries.best_trials, lab.study_row(study_id), 3) == []
