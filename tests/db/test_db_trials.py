from __future__ import annotations

import pytest

from storage import queries, repository
from storage.repository import NewTrial
from tuned.core.errors import Conflict, NotFound
from tuned.core.space import canonical_key
from tuned.core.states import Actor, IllegalMove, StopReason, TrialState

NOW = 1_000_000.0


def numbers(trials):
    return [trial.number for trial in trials]


def test_trials_are_numbered_from_one_in_each_study(lab):
    a, b = lab.study(), lab.study()
    point = {"lr": 0.1, "width": 3, "name": "é", "flag": True}
    assert lab.do(repository.add_trials, a, [NewTrial(point, "user", why="so", priority=2, rank=0)] * 2, NOW) == [1, 2]
    assert lab.do(repository.add_trials, b, [NewTrial(point, "sobol")], NOW) == [1]
    trial = lab.trial(a, 1)
    assert (trial.params, trial.origin, trial.why, trial.priority, trial.state) == (point, "user", "so", 2, "queued")
    assert type(trial.params["flag"]) is bool
    assert (trial.attempt, trial.values, trial.stage, trial.retry_of) == (0, {}, "search", None)
    assert lab.events()[-1].data == {"params": point, "origin": "sobol", "priority": 0, "why": ""}
    assert lab.ask(queries.next_number, a) == 3


def test_numbers_may_be_given_and_are_never_used_twice(lab):
    study_id = lab.study()
    point = {"lr": 0.1, "width": 3}
    new = [NewTrial(point, "sobol", number=5), NewTrial(point, "sobol"), NewTrial(point, "sobol", number=2)]
    assert lab.do(repository.add_trials, study_id, new, NOW) == [5, 6, 2]
    assert lab.ask(queries.next_number, study_id) == 7
    with pytest.raises(Conflict, match="/5"):
        lab.do(repository.add_trials, study_id, [NewTrial(point, "sobol"), NewTrial(point, "sobol", number=5)], NOW)
    assert numbers(lab.ask(queries.trials, study_id)) == [2, 5, 6]
    assert len(lab.events()) == 4


def test_seeds_depend_on_the_study_seed_and_the_number_alone(lab):
    a, b = lab.study(), lab.study()
    lab.queue(a, 3)
    lab.queue(b, 3)
    seeds = [t.seed for t in lab.ask(queries.trials, a)]
    assert seeds == [t.seed for t in lab.ask(queries.trials, b)]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)
    # Frozen: a seed that changed with a new version would break "run it again".
    assert seeds[0] == 1776908988


def test_plain_moves(lab):
    study_id = lab.study()
    (queued,) = lab.queue(study_id)
    assert lab.do(repository.move_trial, queued, "cancel", Actor.USER, NOW, "not needed") is TrialState.CANCELLED
    trial = lab.by_id(queued)
    assert (trial.state, trial.reason, trial.ended_at) == ("cancelled", "not needed", NOW)
    (paused,) = lab.queue(study_id)
    lab.claim(paused)
    lab.end(paused, "exit_paused")
    assert lab.by_id(paused).ended_at is None
    assert lab.do(repository.move_trial, paused, "resume", Actor.USER, NOW) is TrialState.QUEUED
    with pytest.raises(ValueError, match="attempt's"):
        lab.do(repository.move_trial, paused, "claim", Actor.SCHEDULER, NOW)
    with pytest.raises(NotFound):
        lab.do(repository.move_trial, 999, "cancel", Actor.USER, NOW)


def test_an_ended_trial_never_changes(lab):
    study_id = lab.study()
    trial_id = lab.completed(study_id, 0.5)
    before = lab.by_id(trial_id)
    for event in ("cancel", "resume", "prune"):
        with pytest.raises(IllegalMove):
            lab.do(repository.move_trial, trial_id, event, Actor.USER, NOW)
    with pytest.raises(Conflict):
        lab.do(repository.set_priority, trial_id, 9, NOW)
    with pytest.raises(Exception, match="never changes"):
        lab.do(lambda conn: conn.exec_driver_sql("UPDATE trials SET priority = 9 WHERE id = ?", (trial_id,)))
    assert lab.by_id(trial_id) == before


def test_intents_lie_on_live_trials_and_grow_stronger_only(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    assert not lab.intend(trial_id, StopReason.PAUSE)
    lab.claim(trial_id, start=False)
    assert lab.intend(trial_id, StopReason.PAUSE)
    assert not lab.intend(trial_id, StopReason.PRUNE)
    assert lab.by_id(trial_id).stop_reason is StopReason.PAUSE
    lab.do(repository.started, trial_id, 1, {}, NOW)
    assert lab.ask(queries.live)[0].stop_at == NOW
    assert lab.intend(trial_id, StopReason.CANCEL)
    assert lab.intend(trial_id, StopReason.KILL)
    assert not lab.intend(trial_id, StopReason.CANCEL)
    assert lab.by_id(trial_id).stop_reason is StopReason.KILL
    lab.end(trial_id, "exit_error")
    assert lab.by_id(trial_id).stop_reason is None
    assert not lab.intend(trial_id, StopReason.KILL)
    told = [e.data["stop_reason"] for e in lab.events() if e.type == "trial.intent"]
    assert told == ["pause", "cancel", "kill"]


def test_the_queue_runs_by_priority_then_own_points_then_age(lab):
    older, newer = lab.study("older", now=NOW), lab.study("newer", now=NOW + 1)
    lab.queue(newer, 2)
    lab.queue(newer, priority=1)
    lab.queue(newer, rank=0)
    lab.queue(older, 2)
    heads = lab.ask(queries.queue_heads, 10)
    assert [(t.study, t.number) for t in heads] == [
        ("newer", 3),
        ("newer", 4),
        ("older", 1),
        ("older", 2),
        ("newer", 1),
        ("newer", 2),
    ]
    lab.do(repository.set_study_priority, older, 1, NOW)
    heads = lab.ask(queries.queue_heads, 1)
    assert [(t.study, t.number) for t in heads] == [("older", 1), ("newer", 3)]
    lab.do(repository.move_study, older, "pause", Actor.USER, NOW)
    assert {t.study for t in lab.ask(queries.queue_heads, 10)} == {"newer"}


def test_priorities_change_the_place(lab):
    study_id = lab.study()
    first, second = lab.queue(study_id, 2)
    assert lab.do(repository.set_priority, second, 4, NOW)
    assert not lab.do(repository.set_priority, second, 4, NOW)
    assert [t.id for t in lab.ask(queries.queue_heads, 5)] == [second, first]
    assert lab.events()[-1].data == {"from": 0, "to": 4}


def test_next_is_before_all_others_of_all_studies(lab):
    a, b = lab.study("a"), lab.study("b")
    lab.queue(a, priority=5)
    lab.do(repository.set_study_priority, a, 10, NOW)
    trial_id, other = lab.queue(b, 2)
    assert lab.do(repository.make_next, trial_id, NOW) == 16
    assert lab.ask(queries.queue_heads, 5)[0].id == trial_id
    assert lab.do(repository.make_next, trial_id, NOW) == 16
    assert lab.do(repository.make_next, other, NOW) == 17
    assert lab.ask(queries.queue_heads, 5)[0].id == other
    lab.claim(other)
    with pytest.raises(Conflict, match="running"):
        lab.do(repository.make_next, other, NOW)


def test_lists_sort_filter_and_page(lab):
    study_id = lab.study()
    for value in (0.3, float("nan"), 0.1, 0.2):
        lab.completed(study_id, value)
    lab.do(
        repository.add_trials,
        study_id,
        [NewTrial({"lr": 0.9, "width": 9}, "user"), NewTrial({"lr": 0.01, "width": 2}, "user")],
        NOW,
    )

    def listed(**named):
        return numbers(lab.ask(queries.trials, study_id, **named))

    assert listed() == [1, 2, 3, 4, 5, 6]
    assert listed(descending=True, limit=2) == [6, 5]
    assert listed(states=[TrialState.QUEUED]) == [5, 6]
    assert listed(states=[]) == []
    assert listed(numbers=[(2, 3), (6, 77)]) == [2, 3, 6]
    assert listed(numbers=[]) == []
    assert listed(limit=2, offset=1) == [2, 3]
    assert listed(offset=4) == [5, 6]
    other = lab.study()
    lab.queue(other)
    assert len(lab.ask(queries.trials)) == 7


def test_known_points(lab):
    study_id = lab.study()
    lab.do(repository.add_trials, study_id, [NewTrial({"lr": 0.1, "width": 3}, "sobol")] * 2, NOW)
    known = canonical_key({"width": 3, "lr": 0.1 + 1e-16})
    assert lab.ask(queries.known_keys, study_id, [known, canonical_key({"lr": 0.2, "width": 3})]) == {known}
    assert lab.ask(queries.known_keys, study_id, []) == set()


def test_changes_are_told_by_the_latest_move(lab):
    study_id = lab.study()
    first, second = lab.queue(study_id, 2)
    rows = lab.ask(queries.changed_since, study_id, 0, 10)
    assert [(seq, t.number) for seq, t in rows] == [(2, 1), (3, 2)]
    lab.claim(first)
    rows = lab.ask(queries.changed_since, study_id, 3, 10)
    assert [(t.number, t.state) for _, t in rows] == [(1, "running")]
    assert rows[-1][0] == lab.ask(queries.last_event_seq)
    assert lab.ask(queries.changed_since, study_id, rows[-1][0], 10) == []
    assert len(lab.ask(queries.changed_since, study_id, 0, 1)) == 1
    assert lab.by_id(second).state is TrialState.QUEUED


def test_any_values(lab):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    lab.report(trial_id, ("accuracy", 0, 1.0))
    assert not lab.ask(queries.any_values, study_id)
    lab.report(trial_id, ("loss", 0, float("nan")))
    assert lab.ask(queries.any_values, study_id)
