"""Trials of other stages than the search, and the steps that they belong to."""

from __future__ import annotations

import pytest

from storage import queries, repository
from storage.repository import trial_seed
from tuned.core.errors import NotFound
from tuned.core.playbook.spec import FinalTest, PlaybookSpec
from tuned.core.playbook.steps import StepState, begin, end, planned
from tuned.core.states import Actor, Failure, StoppedBy, StopReason, counted
from tuned.core.study import EarlyStopping

NOW = 1_000_000.0


def test_they_count_apart_and_none_is_the_best(lab):
    study = lab.study()
    best = lab.completed(study, 0.5)
    (other,) = lab.queue(study, stage="confirm", retry_of=1, seed=trial_seed(7, "confirm/0"))
    lab.claim(other)
    lab.report(other, ("loss", 0, 0.1))
    seen = {"exit_record": {"code": 0}, "failure": None, "reason": "", "traceback": ""}
    lab.do(repository.end_attempt, other, 1, "exit_ok", Actor.REAPER, NOW, **seen)
    lab.queue(study, 2, stage="test")
    found = lab.ask(queries.study_by_id, study)
    assert found.counts == {"completed": 2, "queued": 2} and found.aside == {"completed": 1, "queued": 2}
    assert found.search_counts == {"completed": 1, "queued": 0}
    assert found.best is not None and found.best.number == lab.by_id(best).number
    assert [t.id for t in lab.ask(queries.best_trials, found, 9)] == [best]
    assert lab.by_id(other).values == {"loss": 0.1} and lab.by_id(other).seed == trial_seed(7, "confirm/0")
    assert [t.stage for t in lab.ask(queries.trials_of_stage, study, "test")] == ["test", "test"]
    [listed] = lab.ask(queries.studies)
    assert listed.aside == found.aside


def test_repetitions_of_a_point_are_counted_apart(lab):
    study = lab.study()
    lab.completed(study, 0.5)
    again = lab.queue(study, 2, retry_of=1, origin="retry")
    lab.queue(study, 1, retry_of=1, stage="confirm")
    found = lab.ask(queries.study_by_id, study)
    assert found.counts == {"completed": 1, "queued": 3} and found.again == {"queued": 2}
    assert found.search_counts == {"completed": 1, "queued": 2} and found.point_counts == {"completed": 1, "queued": 0}
    lab.claim(again[0])
    lab.end(again[0], "exit_error", failure=Failure.ERROR)
    found = lab.ask(queries.study_by_id, study)
    assert found.again == {"queued": 1, "failed": 1} and counted(found.point_counts) == 1
    [listed] = lab.ask(queries.studies)
    assert (listed.again, listed.aside) == (found.again, found.aside)


def test_runs_of_a_confirmation_are_runs_with_other_seeds_as_those_by_hand_are(lab):
    study = lab.study()
    lab.completed(study, 0.5)
    for seed in (11, 12, 13):
        lab.completed(study, 0.5, stage="confirm", retry_of=1, seed=seed)
    lab.completed(study, float("nan"), stage="confirm", retry_of=1, seed=14)
    found = lab.study_row(study)
    assert list(lab.ask(queries.ranked_results, found).runs.values) == [0.5, 0.5, 0.5]
    assert lab.ask(queries.repetitions, found) == [[0.5, 0.5, 0.5]]
    lab.completed(study, 0.5, retry_of=1, origin="retry", seed=15)
    results = lab.ask(queries.ranked_results, lab.study_row(study))
    assert len(results.runs.values) == 4 and results.of == 1


def test_runs_that_a_full_disk_cut_are_no_repetitions_and_converged_ones_are(lab):
    study = lab.study()
    lab.completed(study, 0.5)
    for seed, (event, by) in enumerate([("exit_ok", "disk"), ("exit_pruned", "rung"), ("exit_pruned", "patience")]):
        (again,) = lab.queue(study, retry_of=1, seed=seed, origin="retry")
        lab.claim(again)
        lab.report(again, ("loss", 0, 0.2 * (seed + 1)))
        if by == "disk":
            end = {"exit_record": {"code": 0}, "failure": None, "reason": "", "traceback": "", "partial": True}
            lab.do(repository.end_attempt, again, 1, event, Actor.REAPER, NOW, **end)
        else:
            lab.do(repository.set_intent, again, StopReason.PRUNE, Actor.SCHEDULER, NOW, by=StoppedBy(by))
            lab.end(again, event)
    found = lab.study_row(study)
    assert list(lab.ask(queries.ranked_results, found).runs.values) == pytest.approx([0.6])
    (values,) = lab.ask(queries.repetitions, found)
    assert sorted(values) == pytest.approx([0.5, 0.6])


def test_early_stopping_leaves_them_alone(lab):
    study = lab.study(early_stopping=EarlyStopping("none", patience=1))
    searched, repeated = lab.queue(study, 1)[0], lab.queue(study, 1, stage="confirm")[0]
    for trial in (searched, repeated):
        lab.claim(trial)
        lab.report(trial, ("loss", 0, 0.1), ("loss", 1, 0.2), ("loss", 2, 0.3), ("loss", 3, 0.4))
    assert lab.by_id(searched).stop_reason == "prune" and lab.by_id(repeated).stop_reason is None


def test_the_test_metric_is_kept_in_the_last_stages(lab):
    study = lab.study(test=FinalTest("test_loss"))
    look, searched = lab.queue(study, stage="test")[0], lab.queue(study)[0]
    for trial in (look, searched):
        lab.claim(trial)
        lab.report(trial, ("test_loss", 0, 0.25), ("other", 0, 1.0))
    assert lab.by_id(look).values == {"test_loss": 0.25} and lab.by_id(searched).values == {}


def test_steps_are_stored_with_an_event_for_each_that_moved(lab):
    study = lab.study()
    assert lab.ask(queries.study_by_id, study).playbook is None
    first = planned(PlaybookSpec(steps=("coarse", "confirm"), trials={"coarse": 4}))
    assert lab.do(repository.set_playbook, study, None, first, NOW)
    assert not lab.do(repository.set_playbook, study, first, first, NOW)
    second = first.put(begin(first["coarse"], 0, NOW))
    third = second.put(end(second["coarse"], StepState.DONE, "4 trials", NOW, {"until": 4, "loss": float("nan")}))
    lab.do(repository.set_playbook, study, first, second, NOW)
    lab.do(repository.set_playbook, study, second, third, NOW)
    found = lab.ask(queries.study_by_id, study)
    assert found.playbook["coarse"].state is StepState.DONE and found.playbook["coarse"].result["until"] == 4
    steps = [e.data for e in lab.ask(queries.events_since, 0) if e.type == "study.step"]
    assert [(s["id"], s["state"]) for s in steps] == [
        ("coarse", "waiting"),
        ("confirm", "waiting"),
        ("coarse", "running"),
        ("coarse", "done"),
    ]
    lab.do(repository.delete_study, study, NOW)
    assert lab.sql("SELECT count(*) FROM pipelines") == [(0,)]
    with pytest.raises(NotFound):
        lab.do(repository.set_playbook, study, None, first, NOW)
