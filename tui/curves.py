"""The learning curves that are known. Pure but for its memory, which it keeps small."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from tuned.wire import MetricRow

KEPT = 24
Point = tuple[float, float]
Key = tuple[str, int]


class Curves:
    """(study, number) -> metric -> (step, value) in rising steps."""

    def __init__(self) -> None:
        self._curves: dict[Key, dict[str, list[Point]]] = {}
        self._times: dict[Key, dict[float, float]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._curves

    def get(self, key: Key, metric: str) -> list[Point]:
        """A curve; empty while unknown."""
        return self._curves.get(key, {}).get(metric, [])

    def by_clock(self, key: Key, points: Sequence[Point]) -> list[Point]:
        """The same points over the minutes since the trial's first report; those whose time is unknown are left out."""
        times = self._times.get(key, {})
        begin = min(times.values(), default=0.0)
        return [((times[x] - begin) / 60, y) for x, y in points if x in times]

    def names(self, key: Key) -> list[str]:
        """Metrics that the trial reported."""
        return sorted(self._curves.get(key, {}))

    def size(self, key: Key) -> int:
        """Points of all its metrics."""
        return sum(len(points) for points in self._curves.get(key, {}).values())

    def put(self, key: Key, rows: Iterable[MetricRow], keep: Collection[Key]) -> bool:
        """All observations of a trial: within a name and step the latest attempt wins.

        Args:
            key: The trial.
            rows: All of them.
            keep: Curves that must stay when there are too many.

        Returns:
            Whether that was news.
        """
        rows = list(rows)
        found: dict[str, dict[float, tuple[int, float]]] = {}
        for row in rows:
            points = found.setdefault(row.name, {})
            step, value = float(row.step), float(row.value)
            if step not in points or points[step][0] <= row.attempt:
                points[step] = (row.attempt, value)
        times: dict[float, tuple[int, float]] = {}
        for row in rows:
            if row.time is not None and times.get(float(row.step), (-1, 0.0))[0] <= row.attempt:
                times[float(row.step)] = (row.attempt, row.time)
        self._times[key] = {step: at for step, (_, at) in times.items()}
        fresh = {name: [(x, points[x][1]) for x in sorted(points)] for name, points in found.items()}
        if fresh == self._curves.get(key):
            return False
        self._curves.pop(key, None)
        self._curves[key] = fresh
        for old in [k for k in self._curves if k != key and k not in keep][: max(0, len(self._curves) - KEPT)]:
            del self._curves[old]
            self._times.pop(old, None)
        return True

    def extend(self, key: Key, data: dict[str, Any], at: float) -> bool:
        """Append one ingest batch (data of a `trial.metrics` event, which came at this time).

        Returns:
            False when it does not say all: a batch of several steps tells only its last, and a step that goes back
            belongs to a new attempt. Then the curve must be fetched.
        """
        last, step = data.get("last"), data.get("step")
        curves = self._curves.get(key)
        if curves is None or not isinstance(last, dict) or data.get("points") != len(last):
            return False
        if not isinstance(step, (int, float)):
            return False
        if any(points and points[-1][0] >= step for name in last if (points := curves.get(name))):
            return False
        for name, value in last.items():
            curves.setdefault(name, []).append((float(step), float(value)))
        self._times.setdefault(key, {})[float(step)] = at
        return True
