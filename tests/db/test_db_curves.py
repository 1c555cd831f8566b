"""Curves thinned by SQLite: short ones whole, of long ones the ends, the peaks and what is no number."""

from __future__ import annotations

import json
import math

import pytest

from storage import queries, repository
from storage.repository import IngestBatch

NAN = float("nan")


@pytest.fixture
def running(lab):
    (trial_id,) = lab.queue(lab.study())
    lab.claim(trial_id)
    return trial_id


def write(lab, trial_id, values, attempt=1, first=0, offset=0):
    points = [("loss", float(first + i), v, 100.0 + first + i) for i, v in enumerate(values)]
    lab.do(repository.ingest, IngestBatch(trial_id, attempt, offset, offset + 1, points), 1e6)


def test_a_short_curve_comes_whole(lab, running):
    write(lab, running, [3.0, NAN, 1.0])
    curve = lab.ask(queries.curves, running, 10)["loss"]
    assert (curve.steps, curve.values, curve.times, curve.reports) == (
        [0.0, 1.0, 2.0], [3.0, None, 1.0], [100.0, 101.0, 102.0], 3,
    )  # fmt: skip


def test_a_long_curve_keeps_its_ends_its_peaks_and_what_is_no_number(lab, running):
    values = [math.sin(i / 300) for i in range(5000)]
    values[1234], values[2345], values[4321] = 50.0, -50.0, NAN
    write(lab, running, values)
    curve = lab.ask(queries.curves, running, 200)["loss"]
    assert curve.reports == 5000 and 100 < len(curve.steps) <= 320
    assert curve.steps == sorted(set(curve.steps))
    kept = dict(zip(curve.steps, curve.values, strict=True))
    assert (kept[1234.0], kept[2345.0], kept[4321.0]) == (50.0, -50.0, None)
    assert kept[0.0] == values[0] and kept[4999.0] == values[4999]


def test_a_list_says_how_many_of_a_trial_s_metrics_it_leaves_out(lab, running):
    lab.report(running, *((f"m{i:04}", 0.0, float(i), None) for i in range(1001)))
    shown, left = lab.ask(queries.last_values_of_lists, running)
    assert (len(shown), left) == (200, 801)
    assert len(lab.ask(queries.last_values, running)) == 1001, "an export leaves out none"
    assert len(lab.ask(queries.study_metrics, 1)) == 1001


def test_a_later_attempt_replaces_from_its_first_step_on(lab, running):
    write(lab, running, [9.0] * 6)
    lab.end(running, "retry")
    lab.claim(running)
    write(lab, running, [1.0, 0.5], attempt=2, first=4)
    curve = lab.ask(queries.curves, running, 100)["loss"]
    assert (curve.steps, curve.values, curve.reports) == ([0, 1, 2, 3, 4, 5], [9, 9, 9, 9, 1, 0.5], 6)


def set_exit(conn, trial_id, attempt, kilobytes):
    record = json.dumps({"code": 0, "max_rss_kb": kilobytes})
    conn.exec_driver_sql("UPDATE attempts SET exit = ? WHERE trial_id = ? AND attempt = ?", (record, trial_id, attempt))


def test_usage_is_the_largest_of_all_attempts(lab, running):
    study_id = lab.by_id(running).study_id
    assert lab.ask(queries.usage, study_id)[running].peak_rss is None
    lab.end(running, "retry")
    lab.claim(running)
    for attempt, kilobytes in ((1, 2048), (2, 1024)):
        lab.do(set_exit, running, attempt, kilobytes)
    assert lab.ask(queries.usage, study_id)[running].peak_rss == 2048 * 1024
