"""The ranking in SQL says the same as the pure one: on a real file, over any mixture of trials."""

from __future__ import annotations

import math
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from storage import queries, repository
from storage.queries.trial_order import Order
from storage.repository import IngestBatch
from tuned.core.ranking import Ranking, Tier
from tuned.core.states import Actor, Failure, StoppedBy, StopReason
from tuned.core.study import Constraint, Objective

NOW = 1_000_000.0

ENDS = st.sampled_from(["exit_ok", "exit_pruned", "exit_pruned", "exit_error", "exit_cancelled", "running", "paused"])
VALUES = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.5, math.nan, math.inf, -math.inf])
MADE = st.tuples(ENDS, st.sampled_from(list(StoppedBy)), VALUES, st.sampled_from([1.0, 9.0, None]), st.booleans())


def make(lab, study_id, end, by, value, size, searched):
    (trial_id,) = lab.queue(study_id, stage="search" if searched else "confirm")
    lab.claim(trial_id)
    reported = [("loss", 0.0, value, None), *([("size", 0.0, size, None)] if size is not None else [])]
    lab.do(repository.ingest, IngestBatch(trial_id, 1, 0, 1, reported), NOW)
    if end in ("exit_pruned", "paused"):
        reason = StopReason.PAUSE if end == "paused" else StopReason.PRUNE
        lab.do(repository.set_intent, trial_id, reason, Actor.SCHEDULER, NOW, "because", by)
    if end == "paused":
        lab.end(trial_id, "exit_paused")
    elif end != "running":
        lab.end(trial_id, end, failure=Failure.ERROR if end == "exit_error" else None)
    return trial_id


@settings(max_examples=60)
@given(st.lists(MADE, max_size=7), st.sampled_from(["minimize", "maximize"]), st.booleans(), st.booleans())
def test_sql_and_the_pure_function_rank_alike(shared_lab, made, direction, bounded, study_ends):
    lab = shared_lab
    bound = (Constraint("size", at_most=5.0),) if bounded else ()
    study_id = lab.study(objectives=(Objective("loss", direction),), constraints=bound)
    ids = [make(lab, study_id, *one) for one in made]
    if study_ends:
        for trial_id in ids:
            if lab.by_id(trial_id).state == "paused":
                lab.do(repository.move_trial, trial_id, "prune", Actor.SCHEDULER, NOW, reason="its study has ended")
    study, trials = lab.study_row(study_id), lab.ask(queries.trials, study_id)
    ranking = Ranking.of(study.spec)
    wanted = [trial.number for trial in ranking.ranked(trials)]
    assert [trial.number for trial in lab.ask(queries.best_trials, study, 99)] == wanted
    assert (None if study.best is None else study.best.number) == (wanted[0] if wanted else None)
    tiers = dict(lab.sql("SELECT number, tier FROM trials WHERE study_id = ?", study_id))
    assert tiers == {trial.number: ranking.tier(trial) for trial in trials}
    if study.best is not None:
        assert study.best.cut == (tiers[study.best.number] == Tier.CUT)
        assert lab.ask(queries.best_value_before, study, 2**40) == study.best.values["loss"]
        assert lab.ask(queries.pareto_front, study)[0].number == wanted[0]
    for descending in (False, True):
        order = Order(study_id, sort="value", descending=descending)
        listed = [tiers[number] for number in lab.ask(queries.trial_numbers, order)]
        assert listed == sorted(tiers.values())
        pages = [lab.ask(queries.trial_numbers, order, 2, offset) for offset in range(0, 8, 2)]
        assert list(chain.from_iterable(pages)) == lab.ask(queries.trial_numbers, order)
    if direction == "minimize":
        assert lab.ask(queries.trial_numbers, Order(study_id, sort="value"), len(wanted)) == wanted


def test_a_trial_that_a_rule_cut_is_the_best_only_until_one_runs_whole(lab):
    study_id = lab.study(objectives=(Objective("loss", "minimize"),))
    make(lab, study_id, "exit_pruned", StoppedBy.RUNG, 0.48, None, True)
    first = lab.study_row(study_id).best
    assert first is not None
    assert (first.number, first.cut) == (1, True)
    make(lab, study_id, "exit_ok", StoppedBy.RUNG, 0.66, None, True)
    make(lab, study_id, "exit_pruned", StoppedBy.USER, 0.40, None, True)
    best = lab.study_row(study_id).best
    assert best is not None
    assert (best.number, best.cut, best.values) == (2, False, {"loss": 0.66})
    make(lab, study_id, "exit_pruned", StoppedBy.PATIENCE, 0.60, None, True)
    converged = lab.study_row(study_id).best
    assert converged is not None
    assert (converged.number, converged.cut) == (4, False)
    rows = {trial.number: trial for trial in lab.ask(queries.trials, study_id)}
    assert [rows[n].stopped_by for n in (1, 2, 3, 4)] == ["rung", "", "user", "patience"]
    assert rows[4].reason == "because"
