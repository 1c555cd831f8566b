from __future__ import annotations

import math

import pytest

from storage import queries, repository
from storage.repository import IngestBatch, StaleState
from tuned.core.errors import NotFound
from tuned.core.states import Failure
from tuned.core.study import Objective

NOW = 1_000_000.0
NAN, INF = float("nan"), float("inf")


@pytest.fixture
def running(lab):
    """The id of a running trial that minimises `loss`."""
    (trial_id,) = lab.queue(lab.study())
    lab.claim(trial_id)
    return trial_id


def curve(lab, trial_id, name="loss"):
    return [(o.attempt, o.step, o.value) for o in lab.ask(queries.observations, trial_id, name)]


def test_a_batch_is_stored_with_its_offset(lab, running):
    batch = IngestBatch(
        running, 1, 0, 64, [("loss", 0.0, 0.5, 12.5), ("acc", 0.0, INF, None), ("loss", 2.0, 0.75, 13.0)]
    )
    lab.do(repository.ingest, batch, NOW)
    seen = lab.ask(queries.observations, running)
    assert [(o.name, o.step, o.value, o.time, o.attempt) for o in seen] == [
        ("acc", 0.0, INF, None, 1),
        ("loss", 0.0, 0.5, 12.5, 1),
        ("loss", 2.0, 0.75, 13.0, 1),
    ]
    assert lab.ask(queries.live)[0].ingest_offset == 64
    trial = lab.by_id(running)
    assert (trial.values, trial.last_step) == ({"loss": 0.5}, 2.0)
    told = lab.events()[-1]
    assert told.type == "trial.metrics"
    assert told.data == {
        "points": 3,
        "last": {"loss": 0.75, "acc": "inf"},
        "names": 2,
        "step": 2.0,
        "values": {"loss": 0.5},
        "bad_lines": 0,
    }


def test_a_batch_that_was_stored_already_is_refused_whole(lab, running):
    batch = IngestBatch(running, 1, 0, 64, [("loss", 0.0, 0.5, None)], bad=[(3, "x")], sdk=True)
    lab.do(repository.ingest, batch, NOW)
    before = lab.by_id(running), curve(lab, running), lab.events(), lab.ask(queries.live)
    again = IngestBatch(running, 1, 0, 80, [("loss", 1.0, 0.1, None)], bad=[(4, "y")], stop_seen=True)
    with pytest.raises(StaleState, match="byte 0"):
        lab.do(repository.ingest, again, NOW)
    assert (lab.by_id(running), curve(lab, running), lab.events(), lab.ask(queries.live)) == before
    with pytest.raises(StaleState):
        lab.do(repository.ingest, IngestBatch(running, 2, 0, 64), NOW)
    with pytest.raises(NotFound):
        lab.do(repository.ingest, IngestBatch(999, 1, 0, 64), NOW)


def test_the_last_line_of_a_step_wins(lab, running):
    lab.report(running, ("loss", 0, 0.5), ("loss", 0, 0.25))
    lab.report(running, ("loss", 0, 0.75))
    assert curve(lab, running) == [(1, 0.0, 0.75)]
    lab.end(running)
    assert lab.by_id(running).values == {"loss": 0.75}


def test_marks_stay_and_make_no_event_alone(lab, running):
    before = len(lab.events())
    lab.report(running, sdk=True)
    lab.report(running, stop_seen=True)
    lab.report(running, resumable=True)
    (row,) = lab.ask(queries.attempts, running)
    assert (row["sdk"], row["stop_seen"], row["resumable"], row["ingest_offset"]) == (True, True, True, 3)
    assert len(lab.events()) == before


def test_bad_lines_are_counted_and_the_first_are_kept(lab, running):
    lab.report(running, bad=[(10 * i, f"line {i} " + "é" * 600) for i in range(80)])
    lab.report(running, bad=[(1000 + i, "x\ud800y") for i in range(80)])
    kept = lab.ask(queries.bad_lines, running)
    assert len(kept) == 100
    assert (kept[0].attempt, kept[0].offset, kept[0].text[:7]) == (1, 0, "line 0 ")
    assert max(len(line.text.encode()) for line in kept) <= 500
    assert kept[-1].text == "x?y"
    assert lab.ask(queries.bad_line_count, running) == 160
    assert lab.events()[-1].data["bad_lines"] == 80


@pytest.mark.parametrize(
    ("summary", "last_n", "expected"),
    [("best", 1, [3.0, 1.0, 1.0]), ("last", 1, [4.0, 1.0, 2.0]), ("mean_last", 2, [3.5, 2.5, 1.5])],
)
def test_summaries_follow_batch_by_batch(lab, summary, last_n, expected):
    study_id = lab.study(objectives=(Objective("loss", "minimize", summary, last_n),))
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    seen = []
    for points in ([(0, 3.0), (1, 4.0)], [(2, 1.0)], [(3, 2.0)]):
        lab.report(trial_id, *(("loss", step, value) for step, value in points))
        seen.append(lab.by_id(trial_id).values["loss"])
    assert seen == expected
    lab.end(trial_id)
    assert lab.by_id(trial_id).values["loss"] == expected[-1]


def test_a_nan_counts_only_when_nothing_else_was_reported(lab, running):
    lab.report(running, ("loss", 0, NAN))
    assert math.isnan(lab.by_id(running).values["loss"])
    lab.report(running, ("loss", 1, 0.5), ("loss", 2, NAN))
    assert lab.by_id(running).values == {"loss": 0.5}
    assert math.isnan(curve(lab, running)[2][2])


def test_every_objective_has_its_summary(lab):
    study_id = lab.study(objectives=(Objective("loss", "minimize"), Objective("acc", "maximize", "last")))
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)
    lab.report(trial_id, ("loss", 0, 1.0), ("acc", 0, 0.9), ("other", 0, 7.0), ("acc", 1, 0.8))
    assert lab.by_id(trial_id).values == {"loss": 1.0, "acc": 0.8}


def test_a_later_attempt_replaces_steps_from_its_first_on(lab, running):
    lab.report(running, ("loss", 0, 0.9), ("loss", 1, 0.1), ("loss", 2, 0.2))
    lab.end(running, "retry", failure=Failure.LOST)
    assert lab.by_id(running).values == {"loss": 0.1}
    lab.claim(running)
    lab.report(running, ("loss", 1, 0.8), attempt=2)
    assert lab.by_id(running).values == {"loss": 0.8}
    lab.report(running, ("loss", 2, 0.7), attempt=2)
    lab.end(running, attempt=2)
    assert lab.by_id(running).values == {"loss": 0.7}
    assert curve(lab, running) == [(1, 0, 0.9), (1, 1, 0.1), (1, 2, 0.2), (2, 1, 0.8), (2, 2, 0.7)]


def test_an_attempt_that_reports_nothing_leaves_the_earlier_result(lab, running):
    lab.report(running, ("loss", 0, 0.9))
    lab.end(running, "retry", failure=Failure.LOST)
    lab.claim(running)
    lab.end(running, attempt=2)
    assert lab.by_id(running).values == {"loss": 0.9}


def test_late_lines_of_an_ended_trial_are_stored_and_change_nothing_else(lab, running):
    lab.report(running, ("loss", 0, 0.5))
    lab.end(running)
    before = lab.by_id(running)
    lab.report(running, ("loss", 1, 0.1))
    assert lab.by_id(running) == before
    assert curve(lab, running) == [(1, 0, 0.5), (1, 1, 0.1)]
    assert lab.events()[-1].data["values"] == {"loss": 0.5}


def test_late_lines_of_an_earlier_attempt_leave_the_present_one_alone(lab, running):
    lab.end(running, "retry", failure=Failure.LOST)
    lab.claim(running)
    lab.report(running, ("loss", 5, 0.5), attempt=2)
    lab.report(running, ("loss", 9, 0.1), attempt=1)
    trial = lab.by_id(running)
    assert (trial.values, trial.last_step) == ({"loss": 0.5}, 5)
    lab.end(running, attempt=2)
    assert lab.by_id(running).values == {"loss": 0.5}


def test_measurements_of_the_device_are_no_steps_of_the_trial(lab, running):
    lab.report(running, ("loss", 3, 0.5), ("gpu/memory_bytes", 1e6, 7.0))
    assert lab.by_id(running).last_step == 3


def test_half_a_character_in_a_name_does_not_hold_up_the_file(lab, running):
    lab.report(running, ("lo\ud800ss", 0, 0.5), ("loss", 0, 0.25))
    assert {o.name for o in lab.ask(queries.observations, running)} == {"lo?ss", "loss"}


def test_observations_can_be_limited_to_the_latest_of_each_metric(lab, running):
    lab.report(running, *(("loss", i, float(i)) for i in range(5)), *(("acc", i, float(i)) for i in range(3)))
    assert [s for _, s, _ in curve(lab, running)] == [0, 1, 2, 3, 4]
    seen = lab.ask(queries.observations, running, "loss", 2)
    assert [o.step for o in seen] == [3, 4]
    seen = lab.ask(queries.observations, running, limit=2)
    assert [(o.name, o.step) for o in seen] == [("acc", 1), ("acc", 2), ("loss", 3), ("loss", 4)]


def test_lines_without_a_step_go_on_where_the_attempt_was(lab, running):
    lab.report(running, ("loss", 3, 0.5), ("acc", 2.5, 0.5), ("low", -1.5, 0.5))
    assert lab.ask(queries.next_auto_steps, running, 1) == {"loss": 4, "acc": 3, "low": 0}
    assert lab.ask(queries.next_auto_steps, running, 2) == {}


def test_an_event_tells_the_objective_and_a_bounded_number_of_others(lab, running):
    many = [(f"layer{i}/norm", 0.0, float(i), None) for i in range(1000)]
    lab.do(repository.ingest, IngestBatch(running, 1, 0, 64, [*many, ("loss", 0.0, 0.5, None)]), NOW)
    told = lab.events()[-1].data
    assert told["names"] == 1001
    assert told["last"]["loss"] == 0.5
    assert len(told["last"]) <= 51
    assert len(lab.ask(queries.observations, running)) == 1001
