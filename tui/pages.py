"""The pages of the table: which part of the daemon's own order of a study's trials is known.

Owns the places of trials in that order. It asks for nothing itself: `wanted` names the pages to fetch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuned.client import api
from tuned.client.api import Call
from tuned.wire import TrialNumbers, TrialRow

PAGE_ROWS = 200
PAGES_KEPT = 30


@dataclass(frozen=True, slots=True)
class PageQuery:
    """An order of a study's trials, in the daemon's words (see `GET /v1/studies/NAME/trials`)."""

    study: str
    sort: str
    descending: bool
    filter: str = ""
    metrics: bool = False
    """Whether each trial comes with the last value of all that it reported."""

    def rows(self, first: int, count: int) -> Call[list[TrialRow]]:
        """The call that fetches some of its trials, from the place `first` on."""
        return api.trials(
            self.study,
            filter=self.filter or None,
            sort=self.sort,
            descending=self.descending,
            offset=first,
            limit=count,
            metrics=self.metrics or None,
        )

    def numbers(self) -> Call[TrialNumbers]:
        """The call that fetches the numbers of all its trials."""
        return api.trial_numbers(self.study, filter=self.filter or None, sort=self.sort, descending=self.descending)

    def count(self) -> Call[TrialNumbers]:
        """The call that counts its trials: unsorted, since a count needs no order."""
        return api.trial_numbers(self.study, filter=self.filter or None, limit=1)


class Pages:
    """Known pages of one order.

    Attributes:
        query: The order and the filter of these pages.
        total: How many trials the order has; until the daemon has said so, those of the order before.
    """

    def __init__(self, query: PageQuery, total: int = 0) -> None:
        self.query = query
        self.total = total
        self._stale: set[int] = set()
        self._asked: set[int] = set()
        self._pages: dict[int, list[int]] = {}
        self._places: dict[int, int] = {}
        self._viewed: tuple[int, int] = (0, 0)

    def put(self, index: int, numbers: Sequence[int]) -> list[int]:
        """Take a page; the numbers of trials that are in no known page any more."""
        dropped = self._drop(index)
        self._pages[index] = list(numbers)
        self._stale.discard(index)
        self._asked.discard(index)
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

    @property
    def known(self) -> bool:
        """Whether any page has come."""
        return bool(self._pages)

    def at(self, place: int) -> int | None:
        """The trial in a row; None while that is unknown."""
        page = self._pages.get(place // PAGE_ROWS, [])
        offset = place % PAGE_ROWS
        return page[offset] if offset < len(page) else None

    def place(self, number: int) -> int | None:
        """The row of a trial; None while that is unknown."""
        return self._places.get(number)

    def wanted(self, top: int, count: int, total: int) -> list[int]:
        """View these rows: the pages to fetch for it, each named once until it comes."""
        last = max(0, min(top + count, total) - 1) // PAGE_ROWS
        self._viewed = (min(top // PAGE_ROWS, last), last)
        fresh = self._pages.keys() - self._stale
        missing = [i for i in self.viewed() if i not in fresh and i not in self._asked]
        self._asked.update(missing)
        return missing

    def moved(self) -> range:
        """Trials changed places: the pages in view, to fetch again now; the others are when they are viewed."""
        self._stale.update(self._pages.keys() - set(self.viewed()))
        return self.viewed()

    def forget_asked(self) -> None:
        """Name missing pages again: the link broke, and answers under way are lost."""
        self._asked.clear()

    def viewed(self) -> range:
        """The pages of the rows that were viewed last."""
        return range(self._viewed[0], self._viewed[1] + 1)
