from __future__ import annotations

import pytest

from storage import queries, repository
from tuned.core.errors import Conflict, NotFound
from tuned.core.states import Actor, IllegalMove, StudyState
from tuned.core.study import Best, Objective, SearchSpec

NOW = 1_000_000.0


def test_a_study_comes_back_as_it_was_submitted(lab, spec_of):
    spec = spec_of(question="Which?", priority=3)
    study_id = lab.do(repository.create_study, spec, {"PATH": "/bin", "Ä": "ö\udcff"}, NOW)
    study = lab.ask(queries.study, "digits")
    assert study.id == study_id
    assert study.spec == spec
    assert (study.state, study.priority, study.created_at, study.running_since) == ("running", 3, NOW, NOW)
    assert (study.counts, study.best, study.note, study.reason, study.ended_at) == ({}, None, "", "", None)
    assert lab.ask(queries.study_environment, study_id) == {"PATH": "/bin", "Ä": "ö\udcff"}
    assert lab.ask(queries.find_study, study_id) == study == lab.ask(queries.study_by_id, study_id)
    assert [e.type for e in lab.events()] == ["study.submitted"]


def test_a_name_is_used_once(lab):
    lab.study("digits")
    with pytest.raises(Conflict, match="digits"):
        lab.study("digits")
    assert len(lab.ask(queries.studies)) == 1
    assert len(lab.events()) == 1


def test_the_clock_runs_while_a_study_has_work_and_is_not_paused(lab):
    study_id = lab.study()

    def move(event, actor, at):
        return lab.do(repository.move_study, study_id, event, actor, NOW + at, reason=f"by {event}")

    assert move("pause", Actor.USER, 10) is StudyState.PAUSED
    paused = lab.study_row(study_id)
    assert (paused.running_s, paused.running_since, paused.reason) == (10, None, "by pause")
    move("resume", Actor.USER, 100)
    move("drain", Actor.SCHEDULER, 105)
    draining = lab.study_row(study_id)
    assert (draining.running_s, draining.running_since) == (15, NOW + 105)
    move("complete", Actor.SCHEDULER, 110)
    ended = lab.study_row(study_id)
    assert (ended.running_s, ended.running_since, ended.ended_at) == (20, None, NOW + 110)
    move("reopen", Actor.USER, 200)
    again = lab.study_row(study_id)
    assert (again.state, again.running_s, again.running_since, again.ended_at) == ("running", 20, NOW + 200, None)


def test_a_clock_set_back_takes_no_time_away(lab):
    study_id = lab.study()
    lab.do(repository.move_study, study_id, "pause", Actor.USER, NOW - 50)
    assert lab.study_row(study_id).running_s == 0


def test_an_illegal_move_changes_nothing(lab):
    study_id = lab.study()
    with pytest.raises(IllegalMove):
        lab.do(repository.move_study, study_id, "complete", Actor.SCHEDULER, NOW)
    with pytest.raises(IllegalMove):
        lab.do(repository.move_study, study_id, "drain", Actor.REAPER, NOW)
    assert lab.study_row(study_id).state is StudyState.RUNNING
    assert [e.type for e in lab.events()] == ["study.submitted"]


def test_notes_and_priorities_make_an_event_only_when_they_change(lab):
    study_id = lab.study()
    assert lab.do(repository.set_study_note, study_id, "late", NOW)
    assert not lab.do(repository.set_study_note, study_id, "late", NOW)
    assert lab.do(repository.set_study_priority, study_id, 5, NOW)
    assert not lab.do(repository.set_study_priority, study_id, 5, NOW)
    study = lab.study_row(study_id)
    assert (study.note, study.priority) == ("late", 5)
    assert [(e.type, e.data) for e in lab.events()[1:]] == [
        ("study.note", {"text": "late"}),
        ("study.priority", {"from": 0, "to": 5}),
    ]


def test_deleting_takes_everything_but_the_events(lab):
    study_id = lab.study("gone")
    trial_id = lab.completed(study_id, 0.5)
    lab.report(trial_id, ("loss", 1, 0.4), bad=[(7, "{")])
    kept = lab.completed(lab.study("kept"), 0.25)
    lab.do(repository.delete_study, study_id, NOW)
    assert [s.name for s in lab.ask(queries.studies)] == ["kept"]
    for table, column in [
        ("study_specs", "study_id"),
        ("study_counts", "study_id"),
        ("trials", "study_id"),
        ("attempts", "trial_id"),
        ("observations", "trial_id"),
        ("bad_lines", "trial_id"),
    ]:
        wanted = study_id if column == "study_id" else trial_id
        assert lab.sql(f"SELECT count(*) FROM {table} WHERE {column} = ?", wanted) == [(0,)]
    assert lab.by_id(kept).values == {"loss": 0.25}
    types = [e.type for e in lab.ask(queries.events_since, 0, study="gone")]
    assert types[0] == "study.submitted"
    assert types[-1] == "study.deleted"


def test_ids_are_never_given_again(lab):
    first = lab.study("a")
    (trial,) = lab.queue(first)
    lab.do(repository.delete_study, first, NOW)
    second = lab.study("a")
    assert second > first
    assert lab.queue(second)[0] > trial


def test_a_study_with_live_trials_is_not_deleted(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id, start=False)
    with pytest.raises(Conflict, match="live"):
        lab.do(repository.delete_study, study_id, NOW)
    lab.end(trial_id)
    lab.do(repository.delete_study, study_id, NOW)
    with pytest.raises(NotFound):
        lab.study_row(study_id)
    assert lab.ask(queries.find_study, study_id) is None


def test_a_specification_is_replaced_and_says_what_changed(lab, spec_of):
    study_id = lab.study("digits")
    lab.queue(study_id)
    more = spec_of(search=SearchSpec(trials=80, seed=7))
    assert lab.do(repository.update_spec, study_id, more, NOW)
    assert not lab.do(repository.update_spec, study_id, more, NOW)
    assert lab.study_row(study_id).spec == more
    assert lab.events()[-1].data == {"changes": ["search.trials: 10 -> 80"]}


def test_the_objective_of_a_study_with_results_stays(lab, spec_of):
    study_id = lab.study("digits")
    lab.queue(study_id)
    other = spec_of(objectives=(Objective("accuracy", "maximize"),))
    lab.do(repository.update_spec, study_id, other, NOW)
    lab.do(repository.update_spec, study_id, spec_of(), NOW)
    lab.completed(study_id, 0.5)
    with pytest.raises(Conflict, match="objective"):
        lab.do(repository.update_spec, study_id, other, NOW)
    with pytest.raises(Conflict, match="name"):
        lab.do(repository.update_spec, study_id, spec_of(name="another"), NOW)
    assert lab.study_row(study_id).spec == spec_of()


def test_the_best_is_the_best_finite_value_of_what_ended_well(lab):
    study_id = lab.study()
    lab.completed(study_id, 0.5)
    lab.completed(study_id, float("-inf"))
    lab.completed(study_id, float("nan"))
    lab.completed(study_id, 0.5)
    assert lab.study_row(study_id).best == Best(1, {"lr": 0.1, "width": 1}, {"loss": 0.5})
    (failed,) = lab.queue(study_id)
    lab.claim(failed)
    lab.report(failed, ("loss", 0, 0.1))
    lab.end(failed, "exit_error")
    assert lab.study_row(study_id).best.number == 1
    (pruned,) = lab.queue(study_id)
    lab.claim(pruned)
    lab.report(pruned, ("loss", 0, 0.2))
    lab.end(pruned, "exit_paused")
    assert lab.study_row(study_id).best.number == 1
    lab.do(repository.move_trial, pruned, "prune", Actor.USER, NOW)
    best = lab.study_row(study_id).best
    assert (best.number, best.values) == (1, {"loss": 0.5})


def test_a_study_to_maximise_has_its_largest_as_best(lab):
    study_id = lab.study(objectives=(Objective("loss", "maximize"),))
    for value in (0.5, 0.75, 0.25):
        lab.completed(study_id, value)
    assert lab.study_row(study_id).best.number == 2
    study = lab.study_row(study_id)
    assert [t.number for t in lab.ask(queries.best_trials, study, 2)] == [2, 1]


def test_the_best_points_name_each_point_once(lab):
    study_id = lab.study()
    for lr, value in ((0.1, 0.5), (0.1, 0.25), (0.2, 0.75), (0.1, 0.375), (0.3, 0.625)):
        lab.completed(study_id, value, params={"lr": lr})
    study = lab.study_row(study_id)
    assert [t.number for t in lab.ask(queries.best_points, study, 2)] == [2, 5]
    assert [t.number for t in lab.ask(queries.best_points, study, 9)] == [2, 5, 3]


def test_active_studies_are_those_with_work(lab):
    ids = [lab.study(name, now=NOW - i) for i, name in enumerate(("a", "b", "c"))]
    lab.queue(ids[0], 2)
    lab.do(repository.move_study, ids[1], "pause", Actor.USER, NOW)
    lab.do(repository.move_study, ids[2], "drain", Actor.USER, NOW)
    lab.do(repository.move_study, ids[2], "stop", Actor.SCHEDULER, NOW)
    assert [(s.name, s.counts) for s in lab.ask(queries.studies, active_only=True)] == [("b", {}), ("a", {"queued": 2})]
    assert [s.name for s in lab.ask(queries.studies)] == ["c", "b", "a"]
    assert lab.ask(queries.counts, ids[0]) == {"queued": 2}
