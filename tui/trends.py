"""The small curves of the table: a few values of the objective for each trial that is in sight. Pure.

A curve follows the events as long as these tell every report; where they do not, and once more at a trial's end, it is
fetched again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui import format as fmt
from tuned.wire import EventRow, MetricRow

KEPT = 600
"""Trials whose values are remembered."""

LONGEST = 96

SOON = 0.06
"""Seconds until a curve is fetched of which nothing is known: the cursor may pass by."""

AGAIN = 1.0
"""Seconds until curves are fetched anew that are known in part: a fast trial reports all the time."""


class Trends:
    """Number -> values of the objective over the steps, for one study."""

    def __init__(self) -> None:
        self._points: dict[int, list[tuple[float, float]]] = {}
        self._asked: dict[int, None] = {}
        self._lacking: set[int] = set()
        self._coming: set[int] = set()

    def clear(self) -> None:
        """Forget everything: another study is shown."""
        self._points, self._asked, self._lacking, self._coming = {}, {}, set(), set()

    def want(self, numbers: Iterable[int]) -> float | None:
        """Look at these trials; seconds after which some of them must be fetched, None when none must."""
        numbers = list(numbers)
        missing = [number for number in numbers if number not in self._points]
        self._asked = dict.fromkeys([*missing, *(number for number in numbers if number in self._lacking)])
        return SOON if missing else AGAIN if self._asked else None

    def take_asked(self) -> list[int]:
        """The trials to fetch; each is named once."""
        asked, self._asked = list(self._asked), {}
        self._lacking.difference_update(asked)
        self._coming.update(asked)
        return asked

    def put(self, numbers: Sequence[int], rows: Iterable[MetricRow]) -> None:
        """The daemon's answer for these trials; those without a row have no values."""
        found: dict[int, list[tuple[float, float]]] = {number: [] for number in numbers}
        for row in rows:
            found.setdefault(row.number, []).append((float(row.step), float(row.value)))
        for number, points in found.items():
            self._points.pop(number, None)
            self._points[number] = sorted(points, key=lambda point: point[0])
        self._coming.difference_update(numbers)
        for number in list(self._points)[: max(0, len(self._points) - KEPT)]:
            del self._points[number]

    def follow(self, event: EventRow, metric: str | None) -> None:
        """A batch of reports of a trial; one that tells only its last, or comes while an answer is due, is fetched."""
        number, last, step = event.number or 0, event.data.get("last") or {}, event.data.get("step")
        points, value = self._points.get(number), fmt.value_of(last, metric)
        if number in self._coming:
            self.lacks(number)
        if points is None:
            return
        if event.data.get("points") != len(last) or not isinstance(step, int | float):
            self.lacks(number)
            return
        if value is None:
            return
        if points and points[-1][0] >= step:
            self.lacks(number)
            return
        points.append((float(step), value))
        if len(points) > LONGEST:
            points[:] = points[::2]

    def lacks(self, number: int) -> None:
        """The curve of a trial is known in part alone: it is fetched again while it is in sight."""
        if number in self._points or number in self._coming:
            self._lacking.add(number)

    def sampled(self, number: int, count: int) -> list[float]:
        """At most `count` values of a trial, from the first to the last."""
        values = [value for _, value in self._points.get(number, [])]
        if len(values) <= count:
            return list(values)
        return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]
