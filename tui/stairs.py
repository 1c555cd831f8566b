"""The best value so far of a study that is too large to hold: the daemon's stairs, carried on by events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.curves import Point
from tuned.core.ranking import Ranking, Tier
from tuned.core.study import SEARCH
from tuned.wire import BestSoFar, EventRow


@dataclass(frozen=True, slots=True)
class _Ended:
    """The part of a trial's end that its rank depends on."""

    number: int
    state: str
    stopped_by: str
    stage: str
    values: Mapping[str, Any]


class Stairs:
    """Where the best value of one study improved."""

    def __init__(self) -> None:
        self.study: str | None = None
        self._total = 0
        self._steps: list[tuple[int, float]] = []
        self._sign = 1.0

    def put(self, study: str, found: BestSoFar, minimizes: bool) -> None:
        """All of it, as the daemon says."""
        self.study, self._total, self._sign = study, found.total, 1.0 if minimizes else -1.0
        self._steps = [(step.count, float(step.value)) for step in found.steps]

    def follow(self, event: EventRow, ranking: Ranking, stage: str = SEARCH) -> None:
        """One more trial ended."""
        data = event.data
        ended = _Ended(
            event.number or 0, str(data.get("to")), data.get("stopped_by") or "", stage, data.get("values") or {}
        )
        if event.study != self.study or ranking.tier(ended) is not Tier.WHOLE:
            return
        self._total += 1
        value = self._sign * ranking.score(ended)
        if not self._steps or self._sign * value < self._sign * self._steps[-1][1]:
            self._steps.append((self._total, value))

    def points(self, study: str | None) -> list[Point]:
        """(how many trials, the best until then) at the corners; empty while unknown."""
        if study != self.study or not self._steps:
            return []
        points: list[Point] = []
        for count, value in self._steps:
            if points:
                points.append((float(count), points[-1][1]))
            points.append((float(count), value))
        return [*points, (float(self._total), points[-1][1])]
