"""A study of very many trials, written straight into the database: what tables of that size are measured with.

Owns the shape of that study. No daemon may have the database open.
"""

from __future__ import annotations

import json
import random
import time
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from storage import repository
from storage.driver import driver_of
from storage.engine import open_database
from tuned.core.space import Parameter, Point, SearchSpace, canonical_key
from tuned.core.states import Actor
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec

ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu")
SPACE = SearchSpace(
    (
        Parameter("lr", "float", 1e-5, 1e-1, log=True),
        Parameter("width", "int", 16, 512),
        Parameter("act", "choice", values=ACTIVATIONS),
        Parameter("dropout", "float", 0.0, 0.6),
        Parameter("amp", "bool", values=(False, True)),
    )
)
_INSERT = """INSERT INTO trials (study_id, number, state, params, point_key, values_json, value, priority, origin, seed,
    attempt, last_step, created_at, started_at, ended_at, failure, reason)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def write(path: Path, count: int, name: str = "large") -> None:
    """Make the study with so many ended trials, paused, in the database at `path`."""
    database = open_database(path)
    spec = StudySpec(
        name,
        run=RunSpec("script", script="/gone/train.py"),
        search=SearchSpec(trials=count + 100, seed=1),
        space=SPACE,
        objectives=(Objective("val_loss", "minimize"),),
    )
    try:
        now = time.time()
        study_id: int = database.writer.submit(
            lambda conn: repository.create_study(conn, spec, {"HOME": "/"}, now)
        ).result()
        database.writer.submit(lambda conn: repository.move_study(conn, study_id, "pause", Actor.USER, now)).result()
        for first in range(1, count + 1, 5000):
            numbers = range(first, min(first + 5000, count + 1))
            database.writer.submit(partial(_add, study_id, numbers, now)).result()
        database.writer.submit(partial(_finish, study_id, count)).result()
    finally:
        database.close()


def _add(study_id: int, numbers: range, now: float, conn: Connection) -> None:
    driver_of(conn).executemany(_INSERT, [_row(study_id, number, now) for number in numbers])


def _row(study_id: int, number: int, now: float) -> tuple[object, ...]:
    draw = random.Random(number)
    params: Point = {
        "lr": 10 ** draw.uniform(-5, -1),
        "width": draw.randint(16, 512),
        "act": draw.choice(ACTIVATIONS),
        "dropout": draw.uniform(0, 0.6),
        "amp": draw.random() < 0.5,
    }
    failed = number % 50 == 0
    value = None if failed else 0.1 + abs(draw.gauss(0, 0.4))
    state = "failed" if failed else "pruned" if number % 3 == 0 else "completed"
    start = now - 1e6 + number * 10
    return (
        study_id,
        number,
        state,
        json.dumps(params, separators=(",", ":")),
        canonical_key(params),
        "{}" if value is None else json.dumps({"val_loss": value}),
        value,
        "bayesian",
        number,
        1,
        float(draw.randint(1, 40)),
        start,
        start + 1,
        start + 1 + draw.uniform(1, 600),
        "error" if failed else None,
        "exit status 1: CUDA out of memory" if failed else "",
    )


def _finish(study_id: int, count: int, conn: Connection) -> None:
    conn.exec_driver_sql(
        "UPDATE studies SET next_number = ?, best_trial_id = (SELECT id FROM trials WHERE study_id = ? AND"
        " state = 'completed' ORDER BY value LIMIT 1) WHERE id = ?",
        (count + 1, study_id, study_id),
    )


def add_points(path: Path, trial_id: int, count: int) -> None:
    """Give a trial a metric with so many points."""
    database = open_database(path)
    rows = ((trial_id, float(step), 0.2 + (step % 977) / 977) for step in range(count))
    sql = "INSERT INTO observations (trial_id, name, attempt, step, value) VALUES (?, 'val_loss', 1, ?, ?)"
    try:
        database.writer.submit(lambda conn: driver_of(conn).executemany(sql, rows)).result()
    finally:
        database.close()
