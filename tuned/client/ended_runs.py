"""A study's ended trials with what they reported: exports to other programs are made of them. Owns that reading."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuned.client import api
from tuned.client.http import Client
from tuned.client.waiting import all_trials
from tuned.core.states import TERMINAL, TrialState
from tuned.core.trials.effective_steps import effective
from tuned.protocol import decode_number
from tuned.wire import MetricRow, TrialRow

Point = tuple[float, float, float]
"""Step, value, and when it was reported, in unix seconds."""


@dataclass(frozen=True)
class EndedRun:
    """A trial that has ended, and metric -> its curve by step, finite values alone."""

    row: TrialRow
    curves: dict[str, list[Point]]


def ended_runs(client: Client, study: str) -> Iterator[EndedRun]:
    """The trials of a study that have ended, by number; cancelled ones are left out."""
    for row in all_trials(client, study):
        if row.state in TERMINAL and row.state != TrialState.CANCELLED:
            reports = client.send(api.metrics(row.name))
            yield EndedRun(row, curves(reports, row.ended_at or row.created_at))


def curves(reports: Sequence[MetricRow], at: float) -> dict[str, list[Point]]:
    """Metric -> its curve over all attempts.

    Args:
        reports: Of one trial.
        at: The time of those that have none.
    """
    by_metric: dict[str, list[tuple[int, float, Point]]] = {}
    for r in sorted(reports, key=lambda r: (r.attempt, float(r.step))):
        point = (float(r.step), decode_number(r.value), r.time if r.time is not None else at)
        by_metric.setdefault(r.name, []).append((r.attempt, point[0], point))
    return {
        name: [point for _, point in effective(rows) if math.isfinite(point[1])] for name, rows in by_metric.items()
    }
