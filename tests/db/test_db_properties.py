"""Properties of the store: what goes in comes out, no walk leaves the table of moves, counts and events never drift."""

from __future__ import annotations

import json
import uuid
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from storage import queries, repository
from storage.repository import IngestBatch, NewTrial
from storage.summaries import summaries
from tuned.core.errors import Conflict
from tuned.core.ranking import Ranking
from tuned.core.space import canonical_key
from tuned.core.states import LIVE, TERMINAL, TRIAL_MOVES, Actor, Failure, StopReason
from tuned.core.study import Objective
from tuned.core.trials.trial import summarise
from tuned.protocol import decode_number

NOW = 1_000_000.0
SOME = settings(max_examples=60)

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
values = st.floats() | st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 5e-324])
steps = st.integers(0, 2**40).map(float) | st.floats(allow_nan=False, allow_infinity=False)
points = st.dictionaries(
    names,
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**62), 2**62) | st.booleans() | names,
    max_size=5,
)


def same(a, b):
    return a == b or (a != a and b != b)


@SOME
@given(st.lists(points, min_size=1, max_size=5), st.text(st.characters(codec="utf-8"), max_size=40))
def test_points_come_back_in_their_own_types(shared_lab, made, why):
    lab = shared_lab
    study_id = lab.study()
    new = [NewTrial(point, "user", why=why) for point in made]
    lab.do(repository.add_trials, study_id, new, NOW)
    trials = lab.ask(queries.trials, study_id)
    assert [t.params for t in trials] == made
    assert [[type(v) for v in t.params.values()] for t in trials] == [[type(v) for v in p.values()] for p in made]
    assert {t.why for t in trials} == {why}
    keys = [canonical_key(point) for point in made]
    assert lab.ask(queries.known_keys, study_id, keys) == set(keys)


@SOME
@given(st.lists(st.tuples(names, steps, values, st.none() | st.floats(0, 2e9)), min_size=1, max_size=30))
def test_observations_come_back_and_the_last_line_of_a_step_wins(shared_lab, reported):
    lab = shared_lab
    (trial_id,) = lab.queue(lab.study())
    lab.claim(trial_id)
    lab.do(repository.ingest, IngestBatch(trial_id, 1, 0, 1, reported), NOW)
    expected = {(name, step): (value, time) for name, step, value, time in reported}
    seen = {(o.name, o.step): (o.value, o.time) for o in lab.ask(queries.observations, trial_id)}
    assert seen.keys() == expected.keys()
    assert all(same(seen[key][0], expected[key][0]) and seen[key][1] == expected[key][1] for key in expected)
    told = lab.events()[-1].data
    assert all(same(decode_number(v), [r[2] for r in reported if r[0] == k][-1]) for k, v in told["last"].items())
    json.dumps(told, allow_nan=False)


objectives = st.builds(
    Objective,
    metric=st.just("loss"),
    direction=st.sampled_from(["minimize", "maximize"]),
    summary=st.sampled_from(["best", "last", "mean_last"]),
    last_n=st.integers(1, 4),
)


@SOME
@given(objectives, st.lists(st.lists(values, min_size=1, max_size=6), min_size=1, max_size=5))
def test_a_summary_kept_batch_by_batch_is_that_of_the_whole_curve(shared_lab, objective, batches):
    lab = shared_lab
    study_id = lab.study(objectives=(objective,))
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    curve = []
    for batch in batches:
        lab.report(trial_id, *(("loss", len(curve) + i, value) for i, value in enumerate(batch)))
        curve += batch
        assert same(lab.by_id(trial_id).values["loss"], summarise(objective, curve))
    lab.end(trial_id)
    assert same(lab.by_id(trial_id).values["loss"], summarise(objective, curve))
    assert same(lab.ask(summaries, trial_id, [objective])["loss"], summarise(objective, curve))


EVENTS = sorted({event for _, event in TRIAL_MOVES})
ATTEMPT_EVENTS = {"exit_ok", "exit_error", "exit_pruned", "exit_cancelled", "exit_paused", "vanished", "retry"}


def act(lab, trial_id, event, actor):
    """Try one event on a trial through the function that owns it."""
    trial = lab.by_id(trial_id)
    if event == "claim":
        lab.do(repository.claim, trial_id, "cpu:0", uuid.uuid4().hex, "/runs/s/1", NOW)
    elif event == "started":
        lab.do(repository.started, trial_id, trial.attempt, {}, NOW)
    elif event == "unclaim":
        lab.do(repository.unclaim, trial_id, trial.attempt, "", actor, NOW)
    elif event in ATTEMPT_EVENTS:
        lab.end(trial_id, event, attempt=trial.attempt, actor=actor, failure=Failure.ERROR)
    elif event == "hold":
        lab.do(repository.early_stopping.hold, trial_id, NOW)
    else:
        lab.do(repository.move_trial, trial_id, event, actor, NOW)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(EVENTS) | st.just("intent") | st.just("report"),
            st.sampled_from(list(Actor)),
            st.floats(0, 1),
        ),
        max_size=40,
    )
)
def test_no_walk_leaves_the_table_and_nothing_drifts(shared_lab, walk):
    lab = shared_lab
    seq = lab.ask(queries.last_event_seq)
    study_id = lab.study()
    ids = lab.queue(study_id, 3)
    for which, event, actor, value in walk:
        trial_id = ids[which]
        before = lab.by_id(trial_id)
        told = lab.ask(queries.last_event_seq)
        try:
            if event == "intent":
                asked = lab.intend(trial_id, StopReason.CANCEL)
                assert asked == (before.state in LIVE and before.stop_reason is None)
                continue
            if event == "report":
                if before.attempt:
                    lab.report(trial_id, ("loss", 0, value), attempt=before.attempt)
                continue
            act(lab, trial_id, event, actor)
        except Conflict:
            assert lab.by_id(trial_id) == before
            assert lab.ask(queries.last_event_seq) == told
            continue
        after = lab.by_id(trial_id)
        if after != before:
            target, _ = TRIAL_MOVES[before.state, event]
            assert after.state is target
            assert before.state not in TERMINAL
            assert after.stop_reason is None or after.state in LIVE
    check_nothing_drifted(lab, study_id, seq)


def check_nothing_drifted(lab, study_id, seq):
    """Counts, best and the replayed events agree with the rows."""
    trials = lab.ask(queries.trials, study_id)
    study = lab.study_row(study_id)
    assert study.counts == dict(Counter(t.state.value for t in trials))
    ranked = Ranking.of(study.spec).ranked(trials)
    best = ranked[0].values["loss"] if ranked else None
    assert (study.best.values["loss"] if study.best else None) == best
    assert [t.values["loss"] for t in lab.ask(queries.best_trials, study, 1)] == ([] if best is None else [best])
    assert {a.trial.id for a in lab.ask(queries.live)} >= {t.id for t in trials if t.state in LIVE}
    replayed = {}
    for event in lab.ask(queries.events_since, seq, study=study.name, limit=10_000):
        if event.type == "trial.queued":
            replayed[event.number] = ("queued", 0, {}, "", None)
        elif event.type == "trial.moved":
            data = event.data
            assert replayed[event.number][0] == data["from"]
            failure = data["failure"] if data["to"] in TERMINAL else None
            replayed[event.number] = (data["to"], data["attempt"], data["values"], data["device"], failure)
    rows = {
        t.number: (t.state, t.attempt, t.values if t.state in TERMINAL else None, t.device, t.failure) for t in trials
    }
    assert rows == {n: (s, a, v if s in TERMINAL else None, d, f) for n, (s, a, v, d, f) in replayed.items()}
    ordered = [n for _, n in lab.sql("SELECT moved_seq, number FROM trials WHERE study_id=? ORDER BY 1", study_id)]
    assert [t.number for _, t in lab.ask(queries.changed_since, study_id, 0, 100)] == ordered


orders = st.tuples(st.integers(0, 2), st.integers(-2, 2), st.integers(0, 1))


@settings(max_examples=25)
@given(st.lists(st.integers(-2, 2), min_size=1, max_size=3), st.lists(orders, max_size=12), st.integers(1, 5))
def test_the_heads_are_the_first_of_the_whole_order(shared_lab, priorities, made, per_study):
    lab = shared_lab
    others = {t.id for t in lab.ask(queries.queue_heads, 10_000)}
    studies = [lab.study(now=NOW + i, priority=priority) for i, priority in enumerate(priorities)]
    queued = []
    for which, priority, rank in made:
        study = which % len(studies)
        (trial_id,) = lab.queue(studies[study], priority=priority, rank=rank)
        number = lab.by_id(trial_id).number
        queued.append((-(priorities[study] + priority), rank, study, number, trial_id))
    expected, taken = [], Counter()
    for *_, study, _, trial_id in sorted(queued):
        taken[study] += 1
        if taken[study] <= per_study:
            expected.append(trial_id)
    heads = [t.id for t in lab.ask(queries.queue_heads, per_study) if t.id not in others]
    for study_id in studies:
        for trial in lab.ask(queries.trials, study_id):
            lab.do(repository.move_trial, trial.id, "cancel", Actor.USER, NOW)
    assert heads == expected
