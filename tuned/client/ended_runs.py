"""A study's ended trials with what they reported, read page by page: what exports to other programs are made of.

Owns that reading, and which report of a step counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuned.client import api
from tuned.client.http import Client
from tuned.core.states import TERMINAL, TrialState
from tuned.protocol import decode_number
from tuned.wire import MetricRow, TrialRow

PAGE = 200

Point = tuple[float, float, float]
"""Step, value, and when it was reported, in unix seconds."""


@dataclass(frozen=True)
class EndedRun:
    """A trial that has ended, and metric -> its curve by step, finite values alone."""

    row: TrialRow
    curves: dict[str, list[Point]]

    @property
    def name(self) -> str:
        """`STUDY/NUMBER`."""
        return f"{self.row.study}/{self.row.number}"


def ended_runs(client: Client, study: str) -> Iterator[EndedRun]:
    """The trials of a study that have ended, by number; cancelled ones are left out."""
    offset = 0
    while True:
        page = client.send(api.trials(study, sort="number", limit=PAGE, offset=offset))
        for row in page:
            if row.state in TERMINAL and row.state != TrialState.CANCELLED:
                reports = client.send(api.metrics(f"{study}/{row.number}"))
                yield EndedRun(row, curves(reports, row.ended_at or row.created_at))
        offset += len(page)
        if len(page) < PAGE:
            return


def curves(reports: Sequence[MetricRow], at: float) -> dict[str, list[Point]]:
    """Metric -> its curve: a later attempt replaces earlier ones from its own first step on.

    Args:
        reports: Of one trial.
        at: The time of those that have none.
    """
    by_attempt: dict[str, dict[int, list[Point]]] = {}
    for r in reports:
        value = decode_number(r.value)
        point = (float(r.step), value, r.time if r.time is not None else at)
        by_attempt.setdefault(r.name, {}).setdefault(r.attempt, []).append(point)
    found = {}
    for name, attempts in by_attempt.items():
        kept: dict[float, Point] = {}
        for _, points in sorted(attempts.items()):
            first = min(step for step, _, _ in points)
            kept = {step: point for step, point in kept.items() if step < first}
            kept.update((point[0], point) for point in points)
        found[name] = [point for _, point in sorted(kept.items()) if math.isfinite(point[1])]
    return found
