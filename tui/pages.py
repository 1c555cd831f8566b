"""The pages of a study that is too large to hold: which part of the daemon's own order is known.

Owns the places of trials in that order. It asks for nothing itself: `wanted` says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PAGE_ROWS = 200
PAGES_KEPT = 30


@dataclass(frozen=True, slots=True)
class PageQuery:
    """An order of a study's trials, in the daemon's words (see `GET /v1/studies/NAME/trials`)."""

    study: str
    sort: str
    descending: bool
    filter: str = ""


class Pages:
    """Known pages of one order.

    Attributes:
        query: Whose pages these are.
        total: How many trials the order has; until the daemon has said so, those of the order before.
        stale: Pages that are shown still, and should be fetched again.
    """

    def __init__(self, query: PageQuery, total: int = 0) -> None:
        self.query = query
        self.total = total
        self.stale: set[int] = set()
        self._pages: dict[int, list[int]] = {}
        self._places: dict[int, int] = {}
        self._viewed: tuple[int, int] = (0, 0)

    def put(self, index: int, numbers: Sequence[int]) -> list[int]:
        """Take a page; the numbers of trials that are in no known page any more."""
        dropped = self._drop(index)
        self._pages[index] = list(numbers)
        self.stale.discard(index)
        for offset, number in enumerate(numbers):
            self._places[number] = index * PAGE_ROWS + offset
        while len(self._pages) > PAGES_KEPT:
            dropped += self._drop(max(self._pages, key=lambda i: abs(i - self._viewed[0])))
        return [number for number in dropped if number not in self._places]

    def _drop(self, index: int) -> list[int]:
        numbers = self._pages.pop(index, [])
        for number in numbers:
            if self._places.get(number, -1) // PAGE_ROWS == index:
                del self._places[number]
        return numbers

    def at(self, place: int) -> int | None:
        """The trial in a row; None while that is unknown."""
        page = self._pages.get(place // PAGE_ROWS, [])
        offset = place % PAGE_ROWS
        return page[offset] if offset < len(page) else None

    def place(self, number: int) -> int | None:
        """The row of a trial; None while that is unknown."""
        return self._places.get(number)

    def wanted(self, top: int, count: int, total: int) -> list[int]:
        """View these rows: the pages that are missing for it."""
        last = max(0, min(top + count, total) - 1) // PAGE_ROWS
        self._viewed = (top // PAGE_ROWS, last)
        return [i for i in range(self._viewed[0], last + 1) if i not in self._pages]

    def viewed(self) -> range:
        """Pages that were asked for last."""
        return range(self._viewed[0], self._viewed[1] + 1)
