"""The user's selection, and the data that must be fetched for it.

Owns the selected study, trial and metric, the order of the table, and which of the costly views are visible.
"""

from __future__ import annotations

from collections.abc import Iterable

from tui.advice import KINDS
from tui.pages import PAGE_ROWS, PageQuery, Pages
from tui.picture import Picture

TYPING = 0.06
"""Seconds that a filter may rest while it is typed, before the daemon is asked."""

SOUGHT_MOST = 5_000
"""Trials of a study up to which the cursor follows its trial into another order: their numbers are all fetched."""


class Selection(Picture):
    """The picture with what the user chose of it."""

    def select_study(self, name: str | None) -> None:
        """Show another study: its trials are fetched, selection and pins are dropped."""
        if name == self.study:
            return
        self.study, self.selected, self.pinned, self.metric = name, None, [], None
        self.trials, self.trials_loaded, self.log, self.detail, self.pages = {}, False, None, None, None
        self.sought = self.found = None
        self.trends.clear()
        self.front = set()
        self.answers, self.answer_problems, self.space = {}, {}, None
        self._changed()
        if name is not None:
            self.news.marked.pop(name, None)
            self.need("stairs", name)
            self.want_front(0.0)
            self.hurry()

    def want_front(self, delay: float) -> None:
        """Ask which trials no other one beats, where there are several objectives."""
        row = self.study_row
        if row is not None and len(row.objectives) > 1 and (delay or not self.front):
            self.need("front", row.name, 0, delay)

    def select_trial(self, number: int | None) -> None:
        """Show another trial's curve, log and details."""
        if number == self.selected:
            return
        self.selected, self.detail = number, None
        if number is not None and self.study is not None:
            self._want_trial(number)
        self._changed()

    def want(self, *, log: bool, detail: bool, queue: bool, insight: bool = False, space: bool = False) -> None:
        """Which of the costly views are visible; only those are kept fresh."""
        if insight and not self.insight_wanted:
            self._want_answers(0.0)
        if space and not self.space_wanted and self.study is not None:
            self.need("space", self.study)
        self.insight_wanted, self.space_wanted = insight, space
        fresh = (log and not self.log_wanted, detail and not self.detail_wanted, queue and not self.queue_wanted)
        self.log_wanted, self.detail_wanted, self.queue_wanted = log, detail, queue
        if self.study is not None and self.selected is not None:
            if fresh[0]:
                self.need("log", self.study, self.selected)
            if fresh[1]:
                self.need("detail", self.study, self.selected)
        if fresh[2]:
            self.need("queue")

    def _want_answers(self, delay: float) -> None:
        if self.study is not None:
            for kind in KINDS:
                self.need(kind, self.study, 0, delay)

    def pin(self, number: int) -> bool:
        """Keep a trial's curve in the chart, or drop it again; true when it is pinned now."""
        pinned = number not in self.pinned
        if pinned:
            self.pinned = [*self.pinned, number][-4:]
            self.want_curve(number)
        else:
            self.pinned = [n for n in self.pinned if n != number]
        self._changed()
        return pinned

    def want_curve(self, number: int) -> None:
        """Fetch a curve unless it is here."""
        if self.study is not None and (self.study, number) not in self.curves:
            self.need("curve", self.study, number)

    def _want_trial(self, number: int) -> None:
        assert self.study is not None
        # Holding a cursor key passes over many trials: only the one it stops at is fetched.
        self.need("curve", self.study, number, 0.0 if (self.study, number) in self.curves else 0.08)
        if self.log_wanted:
            self.need("log", self.study, number, 0.08)
        if self.detail_wanted:
            self.need("detail", self.study, number, 0.08)

    def view_page(self, query: PageQuery, top: int, count: int, total: int) -> Pages:
        """Look at some rows of an order: missing pages are fetched."""
        pages = self.order(query)
        for index in pages.wanted(top, count, total):
            self.need("page", query.study, index, TYPING if query.filter else 0.0)
        return pages

    def order(self, query: PageQuery) -> Pages:
        """The pages of an order; how many trials it has is asked for when it is new."""
        if self.pages is None or self.pages.query != query:
            self.pages = Pages(query, self.pages.total if self.pages and self.pages.query.study == query.study else 0)
            self.sought = self.found = None
            if self.selected is not None and PAGE_ROWS < self.total <= SOUGHT_MOST:
                self.seek(self.selected)
            if query.filter:
                self.need("count", query.study, 0, TYPING)
        return self.pages

    def seek(self, number: int) -> None:
        """Ask for the row of a trial that is on no known page."""
        if self.study is not None:
            self.sought = number
            self.need("place", self.study, number)

    def want_order(self, study: str, delay: float = 0.0) -> None:
        """Fetch the pages in view again, and how many trials pass the filter."""
        if self.pages is not None and self.pages.query.study == study:
            for index in self.pages.moved():
                self.need("page", study, index, delay)
            if self.pages.query.filter:
                self.need("count", study, 0, delay)

    def want_trends(self, numbers: Iterable[int]) -> None:
        """The small curves of these trials are in sight."""
        delay = self.trends.want(numbers)
        if delay is not None and self.study is not None:
            self.need("trends", self.study, 0, delay)
