"""Which trials the table shows, in which order, and which are marked.

Owns sorting, filtering and marks over the store's trials; the order is computed once per change. No widgets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tui.pages import PageQuery
from tui.store import Store
from tuned.core.errors import InvalidInput
from tuned.core.ranking import Tier
from tuned.core.state_words import STATE_ORDER
from tuned.core.states import LIVE
from tuned.core.trials.filter import NO_FILTER, TrialFilter, param_key, parse
from tuned.wire import TrialRow

_DAEMON_SORTS = {
    "trial": ("number", True),
    "state": ("state", False),
    "priority": ("priority", True),
    "step": ("step", True),
    "elapsed": ("elapsed", True),
}
"""Column -> the daemon's name for it, and whether its natural order is descending."""

FIXED_SORTS = ("trial", "state", "priority", "step", "value", "elapsed")
_STATE_ORDER = {state: place for place, state in enumerate(STATE_ORDER)}
MOST_MARKED = 2_000
"""Trials that can be marked at once: each is named to the daemon when something is done to them."""


class Rows:
    """The table's rows over a store.

    Of a study that is held as a whole, all rows are sorted and filtered here. Of a larger one the daemon sorts and
    filters, and only the pages around what is shown are known: `at` and `window` give None for the rest.

    Attributes:
        sort: Name of a column: one of `FIXED_SORTS` or a parameter. Descending means the opposite of its natural
            order; the natural order of `value` is best first, of `trial` newest first.
        filter: What passes.
        marks: Numbers of marked trials.
        anchor: The last trial that was marked, where a range begins.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sort = "value"
        self.descending = False
        self.filter: TrialFilter = NO_FILTER
        self.marks: set[int] = set()
        self.anchor: int | None = None
        self._key: object = None
        self._numbers: list[int] = []
        self._places: dict[int, int] = {}
        self._study: str | None = None
        store.kept = lambda: self.marks

    # --- reading ------------------------------------------------------------------------------------------------

    def total(self) -> int:
        """How many rows there are."""
        if not self.store.paged:
            return len(self._whole())
        return self.store.order(self._query()).total if self.filter.text else self.store.total

    def window(self, top: int, count: int) -> list[int | None]:
        """Trial numbers of some rows; asks for what is not known."""
        if not self.store.paged:
            return [*self._whole()[top : top + count]]
        total = self.total()
        pages = self.store.view_page(self._query(), top, count, total)
        return [pages.at(place) for place in range(top, min(top + count, total))]

    def at(self, place: int) -> int | None:
        """The trial in a row; None when it is unknown or there is no such row."""
        if not self.store.paged:
            numbers = self._whole()
            return numbers[place] if 0 <= place < len(numbers) else None
        pages = self.store.pages
        return pages.at(place) if pages is not None and pages.query == self._query() else None

    def place(self, number: int | None) -> int | None:
        """Row of a trial; None when it is not shown, or unknown."""
        if number is None:
            return None
        if not self.store.paged:
            self._whole()
            return self._places.get(number)
        pages = self.store.pages
        return pages.place(number) if pages is not None and pages.query == self._query() else None

    def _whole(self) -> list[int]:
        store = self.store
        self._notice_study()
        key = (store.study, store.trials_revision, self.sort, self.descending, self.filter.text, store.objective)
        if key != self._key:
            self._key = key
            shown = [row for row in store.trials.values() if self.filter.matches(row, store.columns)]
            self._numbers = [row.number for row in self._sorted(shown)]
            self._places = {number: place for place, number in enumerate(self._numbers)}
        return self._numbers

    def _query(self) -> PageQuery:
        self._notice_study()
        name, descending = _DAEMON_SORTS.get(self.sort, (f"params.{self.sort}", False))
        if self.sort == "value":
            descending = not self.store.minimizes
            name = "value" if self.store.objective is not None else "number"
        return PageQuery(self.store.study or "", name, descending != self.descending, self.filter.text)

    def _notice_study(self) -> None:
        if self.store.study != self._study:
            self._study, self.marks, self.anchor = self.store.study, set(), None
            if self.sort not in self.sorts():
                self.sort, self.descending = "value", False
            try:
                self.filter.check(self.store.columns)
            except InvalidInput:
                self.filter = NO_FILTER

    # --- changing -----------------------------------------------------------------------------------------------

    def set_filter(self, text: str) -> None:
        """Filter by a text of the filter language.

        Raises:
            InvalidInput: It cannot be read, or names what these trials do not have; the old filter stays.
        """
        found = parse(text) if text.strip() else NO_FILTER
        found.check(self.store.columns)
        self.filter = found

    def sorts(self) -> list[str]:
        """Names that can be sorted by, in the order of the columns."""
        study = self.store.study_row
        return [*FIXED_SORTS[:5], *(study.parameters if study else ()), "elapsed"]

    def turn_sort(self, by: int) -> None:
        """Sort by the next or previous column, in its natural order."""
        names = self.sorts()
        place = names.index(self.sort) if self.sort in names else 0
        self.sort, self.descending = names[(place + by) % len(names)], False

    def toggle_mark(self, number: int) -> None:
        """Mark a trial, or remove its mark."""
        self.marks ^= {number}
        self.anchor = number

    def mark_range(self, number: int) -> tuple[int, int] | None:
        """Mark everything between the last mark and this trial.

        Returns:
            First and last row of the range, when not all of its trials are known: `mark_rows` takes them.
        """
        here, there = self.place(number), self.place(self.anchor)
        if here is None or there is None:
            self.toggle_mark(number)
            return None
        low, high = sorted((here, there))
        found = [self.at(place) for place in range(low, high + 1)]
        if None in found:
            return self._span(low, high)
        self.marks.update(n for n in found if n is not None)
        return None

    def mark_all(self) -> tuple[int, int] | None:
        """Mark every row that passes the filter.

        Returns:
            First and last row, when not all of their trials are known: `mark_rows` takes them.

        Raises:
            InvalidInput: They are too many.
        """
        if self.store.paged:
            return self._span(0, self.total() - 1)
        self.marks = set(self._whole())
        return None

    def mark_rows(self, query: PageQuery, found: Sequence[TrialRow]) -> None:
        """Mark trials of an order that were fetched for it; ignored when another order is shown by now."""
        if query == self._query():
            self.marks.update(row.number for row in found)
            self.store.put_trials(query.study, found)

    def query(self) -> PageQuery:
        """The order that is shown, in the daemon's words."""
        return self._query()

    def _span(self, low: int, high: int) -> tuple[int, int]:
        count = high - low + 1
        if count > MOST_MARKED:
            raise InvalidInput(
                f"{count} trials are too many to mark", where="mark", hint=f"filter first: at most {MOST_MARKED}"
            )
        return low, high

    def rank(self, number: int) -> tuple[int, int] | None:
        """(place, count) of a trial among the ranked ones, best first; None without a rank, or while it is unknown.

        Of a study that is not held as a whole the daemon counts it, for the trial whose page is open.
        """
        if self.store.paged:
            detail = self.store.detail
            if detail is None or detail.trial.number != number or detail.rank is None:
                return None
            return detail.rank, detail.ranked
        ranked = [row.number for row in self.store.ranking.ranked(self.store.trials.values())]
        return (1 + ranked.index(number), len(ranked)) if number in ranked else None

    def _sorted(self, rows: list[TrialRow]) -> list[TrialRow]:
        """Rows in the chosen order; by `value` one tier behind the other in both directions."""
        if self.sort != "value" or self.store.objective is None:
            return sort_rows(rows, self._sort_key(), self.descending)
        parts: dict[Tier, list[TrialRow]] = {tier: [] for tier in Tier}
        for row in rows:
            parts[self.store.ranking.tier(row)].append(row)
        for tier in (Tier.WHOLE, Tier.CUT):
            parts[tier] = sort_rows(parts[tier], self._sort_key(), self.descending)
        return [*parts[Tier.WHOLE], *parts[Tier.CUT], *sort_rows(parts[Tier.NONE], _no_key, False)]

    def _sort_key(self) -> Callable[[TrialRow], object]:
        store = self.store
        match self.sort:
            case "trial":
                return lambda row: -row.number
            case "state":
                return lambda row: _STATE_ORDER.get(row.state, 99)
            case "priority":
                return lambda row: -row.priority
            case "step":
                return lambda row: None if row.last_step is None else -row.last_step
            case "elapsed":
                now = store.clock()
                return lambda row: None if row.started_at is None else row.started_at - (row.ended_at or now)
            case "value":
                return self.store.ranking.score
        name = self.sort
        return lambda row: param_key(row.params[name]) if row.params.get(name) is not None else None


def _no_key(row: TrialRow) -> None:
    """For rows that are in no order of values."""


def sort_rows(rows: list[TrialRow], key: Callable[[TrialRow], object], descending: bool) -> list[TrialRow]:
    """Rows by key; equal ones newest first; those without a key last: live ones, then waiting ones, then the rest."""
    with_key: list[tuple[TrialRow, object]] = []
    without: list[TrialRow] = []
    for row in rows:
        value = key(row)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            without.append(row)
        else:
            with_key.append((row, value))
    with_key.sort(key=lambda pair: -pair[0].number)
    with_key.sort(key=lambda pair: pair[1], reverse=descending)  # type: ignore[arg-type,return-value]
    without.sort(key=lambda row: (0 if row.state in LIVE else 1 if row.state == "queued" else 2, -row.number))
    return [row for row, _ in with_key] + without
