"""What the UI knows: a snapshot of the daemon plus a reducer over its events.

Owns the data that every view reads and the list of what must be fetched again (`due`). It knows neither widgets nor the
socket: `tui.link` fills it, screens read it. All methods run on one event loop.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from tui import format as fmt
from tui.curves import Curves, Point, best_so_far
from tui.needs import Need, Needs
from tui.pages import PageQuery, Pages
from tui.reduce import reduce_trial
from tui.tail import START, LogTail
from tuned.core import events as ev
from tuned.core.states import LIVE, TERMINAL
from tuned.wire import DaemonStatus, EventRow, LogChunk, MetricRow, StudyRow, TrialDetail, TrialRow

EVENTS_KEPT = 500
WHOLE_LIMIT = 5_000
"""A study with more trials is not held as a whole: the table shows pages in the daemon's own order."""


class Store:
    """The state behind the screens.

    Args:
        clock: Unix seconds, for what is shown; tests pass their own.
        timer: Seconds, for when to fetch.

    Attributes:
        revision: Rises with every change that could be seen.
        connected: Whether the event stream is open; `problem` says why not, `stale_since` since when.
        cursor: Sequence number of the last event that was applied.
    """

    def __init__(self, clock: Callable[[], float], timer: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.needs = Needs(timer)
        self.revision = 0
        self.trials_revision = 0
        self.connected = False
        self.problem = ""
        self.stale_since: float | None = None
        self.loaded = False
        self.cursor: int | None = None
        self.status: DaemonStatus | None = None
        self.studies: dict[str, StudyRow] = {}
        self.study: str | None = None
        self.trials: dict[int, TrialRow] = {}
        self.trials_loaded = False
        self.pages: Pages | None = None
        self.selected: int | None = None
        self.pinned: list[int] = []
        self.metric: str | None = None
        self.log_wanted = False
        self.detail_wanted = False
        self.queue_wanted = False
        self.log: LogTail | None = None
        self.detail: TrialDetail | None = None
        self.queue: list[TrialRow] = []
        self.events: deque[EventRow] = deque(maxlen=EVENTS_KEPT)
        self.curves = Curves()
        self.hurry: Callable[[], None] = lambda: None

    # --- connection ---------------------------------------------------------------------------------------------

    def went_live(self) -> None:
        """The snapshot is complete and the event stream follows it."""
        self.connected, self.problem, self.stale_since, self.loaded = True, "", None, True
        self._changed()

    def went_stale(self, problem: str) -> None:
        """The daemon does not answer; what is shown grows old from now on."""
        self.problem = problem
        if self.connected or self.stale_since is None:
            self.stale_since = self.clock()
        self.connected = False
        self.needs.clear()
        self._changed()

    def need(self, kind: str, study: str = "", number: int = 0, delay: float = 0.0) -> None:
        """Ask for a fetch after `delay` seconds."""
        self.needs.add(Need(kind, study, number), delay)

    # --- selection ----------------------------------------------------------------------------------------------

    def select_study(self, name: str | None) -> None:
        """Show another study: its trials are fetched, selection and pins are dropped."""
        if name == self.study:
            return
        self.study, self.selected, self.pinned, self.metric = name, None, [], None
        self.trials, self.trials_loaded, self.log, self.detail, self.pages = {}, False, None, None, None
        self._changed(trials=True)
        if name is not None:
            self.need("trials", name)

    def select_trial(self, number: int | None) -> None:
        """Show another trial's curve, log and details."""
        if number == self.selected:
            return
        self.selected, self.detail = number, None
        if number is not None and self.study is not None:
            self._want_trial(number)
        self._changed()

    def want(self, *, log: bool, detail: bool, queue: bool) -> None:
        """Which of the costly views are visible; only those are kept fresh."""
        fresh = (log and not self.log_wanted, detail and not self.detail_wanted, queue and not self.queue_wanted)
        self.log_wanted, self.detail_wanted, self.queue_wanted = log, detail, queue
        if self.study is not None and self.selected is not None:
            if fresh[0]:
                self.need("log", self.study, self.selected)
            if fresh[1]:
                self.need("detail", self.study, self.selected)
        if fresh[2]:
            self.need("queue")

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

    # --- reading ------------------------------------------------------------------------------------------------

    @property
    def study_row(self) -> StudyRow | None:
        """The study that is shown."""
        return self.studies.get(self.study) if self.study is not None else None

    @property
    def objective(self) -> str | None:
        """The shown study's objective metric."""
        row = self.study_row
        return row.objective.metric if row and row.objective else None

    @property
    def chart_metric(self) -> str | None:
        """The metric whose curves are drawn: the one chosen, else the objective, else the first one reported."""
        if self.metric is not None:
            return self.metric
        if self.objective is not None:
            return self.objective
        names = self.metric_names()
        return names[0] if names else None

    @property
    def minimizes(self) -> bool:
        """Whether smaller is better."""
        row = self.study_row
        return not (row and row.objective and row.objective.direction == "maximize")

    @property
    def best(self) -> int | None:
        """Number of the shown study's best trial."""
        row = self.study_row
        return row.best.number if row and row.best else None

    def trial(self, number: int | None) -> TrialRow | None:
        """A trial of the shown study."""
        return self.trials.get(number) if number is not None else None

    def curve(self, number: int, metric: str | None) -> list[Point]:
        """(step, value) of a trial of the shown study in rising steps; empty while unknown."""
        return self.curves.get((self.study or "", number), metric) if metric is not None else []

    def metric_names(self) -> list[str]:
        """Names of the metrics that the selected trial reported."""
        return self.curves.names((self.study or "", self.selected or 0))

    def best_so_far(self) -> list[Point]:
        """(number of the finished trial in order of its end, best value until then) of the shown study."""
        metric = self.objective
        done = [
            (row.ended_at or 0.0, row.number, value)
            for row in self.trials.values()
            if row.state == "completed" and (value := fmt.value_of(row.values, metric)) is not None
        ]
        return best_so_far([value for _, _, value in sorted(done)], minimizes=self.minimizes)

    def counts(self, row: StudyRow) -> tuple[int, int, int]:
        """(ended, live, waiting) trials of a study."""
        ended = sum(n for state, n in row.counts.items() if state in TERMINAL)
        live = sum(n for state, n in row.counts.items() if state in LIVE)
        return ended, live, row.counts.get("queued", 0)

    @property
    def total(self) -> int:
        """How many trials the shown study has."""
        row = self.study_row
        counted = sum(row.counts.values()) if row else 0
        return counted if self.paged else max(len(self.trials), 0)

    @property
    def paged(self) -> bool:
        """Whether the shown study is too large to hold as a whole."""
        row = self.study_row
        return row is not None and sum(row.counts.values()) > WHOLE_LIMIT

    @property
    def anything_live(self) -> bool:
        """Whether some trial of the shown study runs, so that elapsed times move."""
        row = self.study_row
        return bool(row and any(row.counts.get(state, 0) for state in LIVE))

    # --- snapshots ----------------------------------------------------------------------------------------------

    def put_status(self, status: DaemonStatus) -> None:
        """The daemon's own state and its devices."""
        if status.devices != (self.status.devices if self.status else None) or self.status is None:
            self._changed()
        self.status = status

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
        """All trials of a study, or a part of them; ignored when another study is shown by now."""
        if study != self.study:
            return
        for row in rows:
            self.trials[row.number] = row
        self._changed(trials=True)

    def view_page(self, query: PageQuery, top: int, count: int, total: int) -> Pages:
        """Look at some rows of an order: what is missing is fetched."""
        if self.pages is None or self.pages.query != query:
            self.pages = Pages(query)
        for index in self.pages.wanted(top, count, total):
            self.need("page", query.study, index)
        return self.pages

    def put_page(self, query: PageQuery, index: int, rows: Sequence[TrialRow]) -> None:
        """One page of an order; ignored when another order is shown by now."""
        if self.pages is None or self.pages.query != query or query.study != self.study:
            return
        kept = {self.selected, *self.pinned}
        for row in rows:
            self.trials[row.number] = row
        for number in self.pages.put(index, [row.number for row in rows]):
            if number not in kept:
                self.trials.pop(number, None)
        self.trials_loaded = True
        self._changed(trials=True)
        self.hurry()

    def _pages_moved(self, study: str) -> None:
        if self.pages is not None:
            for index in self.pages.viewed():
                self.need("page", study, index, 1.0)

    def trials_complete(self, study: str) -> None:
        """Every page of a study's trials has been put."""
        if study == self.study and not self.trials_loaded:
            self.trials_loaded = True
            self._changed(trials=True)

    def put_detail(self, detail: TrialDetail) -> None:
        """What only a trial's own page shows."""
        row = detail.trial
        if row.study == self.study:
            self.trials[row.number] = row
            if row.number == self.selected:
                self.detail = detail
            self._changed(trials=True)

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
            self.log = LogTail(study, number, chunk.attempt)
            self._changed()
            self.hurry()
        if self.log.take(chunk):
            self._changed()
        row = self.trial(number)
        if self.log_wanted and (chunk.text or (row and row.state in LIVE)):
            self.need("log", study, number, 0.0 if len(chunk.text) >= START // 2 else 1.0)

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
        """One event of the stream: change what it tells, ask for what it does not tell."""
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
        if event.study == self.study and event.number is not None:
            self._apply_to_trial(event, event.number)

    def _apply_to_trial(self, event: EventRow, number: int) -> None:
        row = self.trials.get(number)
        changed = reduce_trial(row, event)
        if self.paged and event.type != ev.TRIAL_METRICS:
            self._pages_moved(event.study)
        if changed is None and self.paged:
            pass
        elif changed is None:
            self.need("detail", event.study, number)
        elif changed != row:
            self.trials[number] = changed
            self._changed(trials=True)
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

    def _changed(self, *, trials: bool = False) -> None:
        self.revision += 1
        if trials:
            self.trials_revision += 1


_STUDY_ORDER = {"running": 0, "draining": 0, "paused": 1}


def sort_studies(rows: Iterable[StudyRow]) -> list[StudyRow]:
    """Studies as lists show them: those that run first, by priority, then the newest."""
    return sorted(rows, key=lambda r: (_STUDY_ORDER.get(r.state, 2), -r.priority, -r.created_at, r.name))
