"""Writes of what a trial reported.

Owns the batch: observations, the file offset behind them and the trial's summaries are stored together or not at all.
The observations go in by one `executemany` on the driver's own connection: this is the hottest path there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, update

from storage.driver import driver_of
from storage.json_text import dump_values
from storage.models import attempts, trials
from storage.problems import StaleState
from storage.repository import early_stopping, moves
from storage.repository.events import add_event
from storage.repository.folds import consider_folds
from storage.repository.moves import MovingTrial
from storage.repository.new_reports import Reports, new_reports
from storage.repository.trials import set_intent
from storage.summaries import has_reported, running_summary, summaries
from tuned.core import events
from tuned.core.states import TERMINAL, Actor, StopReason
from tuned.core.study import SEARCH, Objective
from tuned.core.trials.card_figures import OF_CARDS
from tuned.protocol import encode_number, encode_numbers

BAD_LINES_KEPT = 100
"""Of an attempt; more are only counted."""

BAD_BYTES = 500
NAMES_TOLD = 50
"""Metrics whose last value stands in an event; objectives come on top."""

_a = attempts.c
_CLAIM_OFFSET = (
    update(attempts)
    .where(_a.trial_id == bindparam("wanted"), _a.attempt == bindparam("which"), _a.ingest_offset == bindparam("seen"))
    .values(
        ingest_offset=bindparam("next"),
        bad_lines=_a.bad_lines + bindparam("bad"),
        sdk=_a.sdk.op("|")(bindparam("new_sdk")),
        stop_seen=_a.stop_seen.op("|")(bindparam("new_stop_seen")),
        resumable=_a.resumable.op("|")(bindparam("new_resumable")),
    )
)
_OBSERVE = """INSERT INTO observations (trial_id, name, attempt, step, value, time) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = excluded.value, time = excluded.time"""
_BAD = "INSERT OR IGNORE INTO bad_lines (trial_id, attempt, offset, text) VALUES (?, ?, ?, ?)"
_BAD_KEPT = "SELECT count(*) FROM bad_lines WHERE trial_id = ? AND attempt = ?"
_UPDATE = (
    update(trials)
    .where(trials.c.id == bindparam("wanted"))
    .values({name: bindparam(f"new_{name}") for name in ("values_json", "value", "last_step")})
)


@dataclass(frozen=True, slots=True)
class IngestBatch:
    """Content read from an attempt's metrics file.

    Attributes:
        expected_offset, next_offset: Bytes read before and after this batch.
        observations: (name, step, value, unix seconds or None), in the order of the file; steps are finite.
        bad: (offset, text) of lines that could not be read.
        sdk, stop_seen, resumable: Marks seen in this batch; once seen they stay.
        note: Fault of the file, for people; goes into the event.
    """

    trial_id: int
    attempt: int
    expected_offset: int
    next_offset: int
    observations: Sequence[tuple[str, float, float, float | None]] = ()
    bad: Sequence[tuple[int, str]] = field(default=())
    sdk: bool = False
    stop_seen: bool = False
    resumable: bool = False
    note: str = ""


def ingest(conn: Connection, batch: IngestBatch, now: float) -> StopReason | None:
    """Store a batch, and judge the trial by it where its study stops trials early.

    Within an attempt the last line of a step wins; an ended trial's own row stays as it is.

    Returns:
        The end asked of the trial because of it; its process is told after the commit.

    Raises:
        NotFound: There is no such trial.
        StaleState: The attempt's offset is another: nothing of the batch is stored.
    """
    trial = moves.read(conn, batch.trial_id)
    _claim_offset(conn, trial, batch)
    follows = trial.state not in TERMINAL and batch.attempt == trial.attempt
    restated = _first_reports(conn, trial, batch) if follows else []
    judged = _judged(conn, trial, batch, restated) if follows else None
    _store(conn, batch)
    last: dict[str, float] = {name: value for name, _, value, _ in batch.observations}
    if follows and last:
        _follow(conn, trial, batch, restated)
    if last or batch.bad or batch.note:
        data: dict[str, Any] = {
            "points": len(batch.observations),
            "last": encode_numbers(_shown(trial, last)),
            "names": len(last),
            "step": None if trial.last_step is None else encode_number(trial.last_step),
            "values": encode_numbers(trial.values),
            "bad_lines": len(batch.bad),
        }
        if batch.note:
            data["note"] = batch.note
        add_event(conn, events.TRIAL_METRICS, trial.study, trial.number, data, now)
    return None if judged is None or not last else _judge(conn, trial, judged, set(last), now)


def _shown(trial: MovingTrial, last: dict[str, float]) -> dict[str, float]:
    """The part of the last reports that an event carries: the objectives, and other metrics up to a bound.

    An event goes to the database and to every client; metrics themselves are asked for by name.
    """
    if len(last) <= NAMES_TOLD:
        return last
    measured = {objective.metric: last[objective.metric] for objective in trial.measured if objective.metric in last}
    return {**measured, **dict(islice(last.items(), NAMES_TOLD))}


def _judged(conn: Connection, trial: MovingTrial, batch: IngestBatch, restated: list[Objective]) -> Reports | None:
    """The reports that early stopping judges by, before they are stored; None in a trial that nothing stops."""
    rule, objective = trial.spec.early_stopping, trial.spec.objective
    if rule is None or objective is None or trial.stage != SEARCH:
        return None
    points = [(step, value) for name, step, value, _ in batch.observations if name == objective.metric]
    return new_reports(conn, trial, rule, objective, points, objective in restated)


def _judge(conn: Connection, trial: MovingTrial, reports: Reports, names: set[str], now: float) -> StopReason | None:
    assert trial.spec.early_stopping is not None
    asked = early_stopping.consider(conn, trial, reports, now)
    if asked is None and trial.spec.early_stopping.folds:
        asked = consider_folds(conn, trial, names)
    if asked is None:
        return None
    reason, by, why = asked
    set_intent(conn, trial.id, reason, Actor.SCHEDULER, now, why, by)
    return reason


def _claim_offset(conn: Connection, trial: MovingTrial, batch: IngestBatch) -> None:
    claim: dict[str, Any] = {
        "wanted": batch.trial_id,
        "which": batch.attempt,
        "seen": batch.expected_offset,
        "next": batch.next_offset,
        "bad": len(batch.bad),
        "new_sdk": int(batch.sdk),
        "new_stop_seen": int(batch.stop_seen),
        "new_resumable": int(batch.resumable),
    }
    if conn.execute(_CLAIM_OFFSET, claim).rowcount != 1:
        raise StaleState(
            f"attempt {batch.attempt} is not at byte {batch.expected_offset} of its metrics", where=trial.where
        )


def _store(conn: Connection, batch: IngestBatch) -> None:
    driver = driver_of(conn)
    trial_id, attempt = batch.trial_id, batch.attempt
    if batch.observations:
        # NaN is stored as NULL, by SQLite itself.
        rows = [(trial_id, name, attempt, step, value, time) for name, step, value, time in batch.observations]
        try:
            driver.executemany(_OBSERVE, rows)
        except UnicodeEncodeError:
            # JSON can spell half a character in a name; such a line must not hold up the file for ever.
            driver.executemany(_OBSERVE, [(row[0], _whole(row[1]), *row[2:]) for row in rows])
    if batch.bad:
        room = BAD_LINES_KEPT - driver.execute(_BAD_KEPT, (trial_id, attempt)).fetchone()[0]
        driver.executemany(
            _BAD, [(trial_id, attempt, offset, _cut(text)) for offset, text in batch.bad[: max(0, room)]]
        )


def _whole(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _cut(text: str) -> str:
    return text.encode("utf-8", "replace")[:BAD_BYTES].decode("utf-8", "ignore")


def _first_reports(conn: Connection, trial: MovingTrial, batch: IngestBatch) -> list[Objective]:
    """The objectives of which a later attempt reports for the first time: its steps replace earlier ones."""
    if batch.attempt == 1:
        return []
    return [o for o in trial.measured if not has_reported(conn, trial.id, batch.attempt, o.metric)]


def _follow(conn: Connection, trial: MovingTrial, batch: IngestBatch, restated: list[Objective]) -> None:
    """Bring the trial's summaries and last step up to the batch."""
    values = dict(trial.values)
    for objective in trial.measured:
        new = [value for name, _, value, _ in batch.observations if name == objective.metric]
        if not new:
            continue
        if objective in restated:
            values.update(summaries(conn, trial.id, [objective]))
            continue
        value = running_summary(conn, trial.id, batch.attempt, objective, values.get(objective.metric), new)
        if value is not None:
            values[objective.metric] = value
    trial.set_values(values)
    steps = [step for name, step, _, _ in batch.observations if not name.startswith(OF_CARDS)]
    if steps:
        highest = max(steps)
        trial.last_step = highest if trial.last_step is None else max(trial.last_step, highest)
    new_row = {
        "wanted": trial.id,
        "new_values_json": dump_values(trial.values),
        "new_value": trial.value,
        "new_last_step": trial.last_step,
    }
    conn.execute(_UPDATE, new_row)
