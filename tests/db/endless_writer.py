"""Writes whole trials for ever and says each one's number, and the last event, once they are acknowledged."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

from storage import repository
from storage.engine import open_database
from storage.repository import IngestBatch, NewTrial
from tuned.core.states import Actor
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec

spec = StudySpec("endless", RunSpec("script"), SearchSpec(), objectives=(Objective("loss", "minimize"),))
last_seq = [0]


def told(events):
    last_seq[0] = events[-1].seq


def whole_trial(conn):
    (number,) = repository.add_trials(conn, study_id, [NewTrial({"lr": 0.1}, "sobol")], 1.0)
    trial_id = number
    attempt = repository.claim(conn, trial_id, "cpu:0", uuid.uuid4().hex, "/runs", 1.0)
    repository.started(conn, trial_id, attempt, {}, 1.0)
    points = [("loss", float(step), float(number), None) for step in range(5)]
    repository.ingest(conn, IngestBatch(trial_id, attempt, 0, 99, points), 1.0)
    repository.end_attempt(
        conn,
        trial_id,
        attempt,
        "exit_ok",
        Actor.REAPER,
        1.0,
        exit_record={"code": 0},
        failure=None,
        reason="",
        traceback="",
    )
    return number


database = open_database(Path(sys.argv[1]), told)
study_id = database.writer.submit(lambda conn: repository.create_study(conn, spec, {}, 1.0)).result()
while True:
    waiting = [database.writer.submit(whole_trial) for _ in range(3)]
    for future in waiting:
        print(future.result(), last_seq[0], flush=True)
