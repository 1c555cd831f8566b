"""Which trials the table shows, in which order, and which are marked.

Owns the choice of order and filter, and the marks. The daemon sorts and filters; `tui.pages` holds its pages.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.pages import PageQuery
from tui.store import Store
from tuned.core.errors import Conflict, InvalidInput
from tuned.core.ranking import BY_METRIC, BY_PARAMETER, WATCH
from tuned.core.trials.filter import NO_FILTER, TrialFilter, parse
from tuned.wire import TrialRow

_DAEMON_SORTS = {
    "trial": ("number", True),
    "state": ("state", False),
    "priority": ("priority", True),
    "step": ("step", True),
    "elapsed": ("elapsed", True),
    "value": ("value", False),
    WATCH: (WATCH, False),
}
"""Column -> the daemon's name for it, and whether its natural order is descending."""

FIXED_SORTS = ("trial", "state", "priority", "step", WATCH, "value", "elapsed")
MOST_MARKED = 2_000
"""Trials that can be marked at once: each is named to the daemon when something is done to them."""


class Rows:
    """The table's rows over a store: the daemon's order, of which the pages around the shown rows are known.

    Attributes:
        sort: Name of a column: one of `FIXED_SORTS`, a parameter, or `metrics.NAME`. Descending means the opposite of
            its natural order; that of `value` is best first, of `watch` the same behind the live trials, of `trial` the
            newest first.
        filter: The condition that rows pass.
        metrics: Study -> metrics that have a column.
        marks: Numbers of marked trials.
        marking: Whether marked rows are on their way from the daemon.
        anchor: The last trial that was marked, where a range begins.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sort = WATCH
        self.descending = False
        self.filter: TrialFilter = NO_FILTER
        self.metrics: dict[str, list[str]] = {}
        self.marks: set[int] = set()
        self.marking = False
        self.anchor: int | None = None
        self._shown: list[int | None] = []
        self._study: str | None = None
        store.kept = lambda: self.marks

    # --- reading ------------------------------------------------------------------------------------------------

    def total(self) -> int:
        """How many rows there are."""
        return self.store.order(self.query()).total if self.filter.text else self.store.total

    def window(self, top: int, count: int) -> list[int | None]:
        """Trial numbers of some rows, None for unknown ones; those are fetched.

        Until the first page of a new order comes, the rows of the order before are shown.
        """
        total = self.total()
        pages = self.store.view_page(self.query(), top, count, total)
        if pages.known or not self._shown:
            self._shown = [pages.at(place) for place in range(top, min(top + count, total))]
        return self._shown[:count]

    def at(self, place: int) -> int | None:
        """The trial in a row; None when there is no such row, or it is unknown: then it is fetched."""
        return self.store.view_page(self.query(), place, 1, self.total()).at(place) if place >= 0 else None

    def place(self, number: int | None) -> int | None:
        """Row of a trial; None when it is not shown, or unknown."""
        return self.store.order(self.query()).place(number) if number is not None else None

    def known(self, low: int, high: int) -> list[int] | None:
        """The trials from one row to another; None when some are unknown."""
        pages = self.store.order(self.query())
        found: list[int] = []
        for place in range(low, high + 1):
            number = pages.at(place)
            if number is None:
                return None
            found.append(number)
        return found

    def query(self) -> PageQuery:
        """The order that is shown, in the daemon's words."""
        self._notice_study()
        named = self.sort if self.sort.startswith(BY_METRIC) else BY_PARAMETER + self.sort
        name, descending = _DAEMON_SORTS.get(self.sort, (named, self.sort in self._rising()))
        study = self.store.study or ""
        return PageQuery(study, name, descending != self.descending, self.filter.text, bool(self.metrics.get(study)))

    def rank(self, number: int) -> tuple[int, int] | None:
        """(place, count) of a trial among the ranked ones, best first; None without a rank, or while it is unknown.

        The daemon counts it, for the trial whose page is open.
        """
        detail = self.store.detail
        if detail is None or detail.trial.number != number or detail.rank is None:
            return None
        return detail.rank, detail.ranked

    def _notice_study(self) -> None:
        if self.store.study != self._study:
            self._study, self.marks, self.anchor, self._shown = self.store.study, set(), None, []
            if self.sort not in self.sorts():
                self.sort, self.descending = WATCH, False
            try:
                self.filter.check(self.store.columns)
            except InvalidInput:
                self.filter = NO_FILTER

    # --- changing -----------------------------------------------------------------------------------------------

    def set_filter(self, text: str) -> None:
        """Filter by a text of the filter language.

        Raises:
            InvalidInput: It cannot be read, or names a column that these trials do not have; the old filter stays.
        """
        found = parse(text) if text.strip() else NO_FILTER
        found.check(self.store.columns)
        self.filter = found

    def sorts(self) -> list[str]:
        """Names that can be sorted by, in the order of the columns."""
        study = self.store.study_row
        fixed, parameters = FIXED_SORTS[:6], study.parameters if study else ()
        # The daemon refuses an order by what no trial has reported.
        summed = [one.metric for one in study.objectives] if study else []
        known = summed + [name for row in self.store.trials.values() for name in row.metrics]
        return [*fixed, *(BY_METRIC + name for name in self.measured() if name in known), *parameters, "elapsed"]

    def measured(self) -> list[str]:
        """Metrics with a column beside the first objective's: further objectives, then those that were chosen."""
        study = self.store.study_row
        if study is None:
            return []
        names = [one.metric for one in study.objectives[1:]] + self.metrics.get(study.name, [])
        return [name for name in dict.fromkeys(names) if name != self.store.objective]

    def _rising(self) -> list[str]:
        """The orders by a metric of which more is better."""
        study = self.store.study_row
        return [BY_METRIC + o.metric for o in study.objectives if o.direction == "maximize"] if study else []

    def sort_by(self, name: str) -> None:
        """Sort by a column, in its natural order; a metric that has none gets one."""
        self.sort, self.descending = name, False
        study, metric = self.store.study_row, name.removeprefix(BY_METRIC)
        if study is not None and metric not in (name, *self.measured()):
            self.metrics.setdefault(study.name, []).append(metric)

    def turn_sort(self, by: int) -> None:
        """Sort by the next or previous column, in its natural order."""
        names = self.sorts()
        place = names.index(self.sort) if self.sort in names else 0
        self.sort_by(names[(place + by) % len(names)])

    def toggle_mark(self, number: int) -> None:
        """Mark a trial, or remove its mark."""
        self.marks ^= {number}
        self.anchor = number

    def mark_range(self, number: int) -> tuple[int, int] | None:
        """Mark everything between the last mark and this trial.

        Returns:
            First and last row of the range, when not all of its trials are known: `mark_rows` takes them.

        Raises:
            InvalidInput: They are too many.
        """
        here, there = self.place(number), self.place(self.anchor)
        if here is None or there is None:
            self.toggle_mark(number)
            return None
        low, high = sorted((here, there))
        _refuse_many(high - low + 1)
        return self._mark(low, high)

    def mark_all(self) -> tuple[int, int] | None:
        """Mark every row that passes the filter.

        Returns:
            First and last row, when not all of their trials are known: `mark_rows` takes them.

        Raises:
            InvalidInput: They are too many.
        """
        total = self.total()
        _refuse_many(total)
        self.marks.clear()
        return self._mark(0, total - 1)

    def mark_rows(self, query: PageQuery, found: Sequence[TrialRow]) -> None:
        """Mark trials of an order that were fetched for it; ignored when another order is shown by now."""
        if query == self.query():
            self.marks.update(row.number for row in found)
            self.store.put_trials(query.study, found)

    def check_marks(self) -> None:
        """Refuse to act on marks that are not complete.

        Raises:
            Conflict: Marked rows are on their way.
        """
        if self.marking:
            raise Conflict("the rows are being marked", hint="press it once more when they are")

    def _mark(self, low: int, high: int) -> tuple[int, int] | None:
        found = self.known(low, high)
        if found is None:
            self.marking = True
            return low, high
        self.marks.update(found)
        return None


def _refuse_many(count: int) -> None:
    if count > MOST_MARKED:
        raise InvalidInput(
            f"{count} trials are too many to mark", where="mark", hint=f"filter first: at most {MOST_MARKED}"
        )
