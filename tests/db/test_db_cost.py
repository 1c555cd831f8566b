"""What a trial costs does not grow with the number of trials: counted in steps of SQLite's virtual machine."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from storage import queries, repository
from storage.repository import IngestBatch, NewTrial
from tuned.core.space import canonical_key
from tuned.core.states import Actor, StopReason
from tuned.core.trials.endings import Fate
from tuned.core.trials.metric_lines import Chunk
from tuned.daemon.attempts.commits import Progress, commit_ending

NOW = 1_000_000.0

FILL = """
INSERT INTO trials (study_id, number, state, params, point_key, values_json, value, origin, seed, attempt, created_at,
                    started_at, ended_at, moved_seq)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
SELECT ?, i, CASE i % 5 WHEN 0 THEN 'failed' WHEN 1 THEN 'pruned' ELSE 'completed' END, '{"lr":' || i || '}',
       '{"lr":' || i || '}',       '{"loss":' || i || '}', i, 'sobol', i, 1, 1.0, 1.0, 1.0, i FROM n
"""
FILL_ATTEMPTS = """
INSERT INTO attempts (trial_id, attempt, attempt_id, run_dir, device, claimed_at, started_at, ended_at)
SELECT id, 1, 'filled-' || id, '/runs', 'cpu:0', 1.0, 1.0, 1.0 FROM trials
"""
FILL_OBSERVATIONS = "INSERT INTO observations SELECT id, 'loss', 1, 0, 1, 1 FROM trials"
FILL_EVENTS = (
    "INSERT INTO events (at, type, study, number, data) SELECT 1, 'trial.moved', 's', number, '{}' FROM trials"
)


def fill(lab, finished):
    """A study with that many ended trials behind it."""
    study_id = lab.study("s")

    def write(conn):
        conn.exec_driver_sql(FILL, (finished, study_id))
        for statement in (FILL_ATTEMPTS, FILL_OBSERVATIONS, FILL_EVENTS):
            conn.exec_driver_sql(statement)
        conn.exec_driver_sql("UPDATE studies SET next_number = ?, best_trial_id = 1", (finished + 1,))

    lab.do(write)
    return study_id


@contextmanager
def counted(conn):
    """Steps of the virtual machine, to the nearest hundred."""
    steps = [0]

    def step():
        steps[0] += 100
        return 0

    driver = conn.connection.driver_connection
    driver.set_progress_handler(step, 100)
    try:
        yield steps
    finally:
        driver.set_progress_handler(None, 0)


def a_trial(conn, study_id):
    """Everything the daemon does in the life of one trial."""
    (number,) = repository.add_trials(conn, study_id, [NewTrial({"lr": 0.5}, "sobol")], NOW)
    repository.add_trials(conn, study_id, [NewTrial({"lr": 0.5}, "sobol")] * 3, NOW)
    queries.known_keys(conn, study_id, [canonical_key({"lr": 0.5})])
    queries.studies(conn, active_only=True)
    head = queries.queue_heads(conn, 2)[0]
    assert head.number == number
    attempt = repository.claim(conn, head.id, "cpu:0", uuid.uuid4().hex, "/runs/s/1", NOW)
    repository.started(conn, head.id, attempt, {"supervisor_pid": 1}, NOW)
    repository.ingest(conn, IngestBatch(head.id, attempt, 0, 9, [("loss", 1.0, 0.5, NOW), ("acc", 1.0, 1.0, NOW)]), NOW)
    queries.live(conn)
    repository.set_intent(conn, head.id, StopReason.PRUNE, Actor.USER, NOW)
    repository.end_attempt(
        conn,
        head.id,
        attempt,
        "exit_pruned",
        Actor.REAPER,
        NOW,
        exit_record={"code": 0},
        failure=None,
        reason="",
        traceback="",
    )
    queries.last_ended(conn, study_id, 5)
    queries.next_number(conn, study_id)
    queries.any_values(conn, study_id)
    queries.events_since(conn, queries.last_event_seq(conn) - 5)
    queries.first_event_seq(conn)
    queries.changed_since(conn, study_id, queries.last_event_seq(conn) - 1, 100)
    study = queries.study_by_id(conn, study_id)
    queries.best_trials(conn, study, 3)
    queries.trials(conn, study_id, limit=20, descending=True)
    queries.trials(conn, study_id, numbers=[(number, number)])
    queries.observations(conn, head.id, limit=100)
    queries.next_auto_steps(conn, head.id, attempt)
    for trial in queries.queue_heads(conn, 9)[1:]:
        repository.move_trial(conn, trial.id, "cancel", Actor.USER, NOW)
    repository.make_next(conn, queries.queue_heads(conn, 1)[0].id, NOW)
    repository.move_trial(conn, queries.queue_heads(conn, 1)[0].id, "cancel", Actor.USER, NOW)


def steps_of(lab, study_id):
    def run(conn):
        a_trial(conn, study_id)
        with counted(conn) as steps:
            a_trial(conn, study_id)
        return steps[0]

    return lab.do(run)


def test_a_trial_costs_the_same_after_twenty_thousand_as_after_one(tmp_path, open_lab):
    small, large = open_lab(tmp_path / "small.db"), open_lab(tmp_path / "large.db")
    few = steps_of(small, fill(small, 1_000))
    many = steps_of(large, fill(large, 20_000))
    assert few > 1000
    assert many <= 1.05 * few


SMALL_TABLES = ("study_counts", "sqlite_sequence", "meta")


def test_no_statement_of_a_trial_walks_a_table(tmp_path, open_lab):
    lab = open_lab(tmp_path / "tuned.db")
    study_id = fill(lab, 1_000)
    seen = []
    listening = lab.database._writing

    def note(conn, cursor, statement, parameters, context, executemany):
        if not statement.startswith(("BEGIN", "PRAGMA", "EXPLAIN")):
            seen.append((statement, parameters))

    event.listen(listening, "before_cursor_execute", note)
    lab.do(a_trial, study_id)
    event.remove(listening, "before_cursor_execute", note)
    assert len({statement for statement, _ in seen}) > 25

    def walked(conn):
        found = []
        for statement, parameters in seen:
            for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                detail = row[3]
                if detail.startswith("SCAN") and not any(name in detail for name in (*SMALL_TABLES, "CONSTANT")):
                    found.append((detail, statement))
        return set(found)

    walks = lab.do(walked)
    # Active studies are few, and their index holds no others.
    assert {detail for detail, _ in walks} <= {"SCAN studies USING INDEX studies_active"}


@pytest.mark.parametrize("batch", [1, 50])
def test_a_batch_costs_the_same_late_in_a_long_curve(lab, batch):
    study_id = lab.study()
    (trial_id,) = lab.queue(study_id)
    lab.claim(trial_id)

    def ingest(conn, first):
        points = [("loss", float(first + i), 1.0, None) for i in range(batch)]
        (offset,) = conn.exec_driver_sql("SELECT ingest_offset FROM attempts").one()
        with counted(conn) as steps:
            repository.ingest(conn, IngestBatch(trial_id, 1, offset, offset + 1, points), NOW)
        return steps[0]

    early = lab.do(ingest, 0)
    lab.report(trial_id, *(("loss", step, 1.0) for step in range(100, 20_100)))
    late = lab.do(ingest, 30_000)
    assert late <= early + 200


def test_the_end_of_an_attempt_costs_the_same_after_many_others(lab):
    """A trial that is paused again and again for more urgent ones has hundreds of attempts."""

    def ending(after):
        (trial_id,) = lab.queue(lab.study())
        for attempt in range(1, after + 1):
            lab.claim(trial_id)
            lab.end(trial_id, "retry", attempt=attempt)
        lab.claim(trial_id)

        def end(conn):
            progress = Progress(trial_id, after + 1, 0, 0, None, Chunk(), [])
            with counted(conn) as steps:
                commit_ending(conn, progress, Fate.ENDED, {"code": 1, "ended_at": NOW}, "", NOW)
            return steps[0]

        return lab.do(end)

    few, many = ending(2), ending(300)
    assert many <= few + 200
