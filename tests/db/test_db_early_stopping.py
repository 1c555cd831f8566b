"""Early stopping in the transaction that stores a report."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import queries, repository
from tuned.core import events
from tuned.core.errors import Conflict
from tuned.core.search.rungs import Ruling, explain
from tuned.core.states import Actor, Failure, StopReason, TrialState
from tuned.core.study import EarlyStopping, SearchSpec
from tuned.daemon.analyses.study_data import trial_lines
from tuned.daemon.study_moves import drain_study, end_study
from tuned.daemon.verbs.pausing import _pause

NOW = 1_000_000.0
ASHA = EarlyStopping(min_step=1, max_step=20, rescue=0.0)


def study(lab, rule=ASHA, **changes):
    return lab.study(early_stopping=rule, search=SearchSpec(trials=50, seed=7), **changes)


def running(lab, study_id):
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    return trial_id


def report(lab, trial_id, *points, attempt=1, **marks):
    """One batch of (step, loss)."""
    lab.report(trial_id, *[("loss", step, value) for step, value in points], attempt=attempt, **marks)
    return lab.by_id(trial_id).stop_reason


def verdicts(lab, trial_id):
    return [d.verdict.value for d in lab.ask(queries.decisions, trial_id)]


def test_asha_stops_what_is_not_among_the_best_third(lab):
    study_id = study(lab)
    asked = []
    for value in (0.5, 0.4, 0.6, 0.9, 0.3):
        trial_id = running(lab, study_id)
        asked.append(report(lab, trial_id, (0, 2.0), (1, value)))
    # Two come too early to tell; of three the best passes, then of four and five.
    assert asked == [None, None, StopReason.PRUNE, StopReason.PRUNE, None]
    (decision,) = lab.ask(queries.decisions, lab.trial(study_id, 4).id)
    assert (decision.peers, decision.passing, decision.cutoff, decision.step) == (4, 1, 0.4, 1.0)
    assert decision.verdict is Ruling.PRUNED
    intent = [e for e in lab.events() if e.type == events.TRIAL_INTENT and e.number == 4]
    assert intent[0].data["actor"] == "scheduler" and "best 1 of 4" in intent[0].data["why"]
    told = [e for e in lab.events() if e.type == events.TRIAL_RUNG]
    assert [e.data["verdict"] for e in told] == ["continued", "continued", "pruned", "pruned", "continued"]


def test_a_resumable_trial_is_paused_and_promoted_when_others_show_it_was_good(lab):
    study_id = study(lab)
    first = running(lab, study_id)
    assert report(lab, first, (1, 0.1), resumable=True) is StopReason.PAUSE
    lab.end(first, "exit_paused")
    assert lab.by_id(first).state is TrialState.PAUSED
    second = running(lab, study_id)
    report(lab, second, (1, 0.5), resumable=True)
    assert lab.by_id(first).state is TrialState.PAUSED
    third = running(lab, study_id)
    assert report(lab, third, (1, 0.7), resumable=True) is StopReason.PAUSE
    # Of three, one passes: the first, which is queued again, and ahead of newer ones.
    promoted = lab.by_id(first)
    assert promoted.state is TrialState.QUEUED and "promoted" in promoted.reason
    assert verdicts(lab, first) == ["promoted"]
    assert [t.id for t in lab.ask(queries.queue_heads, 5)] == [first]
    lab.claim(first)
    assert report(lab, first, (2, 0.09), (3, 0.08), attempt=2, resumable=True) is StopReason.PAUSE
    assert verdicts(lab, first) == ["promoted", "paused"]


@pytest.mark.parametrize("stopped", [True, False], ids=["it waits", "it is about to"])
def test_a_person_who_pauses_a_trial_at_its_rung_is_obeyed(lab, stopped):
    """It was told to be paused already, and went on by itself as soon as others showed that it was good."""
    study_id = study(lab)
    first = running(lab, study_id)
    report(lab, first, (1, 0.1), resumable=True)
    if stopped:
        lab.end(first, "exit_paused")
    effect = lab.do(_pause, [f"{lab.study_row(study_id).name}/1"], None, False, NOW)
    assert effect.changed and "until you resume it" in effect.effects[0]
    for value in (0.5, 0.7, 0.8):
        report(lab, running(lab, study_id), (1, value), resumable=True)
    if not stopped:
        lab.end(first, "exit_paused")
    assert lab.by_id(first).state is TrialState.PAUSED and not lab.ask(queries.waiting_count, study_id)
    with pytest.raises(Conflict):
        lab.do(_pause, [f"{lab.study_row(study_id).name}/1"], None, False, NOW)
    lab.do(repository.move_trial, first, "resume", Actor.USER, NOW)
    assert lab.by_id(first).state is TrialState.QUEUED


def test_a_trial_that_is_cancelled_at_its_rung_is_not_said_to_wait_there(lab):
    study_id = study(lab)
    first = running(lab, study_id)
    report(lab, first, (1, 0.1), resumable=True)
    assert lab.intend(first, StopReason.CANCEL)
    with pytest.raises(Conflict, match="being stopped already"):
        lab.do(_pause, [f"{lab.study_row(study_id).name}/1"], None, False, NOW)


def test_a_trial_promoted_before_it_has_stopped_goes_on_when_it_has(lab):
    study_id = study(lab)
    first, second, third = (running(lab, study_id) for _ in range(3))
    for trial_id, value in ((first, 0.1), (second, 0.5), (third, 0.7)):
        report(lab, trial_id, (1, value), resumable=True)
    assert lab.by_id(first).state is TrialState.RUNNING
    lab.end(first, "exit_paused")
    assert lab.by_id(first).state is TrialState.QUEUED
    lab.end(second, "exit_paused")
    assert lab.by_id(second).state is TrialState.PAUSED


def test_a_trial_is_promoted_by_the_rung_it_waits_at_alone(lab):
    """It has passed a lower one already: there others come before it and behind it."""
    study_id = study(lab)

    def at_first_rung(value):
        trial_id = running(lab, study_id)
        report(lab, trial_id, (1, value), resumable=True)
        lab.end(trial_id, "exit_paused")
        return trial_id

    first, *_ = [at_first_rung(value) for value in (0.5, 0.6, 0.7)]
    lab.claim(first)
    assert report(lab, first, (3, 0.5), attempt=2, resumable=True) is StopReason.PAUSE
    lab.end(first, "exit_paused", attempt=2)
    for value in (0.4, 0.8, 0.9, 0.95):
        at_first_rung(value)
    # A better one has taken its place at the first rung; of seven, two pass there, the first again one of them.
    assert verdicts(lab, first) == ["promoted", "paused"]
    assert lab.by_id(first).state is TrialState.PAUSED


def test_after_i_epochs_all_wait_and_the_best_run_to_their_end(lab):
    study_id = study(lab, EarlyStopping("i-epoch", min_step=2, keep=2, rescue=0.0))
    trials = []
    for value in (0.5, 0.3, 0.4, 0.9):
        trials.append(running(lab, study_id))
        assert report(lab, trials[-1], (1, 2.0), (2, value), resumable=True) is StopReason.PAUSE
        lab.end(trials[-1], "exit_paused")
    assert [lab.by_id(t).state for t in trials] == [TrialState.PAUSED] * 4
    chosen = lab.ask(queries.unfinished, lab.ask(queries.study_by_id, study_id))
    assert chosen == [(trials[1], Ruling.FINISHING), (trials[2], Ruling.FINISHING)]
    for trial_id, verdict in chosen:
        assert lab.do(repository.early_stopping.resume, trial_id, verdict, NOW)
    assert lab.ask(queries.unfinished, lab.ask(queries.study_by_id, study_id)) == []
    lab.claim(trials[1])
    assert report(lab, trials[1], (3, 0.2), (30, 5.0), attempt=2, resumable=True) is None


def test_a_trial_that_a_person_resumed_waits_no_more(lab):
    study_id = study(lab)
    first = running(lab, study_id)
    report(lab, first, (1, 0.1), resumable=True)
    lab.end(first, "exit_paused")
    assert lab.ask(queries.waiting_count, study_id) == 1
    lab.do(repository.move_trial, first, "resume", Actor.USER, NOW)
    assert verdicts(lab, first) == ["promoted"]
    lab.claim(first)
    lab.intend(first, StopReason.PAUSE)
    lab.end(first, "exit_paused", attempt=2)
    assert lab.by_id(first).state is TrialState.PAUSED
    assert lab.ask(queries.waiting_count, study_id) == 0


def test_the_median_rule_compares_with_finished_trials(lab):
    study_id = study(lab, EarlyStopping("median", min_step=1, rescue=0.0))
    for i in range(5):
        trial_id = running(lab, study_id)
        assert report(lab, trial_id, (1, 0.1 * i), (2, 0.1 * i)) is None
        lab.end(trial_id)
    good, bad = running(lab, study_id), running(lab, study_id)
    assert report(lab, good, (1, 0.2)) is None
    assert report(lab, bad, (1, 0.25)) is StopReason.PRUNE
    (decision,) = lab.ask(queries.decisions, bad)
    assert (decision.peers, decision.passing, decision.cutoff) == (5, 3, 0.2)


def test_a_trial_that_had_converged_is_a_finished_one_to_the_median_rule(lab):
    study_id = study(lab, EarlyStopping("median", min_step=1, patience=2, rescue=0.0))
    for i in range(5):
        trial_id = running(lab, study_id)
        assert report(lab, trial_id, (1, 0.1 * i), (2, 0.1 * i), (3, 0.1 * i)) is StopReason.PRUNE
        lab.end(trial_id, "exit_pruned")
    bad = running(lab, study_id)
    assert report(lab, bad, (1, 9.0)) is StopReason.PRUNE
    (decision,) = lab.ask(queries.decisions, bad)
    assert (decision.peers, decision.passing, decision.cutoff) == (5, 3, 0.2)


def test_a_trial_that_waits_is_not_told_that_it_is_worse_than_others(lab):
    """After i epochs the best ones wait like all others."""
    study_id = study(lab, EarlyStopping("i-epoch", min_step=2, keep=2, rescue=0.0))
    said = []
    for value in (0.1, 0.5, 0.9):
        trial_id = running(lab, study_id)
        report(lab, trial_id, (2, value), resumable=True)
        lab.end(trial_id, "exit_paused")
        said.append(lab.by_id(trial_id).reason)
    assert said == [
        "loss 0.1 at step 2: paused when the best 1 of 1 (to 0.1) passed",
        "loss 0.5 at step 2: paused when the best 2 of 2 (to 0.5) passed",
        "loss 0.9 at step 2: paused when the best 2 of 3 (to 0.5) passed",
    ]
    study_id = study(lab)
    halved = running(lab, study_id)
    report(lab, halved, (1, 0.1), resumable=True)
    lab.end(halved, "exit_paused")
    assert lab.by_id(halved).reason == "loss 0.1 at step 1: paused when 1 had come this far"
    assert lab.do(repository.early_stopping.resume, halved, Ruling.RESCUED, NOW)
    (decision,) = lab.ask(queries.decisions, halved)
    assert "best 0" not in explain(decision, "loss") and explain(decision, "loss").endswith("to measure the rule")
    other = running(lab, study_id)
    report(lab, other, (1, 0.7), resumable=True)
    lab.end(other, "exit_paused")
    lab.do(drain_study, study_id, "all trials are done", Actor.SCHEDULER, NOW)
    lab.do(end_study, study_id, "complete", "all trials are done", NOW)
    assert lab.by_id(other).reason == "loss 0.7 at step 1: paused when 2 had come this far; its study has ended"
    assert lab.study_row(study_id).reason == "all trials are done"


def test_patience_knows_what_was_reported_while_a_trial_was_to_stop(lab):
    """The report that has it wait, and those until it notices, are a part of its curve like all others."""
    study_id = study(lab, EarlyStopping(min_step=3, patience=3, rescue=0.0))
    trial_id = running(lab, study_id)
    assert report(lab, trial_id, (1, 0.5), (2, 0.4), (3, 0.1), resumable=True) is StopReason.PAUSE
    report(lab, trial_id, (4, 0.05))
    lab.end(trial_id, "exit_paused")
    lab.do(repository.move_trial, trial_id, "resume", Actor.USER, NOW)
    lab.claim(trial_id)
    assert report(lab, trial_id, (5, 0.2), (6, 0.2), attempt=2) is None
    assert report(lab, trial_id, (7, 0.2), attempt=2) is StopReason.PRUNE
    assert lab.by_id(trial_id).reason == "no better loss for 3 steps than 0.05 at step 4"


def test_patience_forgets_what_an_attempt_that_began_anew_has_replaced(lab):
    study_id = study(lab, EarlyStopping("none", patience=3))
    trial_id = running(lab, study_id)
    report(lab, trial_id, (1, 0.5), (2, 0.05))
    lab.end(trial_id, "retry")
    lab.claim(trial_id)
    assert report(lab, trial_id, *[(step, 0.5 - step / 100) for step in range(1, 20)], attempt=2) is None


@pytest.mark.parametrize("batches", [1, 12])
def test_patience_forgets_a_value_whose_step_was_reported_again(lab, batches):
    """Minibatches that all carry their epoch as their step: the last one of an epoch is what counts."""
    study_id = study(lab, EarlyStopping("none", patience=3))
    trial_id = running(lab, study_id)
    points = [(step, value) for step in range(1, 7) for value in (0.05 if step == 2 else 0.9, 0.5 - step / 100)]
    for batch in [points] if batches == 1 else [[point] for point in points]:
        assert report(lab, trial_id, *batch) is None
    (best,) = lab.sql("SELECT best, best_step FROM streaks WHERE trial_id = ?", trial_id)
    assert best == (0.44, 6.0)
    assert report(lab, trial_id, (7, 0.6), (8, 0.6), (9, 0.6)) is StopReason.PRUNE


@pytest.mark.parametrize("size", [1, 2, 5])
def test_patience_of_a_later_attempt_does_not_depend_on_batches(lab, size):
    """Its second report is of a step that came last in the attempt before it."""
    study_id = study(lab, EarlyStopping("none", patience=3))
    trial_id = running(lab, study_id)
    report(lab, trial_id, (1, 0.5), (2, 0.4), (3, 0.4), (4, 0.3))
    lab.end(trial_id, "retry")
    lab.claim(trial_id)
    points = [(5, 0.6), (4, 0.3), (6, 0.6), (7, 0.2), (7, 0.6)]
    asked = [report(lab, trial_id, *points[i : i + size], attempt=2) for i in range(0, len(points), size)]
    assert asked[-1] is StopReason.PRUNE and not any(asked[:-1])
    lab.end(trial_id, "exit_pruned", attempt=2)
    assert lab.by_id(trial_id).reason == "no better loss for 3 steps than 0.3 at step 4"


def test_a_verdict_knows_nothing_of_what_came_after_it(lab):
    """In the same batch: its own step again, and an earlier one."""
    study_id = study(lab, replace(ASHA, min_step=3))
    again, late = running(lab, study_id), running(lab, study_id)
    report(lab, again, (3, 0.5), (3, 0.9))
    report(lab, late, (3, 0.5), (2, 0.1))
    assert [lab.ask(queries.decisions, one)[0].value for one in (again, late)] == [0.5, 0.5]


def test_patience_ends_a_run_that_gets_no_better(lab):
    study_id = study(lab, EarlyStopping("none", patience=3, min_delta=0.1))
    trial_id = running(lab, study_id)
    assert report(lab, trial_id, (0, 1.0), (1, 0.5)) is None
    assert report(lab, trial_id, (2, 0.45), (3, 0.44)) is None
    assert report(lab, trial_id, (4, 0.43)) is StopReason.PRUNE
    trial = lab.by_id(trial_id)
    assert (trial.reason, trial.stopped_by) == ("no better loss for 3 steps than 0.5 at step 1", "patience")


def test_a_persons_intent_stands_above_the_rule(lab):
    study_id = study(lab)
    for value in (0.1, 0.2, 0.3):
        report(lab, running(lab, study_id), (1, value))
    trial_id = running(lab, study_id)
    lab.intend(trial_id, StopReason.CANCEL)
    assert report(lab, trial_id, (1, 9.0)) is StopReason.CANCEL
    assert verdicts(lab, trial_id) == []


def test_a_diverged_trial_is_the_worst(lab):
    study_id = study(lab, spec_objective := EarlyStopping(min_step=1, rescue=0.0))
    assert spec_objective.method == "asha"
    for value in (5.0, 4.0):
        report(lab, running(lab, study_id), (1, value))
    trial_id = running(lab, study_id)
    assert report(lab, trial_id, (1, math.nan)) is StopReason.PRUNE
    (decision,) = lab.ask(queries.decisions, trial_id)
    assert math.isnan(decision.value)


def test_the_rescue_sample_runs_on_and_its_errors_are_counted(lab):
    study_id = study(lab, EarlyStopping(min_step=1, rescue=1.0))
    for value in (0.1, 0.5, 0.6):
        trial_id = running(lab, study_id)
        assert report(lab, trial_id, (1, value)) is None
        lab.report(trial_id, ("loss", 2, 0.1 if value == 0.1 else 0.05))
        lab.end(trial_id)
    assert [verdicts(lab, lab.trial(study_id, n).id) for n in (1, 2, 3)] == [["continued"], ["continued"], ["rescued"]]
    found = lab.ask(queries.stopping_report, lab.study_row(study_id))
    assert (found.rescued, found.rescued_ended, found.wrong, found.wrong_share) == (1, 1, 1, 1.0)
    trials = [lab.trial(study_id, n) for n in (1, 2, 3)]
    lines = lab.ask(partial(trial_lines, trials=trials, used={}, located=Path)).splitlines()
    assert [json.loads(line)["rescued"] for line in lines] == [False, False, True]  # what analyses judge the rule by


def test_a_trial_that_ends_before_it_notices_that_it_was_stopped_measures_the_rule_too(lab):
    study_id = study(lab)
    for value in (0.5, 0.4, 0.6):
        trial_id = running(lab, study_id)
        report(lab, trial_id, (1, value))
        lab.report(trial_id, ("loss", 2, 0.1 if value == 0.6 else 0.3))
        lab.end(trial_id)
    assert lab.trial(study_id, 3).state is TrialState.COMPLETED and verdicts(lab, trial_id) == ["pruned"]
    found = lab.ask(queries.stopping_report, lab.study_row(study_id))
    assert (found.rescued_ended, found.wrong) == (1, 1)
    assert lab.ask(queries.rescued_trials, study_id) == {trial_id}


def test_a_trial_of_the_sample_that_diverges_was_rightly_to_be_stopped(lab):
    """Left out, the share of wrong decisions would be that of the others alone."""
    study_id = study(lab, EarlyStopping(min_step=1, rescue=1.0))
    for value, failure in ((0.1, None), (0.5, None), (0.6, Failure.NAN), (0.7, Failure.ERROR)):
        trial_id = running(lab, study_id)
        report(lab, trial_id, (1, value))
        lab.end(trial_id, "exit_error" if failure else "exit_ok", failure=failure)
    found = lab.ask(queries.stopping_report, lab.study_row(study_id))
    assert (found.rescued, found.rescued_ended, found.wrong) == (2, 1, 0)  # an error says nothing of the point


def test_before_the_end_the_best_that_waits_is_finished(lab):
    study_id = study(lab)
    ids = [running(lab, study_id) for _ in range(2)]
    for trial_id, value in zip(ids, (0.5, 0.3), strict=True):
        report(lab, trial_id, (1, value), resumable=True)
        lab.end(trial_id, "exit_paused")
    wanted = lab.ask(queries.unfinished, lab.study_row(study_id))
    assert wanted == [(ids[1], Ruling.FINISHING)]
    assert lab.do(repository.early_stopping.resume, ids[1], Ruling.FINISHING, NOW)
    lab.claim(ids[1])
    assert report(lab, ids[1], (3, 0.2), (9, 0.2), (19, 0.25), attempt=2) is None
    lab.end(ids[1], attempt=2)
    assert lab.ask(queries.unfinished, lab.study_row(study_id)) == []


CURVES = st.lists(st.floats(0, 1), min_size=1, max_size=14).map(lambda values: list(enumerate(values)))
ANY_ORDER = st.lists(st.tuples(st.integers(0, 14), st.floats(0, 1)), min_size=1, max_size=14)
"""Steps that come again, or late."""


@given(
    st.lists(CURVES | ANY_ORDER, min_size=1, max_size=12),
    st.sampled_from(["best", "last", "mean_last"]),
    st.booleans(),
    st.integers(0, 2**32),
)
@settings(max_examples=30)
def test_verdicts_do_not_depend_on_how_reports_were_cut(shared_lab, curves, summary, resumable, chance):
    """Two studies get the same curves in the same order of trials, in other batches, and decide the same."""
    lab, cut = shared_lab, random.Random(chance)
    from tuned.core.study import Objective

    objectives = (Objective("loss", "minimize", summary, 3),)
    whole, pieces = (study(lab, EarlyStopping(patience=4), objectives=objectives) for _ in range(2))
    for curve in curves:
        points = list(curve)
        one, other = running(lab, whole), running(lab, pieces)
        report(lab, one, *points, resumable=resumable)
        report(lab, other, resumable=resumable)
        while points:
            size = cut.randint(1, len(points))
            report(lab, other, *points[:size])
            points = points[size:]
        assert lab.by_id(one).stop_reason is lab.by_id(other).stop_reason
        for trial_id in (one, other):
            reason = lab.by_id(trial_id).stop_reason
            event = {StopReason.PAUSE: "exit_paused", StopReason.PRUNE: "exit_pruned"}.get(reason, "exit_ok")
            lab.end(trial_id, event)

    def table(study_id):
        return lab.sql(
            "SELECT number, rung, step, value, peers, passing, cutoff, verdict FROM rungs WHERE study_id = ?"
            " ORDER BY number, rung",
            study_id,
        )

    assert table(whole) == table(pieces)
    states = "SELECT number, state FROM trials WHERE study_id = ? ORDER BY number"
    assert lab.sql(states, whole) == lab.sql(states, pieces)


def test_a_rule_that_has_judged_trials_is_ended_but_not_moved(lab):
    study_id = study(lab)
    report(lab, running(lab, study_id), (1, 0.5))
    spec = lab.study_row(study_id).spec
    with pytest.raises(Conflict, match="so those stay"):
        lab.do(repository.update_spec, study_id, replace(spec, early_stopping=replace(ASHA, min_step=3)), NOW)
    assert lab.do(repository.update_spec, study_id, replace(spec, early_stopping=replace(ASHA, method="none")), NOW)
    next_one = running(lab, study_id)
    assert report(lab, next_one, (1, 9.0)) is None and verdicts(lab, next_one) == []
