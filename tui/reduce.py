"""The change of a trial's row by an event. Pure."""

from __future__ import annotations

from dataclasses import replace

from tuned.core import events as ev
from tuned.core.states import LIVE, TERMINAL
from tuned.wire import EventRow, TrialRow


def reduce_trial(row: TrialRow | None, event: EventRow) -> TrialRow | None:
    """The trial after an event; None when the event does not tell enough and the trial must be fetched."""
    data = event.data
    if row is None:
        return None
    if event.type == ev.TRIAL_MOVED and "to" in data:
        return _moved(row, event)
    if event.type == ev.TRIAL_INTENT:
        return replace(row, stop_reason=data.get("stop_reason"), stopped_by=data.get("stopped_by") or "")
    if event.type == ev.TRIAL_REPLACED and "params" in data:
        new = {name: data.get(name, getattr(row, name)) for name in ("params", "origin", "why", "space")}
        return replace(row, **new)
    if event.type == ev.TRIAL_FROZEN:
        return _still(row, bool(data.get("frozen")), event.at)
    if event.type == ev.TRIAL_PRIORITY and "to" in data:
        return replace(row, priority=int(data["to"]))
    if event.type == ev.TRIAL_METRICS:
        values = data.get("values") or row.values
        step = data.get("step")
        metrics = {**row.metrics, **(data.get("last") or {})} if row.metrics else row.metrics
        return replace(row, metrics=metrics, values=values, last_step=step if step is not None else row.last_step)
    return row


def _still(row: TrialRow, frozen: bool, at: float) -> TrialRow:
    stood = 0.0 if row.still_since is None else max(0.0, at - row.still_since)
    return replace(row, frozen=frozen, still_s=row.still_s + stood, still_since=at if frozen else None)


def _moved(row: TrialRow, event: EventRow) -> TrialRow:
    data, state = event.data, str(event.data["to"])
    row = _still(row, frozen=False, at=event.at)
    started, ended = row.started_at, row.ended_at
    if state == "running" and (row.state != "paused" or started is None):
        started = event.at if started is None or data.get("attempt", row.attempt) != row.attempt else started
    if state in TERMINAL:
        ended = event.at
    return replace(
        row,
        state=state,
        attempt=data.get("attempt") or row.attempt,
        failure=data.get("failure"),
        reason=data.get("reason") or "",
        device=data.get("device") or row.device,
        values=data.get("values") or row.values,
        started_at=started,
        ended_at=ended,
        stop_reason=row.stop_reason if state in LIVE else None,
        still_s=0.0 if state == "running" else row.still_s,
        still_since=event.at if started is not None and state not in ("running", *TERMINAL) else None,
        stopped_by=data.get("stopped_by") or "",
    )
