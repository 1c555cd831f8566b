"""The small curves of the table: a few values of the objective for each trial that is in sight. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui import format as fmt
from tuned.wire import EventRow, MetricRow

KEPT = 600
"""Trials whose values are remembered."""

LONGEST = 96


class Trends:
    """Number -> values of the objective over the steps, for one study."""

    def __init__(self) -> None:
        self._values: dict[int, list[float]] = {}
        self._asked: dict[int, None] = {}

    def clear(self) -> None:
        """Forget everything: another study is shown."""
        self._values, self._asked = {}, {}

    def want(self, numbers: Iterable[int]) -> bool:
        """Look at these trials; true when some of them must be fetched."""
        missing = [number for number in numbers if number not in self._values]
        self._asked = dict.fromkeys(missing)
        return bool(missing)

    def take_asked(self) -> list[int]:
        """The trials to fetch; each is named once."""
        asked, self._asked = list(self._asked), {}
        return asked

    def put(self, numbers: Sequence[int], rows: Iterable[MetricRow]) -> None:
        """The daemon's answer for these trials; those without a row have no values."""
        found: dict[int, list[tuple[float, float]]] = {number: [] for number in numbers}
        for row in rows:
            found.setdefault(row.number, []).append((float(row.step), float(row.value)))
        for number, points in found.items():
            self._values[number] = [value for _, value in sorted(points, key=lambda point: point[0])]
        for number in list(self._values)[: max(0, len(self._values) - KEPT)]:
            del self._values[number]

    def follow(self, event: EventRow, metric: str | None) -> None:
        """One more report of a trial that is known."""
        values = self._values.get(event.number or 0)
        value = fmt.value_of(event.data.get("last") or {}, metric)
        if values is not None and value is not None:
            values.append(value)
            if len(values) > LONGEST:
                values[:] = values[::2]

    def sampled(self, number: int, count: int) -> list[float]:
        """At most `count` values of a trial, from the first to the last."""
        values = self._values.get(number, [])
        if len(values) <= count:
            return list(values)
        return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]
