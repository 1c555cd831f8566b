"""The changes of the picture: by snapshots, by the daemon's events, and by the user's selection.

Owns the reducer over the event stream and the decision what must be fetched again. It knows neither widgets nor the
socket: `tui.link` fills it, screens read it. All methods run on one event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui.advice import KINDS
from tui.log_window import START, LogWindow
from tui.pages import PAGE_ROWS, PageQuery, Pages
from tui.picture import EVENTS_KEPT, Picture, sort_studies
from tui.reduce import reduce_trial
from tuned.core import events as ev
from tuned.core.states import LIVE, VALUED
from tuned.core.study import SEARCH
from tuned.wire import (
    BestSoFar,
    DaemonStatus,
    EventRow,
    LogChunk,
    MetricRow,
    SpacePage,
    StudyRow,
    TrialDetail,
    TrialRow,
)

TYPING = 0.06
"""Seconds that a filter may rest while it is typed, before the daemon is asked."""

SOUGHT_MOST = 5_000
"""Trials of a study up to which the cursor follows its trial into another order: their numbers are all fetched."""

MOVED = 0.4
"""Seconds that trials may stand in their old places after a change: one fetch serves all changes of that time."""

STATUS_EVERY = 10.0
"""Seconds between two looks at the daemon's own state."""

ANSWERS_EVERY = 5.0
"""Seconds between two questions to the playbook while trials end one after the other."""


class Store(Picture):
    """The picture, kept like the daemon."""

    # --- connection ---------------------------------------------------------------------------------------------

    def went_live(self) -> None:
        """The snapshot is complete and the event stream follows it."""
        self.connected, self.problem, self.stale_since, self.loaded = True, "", None, True
        self._changed()

    def went_stale(self, problem: str) -> None:
        """The daemon does not answer; the picture grows old from now on."""
        self.problem = problem
        if self.connected or self.stale_since is None:
            self.stale_since = self.clock()
        self.connected = False
        self.needs.clear()
        if self.pages is not None:
            self.pages.forget_asked()
        self._changed()

    def slot(self, device: str) -> str:
        """What people call a slot, or several with commas between them: `gpu:0`."""
        labels = {row.id: row.label for row in self.status.devices} if self.status else {}
        return ",".join(labels.get(one) or one for one in device.split(","))

    # --- selection ----------------------------------------------------------------------------------------------

    def select_study(self, name: str | None) -> None:
        """Show another study: its trials are fetched, selection and pins are dropped."""
        if name == self.study:
            return
        self.study, self.selected, self.pinned, self.metric = name, None, [], None
        self.trials, self.trials_loaded, self.log, self.detail, self.pages = {}, False, None, None, None
        self.sought = self.found = None
        self.trends.clear()
        self.answers, self.answer_problems, self.space = {}, {}, None
        self._changed()
        if name is not None:
            self.need("stairs", name)
            self.hurry()

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

    # --- snapshots ----------------------------------------------------------------------------------------------

    def put_status(self, status: DaemonStatus) -> None:
        """The daemon's own state and its devices."""
        before = self.status
        if before is None or (status.devices, status.notes, status.alarms) != (
            before.devices,
            before.notes,
            before.alarms,
        ):
            self._changed()
        self.status = status
        # Trouble may come while nothing moves: a full disk sends no event.
        self.need("status", delay=STATUS_EVERY)

    def put_studies(self, rows: Iterable[StudyRow]) -> None:
        """All studies."""
        studies = {row.name: row for row in rows}
        if studies != self.studies:
            self.studies = studies
            self._changed()
        if self.study is not None and self.study not in studies:
            self.select_study(None)
        if self.study is None and studies:
            # The first of the list in which something runs right now.
            order = sort_studies(studies.values())
            self.select_study(min(order, key=lambda row: not self.counts(row)[1]).name)
        self._want_best()

    def put_trials(self, study: str, rows: Iterable[TrialRow]) -> None:
        """Some trials of a study; ignored when another study is shown by now."""
        if study == self.study:
            self.trials.update((row.number, row) for row in rows)
            self._changed()

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

    def put_place(self, query: PageQuery, number: int, place: int | None) -> None:
        """The row of a trial, None when the filter hides it; ignored when another one is sought by now."""
        if self.pages is not None and self.pages.query == query and self.sought == number:
            self.sought, self.found = None, place
            self._changed()
            self.hurry()

    def put_count(self, query: PageQuery, total: int) -> None:
        """How many trials pass a filter; ignored when another one is set by now."""
        if self.pages is not None and self.pages.query == query and self.pages.total != total:
            self.pages.total = total
            self._changed()
            self.hurry()

    def put_best_so_far(self, study: str, found: BestSoFar) -> None:
        """The best value so far of a study."""
        if study == self.study:
            self.stairs.put(study, found, self.minimizes)
            self._changed()

    def put_page(self, query: PageQuery, index: int, rows: Sequence[TrialRow]) -> None:
        """One page of an order; ignored when another order is shown by now."""
        if self.pages is None or self.pages.query != query or query.study != self.study:
            return
        kept = {self.selected, *self.pinned, *self.kept()}
        for row in rows:
            self.trials[row.number] = row
        for number in self.pages.put(index, [row.number for row in rows]):
            if number not in kept:
                self.trials.pop(number, None)
        if query.filter and len(rows) < PAGE_ROWS:
            self.pages.total = index * PAGE_ROWS + len(rows)
        self.trials_loaded = True
        self._changed()
        self.hurry()

    def want_order(self, study: str, delay: float = 0.0) -> None:
        """Fetch the pages in view again, and how many trials pass the filter."""
        if self.pages is not None and self.pages.query.study == study:
            for index in self.pages.moved():
                self.need("page", study, index, delay)
            if self.pages.query.filter:
                self.need("count", study, 0, delay)

    def put_detail(self, detail: TrialDetail) -> None:
        """The details that only a trial's own page shows."""
        row = detail.trial
        if row.study == self.study:
            self.trials[row.number] = row
            if row.number == self.selected:
                self.detail = detail
            self._changed()

    def put_curve(self, study: str, number: int, rows: Iterable[MetricRow]) -> None:
        """All observations of a trial."""
        key = (study, number)
        known = key in self.curves
        watched = (n for n in (*self.pinned, self.selected, self.best) if n is not None)
        if self.curves.put(key, rows, {(self.study or "", n) for n in watched}):
            self._changed()
            if not known:
                self.hurry()

    def put_log(self, study: str, number: int, chunk: LogChunk) -> None:
        """The next piece of the selected trial's output."""
        if study != self.study or number != self.selected:
            return
        if self.log is None or not self.log.is_of(study, number) or self.log.attempt != chunk.attempt:
            self.log = LogWindow(study, number, chunk.attempt)
            self._changed()
            self.hurry()
        if self.log.take(chunk):
            self._changed()
        if self.log.lags:
            self.follow_log()
            return
        row, held = self.trial(number), self.log.top is not None
        if held and not self.log.reaches_end:
            # A text that stands still is read on when its reader comes near its end.
            self.hurry()
            if self.log.begin and not self.log.first:
                self.need("log-before", study, number)
        elif self.log_wanted and (chunk.text or (row and row.state in LIVE)):
            self.need("log", study, number, 0.0 if len(chunk.text) >= START // 2 else 1.0)

    def put_log_before(self, study: str, number: int, chunk: LogChunk) -> None:
        """The piece before the known part of the selected trial's output."""
        if self.log is not None and self.log.is_of(study, number) and self.log.take_before(chunk):
            self._changed()
            self.hurry()

    def want_log(self, before: bool, behind: bool) -> None:
        """The reader of the log comes near the ends of its known part."""
        if self.log is not None and before:
            self.need("log-before", self.log.study, self.log.number)
        if self.log is not None and behind:
            self.need("log", self.log.study, self.log.number)
        self._changed()

    def follow_log(self) -> None:
        """Show the end of the log, and follow it."""
        log = self.log
        if log is None:
            return
        if log.reaches_end:
            log.top = None
        else:
            self.log = LogWindow(log.study, log.number, log.attempt)
        self.need("log", log.study, log.number)
        self._changed()

    def show_log_at(self, begin: int, lead: int = 0) -> None:
        """Show the log from a byte on, with some lines above it."""
        if self.log is not None:
            self.log = LogWindow(self.log.study, self.log.number, self.log.attempt, begin, lead)
            self.need("log", self.log.study, self.log.number)
            self._changed()

    def put_answer(self, study: str, kind: str, answer: Mapping[str, Any] | None, problem: str = "") -> None:
        """An analysis of the shown study, or why there is none."""
        if study != self.study:
            return
        self.answer_problems[kind] = problem
        if answer is not None and answer != self.answers.get(kind):
            self.answers[kind] = answer
        self._changed()
        self.hurry()

    def put_space(self, page: SpacePage) -> None:
        """The versions of the shown study's space."""
        if page.study == self.study and page != self.space:
            self.space = page
            self._changed()
            self.hurry()

    def want_trends(self, numbers: Iterable[int]) -> None:
        """The small curves of these trials are in sight."""
        if self.trends.want(numbers) and self.study is not None:
            self.need("trends", self.study, 0, TYPING)

    def take_trends(self, study: str) -> list[int]:
        """The trials whose small curves to fetch; none when another study is shown by now: those are its own."""
        return self.trends.take_asked() if study == self.study else []

    def put_trends(self, study: str, numbers: Sequence[int], rows: Iterable[MetricRow]) -> None:
        """The small curves that were asked for."""
        if study == self.study:
            self.trends.put(numbers, rows)
            self._changed()
            self.hurry()

    def put_queue(self, rows: Iterable[TrialRow]) -> None:
        """The waiting trials of all studies, in the order in which they will start."""
        queue = list(rows)
        if queue != self.queue:
            self.queue = queue
            self._changed()

    def put_events(self, rows: Iterable[EventRow]) -> None:
        """Past events for the event list; they are not applied."""
        known = {row.seq: row for row in (*rows, *self.events) if row.type != ev.TRIAL_METRICS}
        self.events = deque((known[seq] for seq in sorted(known)), maxlen=EVENTS_KEPT)
        self._changed()

    # --- events -------------------------------------------------------------------------------------------------

    def apply(self, event: EventRow) -> None:
        """One event of the stream: apply its data, fetch the rest."""
        self.cursor = max(self.cursor or 0, event.seq)
        if event.type != ev.TRIAL_METRICS:
            self.events.append(event)
            self._changed()
        self.need("studies", delay=0.4)
        if event.type == ev.STUDY_DELETED:
            self.studies.pop(event.study, None)
            if event.study == self.study:
                self.select_study(None)
        if event.type in (ev.TRIAL_MOVED, ev.STUDY_MOVED):
            self.need("status", delay=0.4)
        if event.type != ev.TRIAL_METRICS and self.queue_wanted:
            self.need("queue", delay=0.4)
        if event.study == self.study and self.space_wanted and event.type == ev.STUDY_SPACE:
            self.need("space", event.study, 0, 0.2)
        if event.study == self.study and self.insight_wanted and event.data.get("to") in VALUED:
            self._want_answers(ANSWERS_EVERY)
        if event.study == self.study and event.number is not None:
            self._apply_to_trial(event, event.number)

    def _apply_to_trial(self, event: EventRow, number: int) -> None:
        row = self.trials.get(number)
        changed = reduce_trial(row, event)
        if event.type == ev.TRIAL_MOVED:
            self.stairs.follow(event, self.ranking, SEARCH if row is None else row.stage)
        if event.type != ev.TRIAL_METRICS:
            self.want_order(event.study, MOVED)
        if changed is not None and changed != row:
            self.trials[number] = changed
            self._changed()
        if event.type == ev.TRIAL_METRICS:
            self.trends.follow(event, self.objective)
        if number == self.selected or number in self.pinned or number == self.best:
            if event.type == ev.TRIAL_METRICS:
                self._extend_curve(event, number)
            if event.type == ev.TRIAL_MOVED and number == self.selected:
                if self.log_wanted:
                    self.need("log", event.study, number, 0.2)
                if self.detail_wanted:
                    self.need("detail", event.study, number, 0.2)
                self.need("curve", event.study, number, 0.5)

    def _extend_curve(self, event: EventRow, number: int) -> None:
        key = (event.study, number)
        if self.curves.extend(key, event.data):
            self._changed()
        else:
            self.need("curve", event.study, number, 0.5 + 1e-4 * self.curves.size(key))

    def _want_best(self) -> None:
        if self.best is not None:
            self.want_curve(self.best)
