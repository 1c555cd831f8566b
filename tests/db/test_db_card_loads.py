"""What attempts took of their cards, as it is read for packing and for people."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from storage import queries, repository
from tuned import protocol
from tuned.core.cards.packing import Ran
from tuned.core.states import Actor, StopReason
from tuned.core.trials.endings import Fate
from tuned.core.trials.metric_lines import Chunk
from tuned.daemon.attempts import energy
from tuned.daemon.attempts.commits import Progress, commit_ending

NOW = 1_000_000.0


def observe(conn: Connection, trial_id: int, name: str, values: list[float], attempt: int = 1) -> None:
    """One value a second from `NOW` on."""
    rows = [(trial_id, name, attempt, float(step), value, NOW + step) for step, value in enumerate(values)]
    sql = "INSERT INTO observations (trial_id, name, attempt, step, value, time) VALUES (?, ?, ?, ?, ?, ?)"
    if rows:
        conn.exec_driver_sql(sql, rows)


def run(lab: Any, trial_id: int, card: str, reports: int, memory: list[float], busy: list[float]) -> None:
    attempt = lab.do(repository.claim, trial_id, card, uuid.uuid4().hex, "/runs/s/1", NOW)
    lab.do(repository.started, trial_id, attempt, {"supervisor_pid": 4, "supervisor_start": 5, "started_at": NOW}, NOW)
    lab.do(observe, trial_id, "loss", [0.5] * reports)
    lab.do(observe, trial_id, "gpu/memory_bytes", memory)
    lab.do(observe, trial_id, "gpu/utilisation", busy)


def test_those_that_ended_and_those_that_have_run_for_long_enough_are_judged_by(lab: Any) -> None:
    study_id = lab.study()
    ended, early, running, beside = lab.queue(study_id, 4)
    run(lab, ended, "GPU-a", 4, [0.0, 5.0, 7.0], [0.0, 40.0, 60.0])
    lab.end(ended, now=NOW + 9)
    run(lab, early, "GPU-a", 9, [6.0] * 7, [30.0] * 7)
    run(lab, running, "GPU-b", 4, [6.0] * 8, [30.0] * 8)
    point = {"lr": 0.1, "width": 3}
    alone = [Ran(point, 6.0, 30.0, True, 1.0, None), Ran({"lr": 0.1, "width": 1}, 7.0, 50.0, True, 1.0, 9.0)]
    assert lab.ask(queries.ran_on_cards, study_id, "loss") == alone, "before it holds memory it does not count"
    run(lab, beside, "GPU-b", 0, [], [])
    shared = {a["shared"] for trial in (running, beside) for a in lab.ask(queries.attempts, trial)}
    assert shared == {True}
    assert [one.alone for one in lab.ask(queries.ran_on_cards, study_id, "loss")] == [False, True]


def test_one_that_stood_still_has_its_length_without_that_time_and_no_speed(lab: Any) -> None:
    study_id = lab.study()
    ended, running = lab.queue(study_id, 2)
    for trial in (ended, running):
        run(lab, trial, f"GPU-{trial}", 4, [6.0] * 8, [30.0] * 8)
        for at, still in ((2, True), (1002, False)):
            lab.do(repository.set_frozen, trial, still, "freeze", Actor.USER, NOW + at)
    lab.end(ended, now=NOW + 1009)
    assert [(one.speed, one.seconds) for one in lab.ask(queries.ran_on_cards, study_id, "loss")] == [(None, 9.0)]


def test_what_was_cut_off_early_says_nothing_and_what_goes_on_has_not_its_whole_length(lab: Any) -> None:
    study_id = lab.study()
    early, late = lab.queue(study_id, 2)
    run(lab, early, "GPU-a", 2, [1.0, 1.0], [5.0, 5.0])
    run(lab, late, "GPU-b", 4, [6.0] * 8, [30.0] * 8)
    for trial in (early, late):
        lab.do(repository.set_intent, trial, StopReason.PAUSE, Actor.SCHEDULER, NOW, "", requeue=True)
        lab.end(trial, "exit_paused", now=NOW + 9)
    assert [(one.memory, one.seconds) for one in lab.ask(queries.ran_on_cards, study_id, "loss")] == [(6.0, None)]
    run(lab, early, "GPU-a", 0, [], [])
    lab.end(early, attempt=2, now=NOW + 12)
    again = lab.ask(queries.ran_on_cards, study_id, "loss")[0]
    assert (again.point["width"], again.seconds) == (1, None), "it went on from where it was"


def test_energy_goes_on_where_the_last_sample_left_it(lab: Any) -> None:
    (trial_id,) = lab.queue(lab.study())
    run(lab, trial_id, "GPU-a", 1, [], [])
    assert lab.ask(queries.joules_so_far, trial_id, 1, NOW + 9) == 0.0
    lab.do(observe, trial_id, "gpu/watt_hours", [0.0, 0.5])
    assert lab.ask(queries.joules_so_far, trial_id, 1, NOW + 9) == 1800.0
    lab.do(observe, trial_id, "gpu/watts", [90.0, 100.0])
    assert lab.ask(queries.joules_so_far, trial_id, 1, NOW + 9) == 1800.0 + 8 * 100.0


@pytest.mark.parametrize("seen", ["at once", "after a night"])
def test_energy_counts_up_to_the_own_end_of_an_attempt(lab: Any, tmp_path: Path, seen: str) -> None:
    (trial_id,) = lab.queue(lab.study())
    run(lab, trial_id, "GPU-a", 1, [], [])
    lab.do(observe, trial_id, "gpu/watt_hours", [0.0, 0.5])
    lab.do(observe, trial_id, "gpu/watts", [90.0, 100.0])
    ended = NOW + 1 + 36
    record = {"code": 0, "ended_at": ended}
    now = ended + (0.5 if seen == "at once" else 36_000.0)
    protocol.write_record(str(tmp_path), protocol.EXIT_FILE, record)
    (row,) = lab.ask(queries.live)
    assert lab.ask(energy.so_far, row, tmp_path, now, lives=False) == 1800.0 + 36 * 100.0, "of the adopted attempt"
    lab.do(commit_ending, Progress(trial_id, 1, 0, 0, None, Chunk(), []), Fate.ENDED, record, "", now)
    assert lab.ask(queries.figures_on_cards, trial_id)["watt_hours"] == 1.5


def test_energy_behind_the_last_sample_of_one_that_stands_still_is_by_what_its_card_took_then(lab: Any) -> None:
    (trial_id,) = lab.queue(lab.study())
    run(lab, trial_id, "GPU-a", 1, [], [])
    lab.do(observe, trial_id, "gpu/watts", [90.0, 300.0])
    # It stands still from then on, at 36 W: its power is no figure of its training, what it costs is told.
    lab.do(observe, trial_id, "gpu/watt_hours", [0.5, 1.0, 1.01, 1.02])
    spent = lab.ask(queries.joules_so_far, trial_id, 1, NOW + 3)
    assert spent == pytest.approx(3600 * 1.02), "no second is counted twice"
    assert lab.ask(queries.joules_so_far, trial_id, 1, NOW + 13) == pytest.approx(spent + 10 * 36)


def test_energy_of_an_attempt_that_vanished_ends_with_its_last_sample(lab: Any, tmp_path: Path) -> None:
    (trial_id,) = lab.queue(lab.study())
    run(lab, trial_id, "GPU-a", 1, [], [])
    lab.do(observe, trial_id, "gpu/watt_hours", [0.0, 0.5])
    lab.do(observe, trial_id, "gpu/watts", [90.0, 100.0])
    (row,) = lab.ask(queries.live)
    assert lab.ask(energy.so_far, row, tmp_path, NOW + 36_000, lives=False) == 1800.0
    assert lab.ask(energy.so_far, row, tmp_path, NOW + 1 + 36, lives=True) == 1800.0 + 36 * 100.0


def test_the_figures_of_a_trial_are_those_of_all_its_attempts(lab: Any) -> None:
    (trial_id,) = lab.queue(lab.study())
    run(lab, trial_id, "GPU-a", 1, [2.0, 4.0], [20.0, 40.0])
    for attempt, hours in ((1, [0.0, 5.0]), (2, [0.0, 2.0])):
        lab.do(observe, trial_id, "gpu/watt_hours", hours, attempt)
    found = lab.ask(queries.figures_on_cards, trial_id)
    assert found == {
        "peak_memory": 4.0,
        "mean_memory": 3.0,
        "utilisation": pytest.approx(30.0),
        "watt_hours": 7.0,
        "samples": 4,
    }
    assert lab.ask(queries.figures_on_cards, trial_id + 1) == {}
