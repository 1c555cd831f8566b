"""The changes of the picture: by snapshots and by the daemon's events.

Owns the reducer over the event stream and the decision what must be fetched again after an event. It knows
neither widgets nor the socket: `tui.link` fills it, screens read it. All methods run on one event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui.log_reading import LogReading
from tui.pages import PAGE_ROWS, PageQuery
from tui.picture import EVENTS_KEPT, sort_studies
from tui.reduce import reduce_trial
from tuned.core import events as ev
from tuned.core.places import label_of
from tuned.core.states import TERMINAL, VALUED
from tuned.core.study import SEARCH
from tuned.wire import (
    BestSoFar,
    DaemonStatus,
    EventRow,
    MetricRow,
    SpacePage,
    StudyRow,
    Summary,
    TrialDetail,
    TrialRow,
)

MOVED = 0.4
"""Seconds that trials may stand in their old places after a change: one fetch serves all changes of that time."""

STATUS_EVERY = 10.0
"""Seconds between two looks at the daemon's own state."""

ANSWERS_EVERY = 5.0
"""Seconds between two questions to the playbook while trials end one after the other."""


def _told(status: DaemonStatus) -> tuple[Any, ...]:
    """The visible part of the daemon's state."""
    return status.devices, status.notes, status.alarms, status.advisor


class Store(LogReading):
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
        """The name for people of a slot, or of several with commas between them: `gpu:0`."""
        labels = {row.id: row.label for row in self.status.devices} if self.status else {}
        return ",".join(labels.get(one) or label_of(one) for one in device.split(","))

    # --- snapshots ----------------------------------------------------------------------------------------------

    def put_status(self, status: DaemonStatus) -> None:
        """The daemon's own state and its devices."""
        before = self.status
        if before is None or _told(status) != _told(before):
            self._changed()
        self.status = status
        # Trouble may come while nothing moves: a full disk sends no event.
        self.need("status", delay=STATUS_EVERY)

    def put_studies(self, rows: Iterable[StudyRow]) -> None:
        """All studies."""
        studies = {row.name: row for row in rows}
        if studies != self.studies:
            self.news.bests(self.studies, studies.values(), self.study)
            self.studies = studies
            self._changed()
        if self.study is not None and self.study not in studies:
            self.select_study(None)
        if self.study is None and studies:
            # The first of the list in which something runs right now.
            order = sort_studies(studies.values())
            self.select_study(min(order, key=lambda row: not self.counts(row)[1]).name)
        self._want_best()
        self.want_front(0.0)

    def put_front(self, study: str, rows: Iterable[TrialRow]) -> None:
        """The trials that no other one beats."""
        if study == self.study:
            self.front = {row.number for row in rows}
            self._changed()

    def put_trials(self, study: str, rows: Iterable[TrialRow]) -> None:
        """Some trials of a study; ignored when another study is shown by now."""
        if study == self.study:
            self.trials.update((row.number, row) for row in rows)
            self._changed()

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

    def take_trends(self, study: str) -> list[int]:
        """The trials whose small curves to fetch; none when another study is shown by now: those are its own."""
        return self.trends.take_asked() if study == self.study else []

    def put_trends(self, study: str, numbers: Sequence[int], rows: Iterable[MetricRow]) -> None:
        """The small curves that were asked for."""
        if study == self.study:
            self.trends.put(numbers, rows)
            self._changed()
            self.hurry()

    def put_summary(self, summary: Summary) -> None:
        """Take in the events since the last look."""
        text = self.news.begin(summary)
        self.news.marked.pop(self.study or "", None)
        if text:
            self.tell(text)
        self._changed()

    def put_queue(self, rows: Iterable[TrialRow]) -> None:
        """The waiting trials of all studies, in the order in which they will start; their estimates count from now."""
        queue, self.queue_at = list(rows), self.clock()
        if queue != self.queue:
            self.queue = queue
            self._changed()

    def put_events(self, rows: Iterable[EventRow]) -> None:
        """Past events for the event list; they are not applied, but what happened while the link was down is news."""
        rows = list(rows)
        if rows:
            since, self.cursor = self.cursor, rows[-1].seq
            for row in rows:
                if since is not None and row.seq > since:
                    self.news.event(row, self.study)
        known = {row.seq: row for row in (*rows, *self.events) if row.type != ev.TRIAL_METRICS}
        self.events = deque((known[seq] for seq in sorted(known)), maxlen=EVENTS_KEPT)
        self._changed()

    # --- events -------------------------------------------------------------------------------------------------

    def apply(self, event: EventRow) -> None:
        """One event of the stream: apply its data, fetch the rest."""
        told, self.cursor = event.seq <= (self.cursor or 0), max(self.cursor or 0, event.seq)
        if event.type != ev.TRIAL_METRICS:
            self.events.append(event)
            if not told:
                self.news.event(event, self.study)
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
            if event.data.get("to") in VALUED:
                self.want_front(ANSWERS_EVERY)
            if event.data.get("to") in TERMINAL:
                self.trends.lacks(number)
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
        if self.curves.extend(key, event.data, event.at):
            self._changed()
        else:
            self.need("curve", event.study, number, 0.5 + 1e-4 * self.curves.size(key))

    def _want_best(self) -> None:
        if self.best is not None:
            self.want_curve(self.best)
