"""A study as the analyses get it: one document out of the database.

Owns what is in it; its fields are those of `tuned.playbook.study_data`, by the same names.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from storage import queries
from tuned.core.study import Study
from tuned.core.trial import Trial
from tuned.protocol import encode_number
from tuned.wire import wire_values

CURVE_POINTS = 200
"""Of a trial's metric."""
MEMORY_METRIC = "gpu/memory_bytes"


def study_document(conn: Connection, study: Study, slots: int) -> dict[str, Any]:
    """The study with all its trials and their thinned curves."""
    used = queries.usage(conn, study.id)
    return {
        "name": study.name,
        "spec": study.spec.to_public_dict(),
        "state": study.state.value,
        "created_at": study.created_at,
        "ended_at": study.ended_at,
        "slots": slots,
        "trials": [
            _trial(trial, queries.curves(conn, trial.id, CURVE_POINTS), used.get(trial.id))
            for trial in queries.trials(conn, study.id)
        ],
    }


def _trial(trial: Trial, curves: dict[str, queries.ThinCurve], used: queries.Usage | None) -> dict[str, Any]:
    seen = [value for value in curves[MEMORY_METRIC].values if value] if MEMORY_METRIC in curves else []
    seconds = queued = None
    if trial.started_at is not None:
        queued = max(0.0, trial.started_at - trial.created_at)
        last = max((time for curve in curves.values() for time in curve.times if time is not None), default=None)
        end = trial.ended_at if trial.ended_at is not None else last
        seconds = None if end is None else max(0.0, end - trial.started_at)
    return {
        "number": trial.number,
        "params": trial.params,
        "state": trial.state.value,
        "values": wire_values(trial.values),
        "failure": trial.failure.value if trial.failure else "",
        "reason": trial.reason,
        "origin": trial.origin,
        "seed": trial.seed,
        "stage": trial.stage,
        "space_version": trial.space,
        "device": trial.device,
        "attempt": trial.attempt,
        "last_step": trial.last_step,
        "created_at": trial.created_at,
        "started_at": trial.started_at,
        "ended_at": trial.ended_at,
        "seconds": seconds,
        "queued_s": queued,
        "peak_memory": max(seen) if seen else used.peak_rss if used else None,
        "memory_kind": "gpu" if seen else "ram" if used and used.peak_rss else "",
        "code": trial.code,
        "run_dir": used.run_dir if used else "",
        "retry_of": trial.retry_of,
        "curves": {name: _curve(curve) for name, curve in curves.items()},
    }


def _curve(curve: queries.ThinCurve) -> dict[str, Any]:
    values = [None if value is None else encode_number(value) for value in curve.values]
    return {"steps": curve.steps, "values": values, "times": curve.times, "reports": curve.reports}
