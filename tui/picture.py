"""The UI's picture of the daemon, and the questions that every view asks about it.

Owns the data and the list of what must be fetched again. How they change is `tui.store`'s; no widgets, no socket.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from tui.curves import Curves, Point
from tui.log_window import LogWindow
from tui.needs import Need, Needs
from tui.news import News
from tui.pages import Pages
from tui.stairs import Stairs
from tui.trends import Trends
from tuned.core.ranking import Ranking
from tuned.core.states import LIVE, TERMINAL
from tuned.core.study import Constraint
from tuned.core.trials.filter import Columns
from tuned.wire import DaemonStatus, EventRow, SpacePage, StudyRow, TrialDetail, TrialRow

EVENTS_KEPT = 500
PINS_DRAWN = 3


class Picture:
    """The state behind the screens.

    Args:
        clock: Unix seconds, for times on the screen; tests pass their own.
        timer: Seconds, for when to fetch.

    Attributes:
        revision: Rises with every change that could be seen.
        connected: Whether the event stream is open; `problem` says why not, `stale_since` since when.
        cursor: Sequence number of the last event that was applied.
        sought: The trial whose row in the order is asked for; `found` is that row, until the table has gone there.
        front: Trials that no other one beats in all objectives, where there are several.
        kept: Trials that must not be forgotten, whichever page they are on.
    """

    def __init__(self, clock: Callable[[], float], timer: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.needs = Needs(timer)
        self.revision = 0
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
        self.sought: int | None = None
        self.found: int | None = None
        self.pinned: list[int] = []
        self.metric: str | None = None
        self.log_wanted = False
        self.detail_wanted = False
        self.queue_wanted = False
        self.insight_wanted = False
        self.space_wanted = False
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.answer_problems: dict[str, str] = {}
        self.space: SpacePage | None = None
        self.log: LogWindow | None = None
        self.detail: TrialDetail | None = None
        self.queue: list[TrialRow] = []
        self.queue_at = 0.0
        self.events: deque[EventRow] = deque(maxlen=EVENTS_KEPT)
        self.curves = Curves()
        self.stairs = Stairs()
        self.front: set[int] = set()
        self.trends = Trends()
        self.news = News()
        self.kept: Callable[[], Collection[int]] = tuple
        self.hurry: Callable[[], None] = lambda: None
        self.tell: Callable[[str], None] = lambda _: None

    def need(self, kind: str, study: str = "", number: int = 0, delay: float = 0.0) -> None:
        """Ask for a fetch after `delay` seconds."""
        self.needs.add(Need(kind, study, number), delay)

    def _changed(self) -> None:
        self.revision += 1

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

    @property
    def drawn(self) -> list[int]:
        """The trials whose curves are drawn: pinned ones, the best one, the selected one last."""
        chosen = self.selected if self.selected is not None else self.best
        pinned = [number for number in self.pinned if number not in (chosen, self.best)][:PINS_DRAWN]
        return [*pinned, *(n for n in dict.fromkeys((self.best, chosen)) if n is not None)]

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
        return self.stairs.points(self.study)

    @property
    def ranking(self) -> Ranking:
        """The order of the shown study's trials."""
        row = self.study_row
        if row is None or row.objective is None:
            return Ranking(None)
        bounds = tuple(Constraint(c.metric, c.at_most, c.at_least) for c in row.constraints)
        return Ranking(row.objective.metric, "minimize" if self.minimizes else "maximize", bounds)

    @property
    def columns(self) -> Columns:
        """The names by which trials of the shown study can be filtered."""
        row = self.study_row
        if row is None:
            return Columns()
        objectives = row.objectives or ([row.objective] if row.objective else [])
        metrics = dict.fromkeys([*(o.metric for o in objectives), *(c.metric for c in row.constraints)])
        return Columns(row.parameters, tuple(metrics))

    def counts(self, row: StudyRow) -> tuple[int, int, int]:
        """(ended, live, waiting) trials of a study."""
        ended = sum(n for state, n in row.counts.items() if state in TERMINAL)
        live = sum(n for state, n in row.counts.items() if state in LIVE)
        return ended, live, row.counts.get("queued", 0)

    @property
    def total(self) -> int:
        """How many trials the shown study has."""
        row = self.study_row
        return sum(row.counts.values()) if row else 0

    @property
    def anything_live(self) -> bool:
        """Whether some trial of the shown study runs, so that elapsed times move."""
        row = self.study_row
        return bool(row and any(row.counts.get(state, 0) for state in LIVE))


_STUDY_ORDER = {"running": 0, "draining": 0, "paused": 1}
STUDY_SORTS: dict[str, Callable[[StudyRow], Any]] = {
    "watch": lambda _: (),
    "name": lambda r: (r.name.lower(), r.name),
    "state": lambda r: r.state,
    "newest": lambda r: -r.created_at,
    "priority": lambda r: -r.priority,
    "progress": lambda r: -r.finished / (r.total or max(1, r.finished)),
    "left": lambda r: r.eta_s if r.eta_s is not None else math.inf,
}
"""Order of the list of studies -> its key; `watch` alone keeps plain commands apart, the last."""


def is_command(row: StudyRow) -> bool:
    """Whether it is a plain command; its command line is its question then."""
    return row.objective is None and not row.parameters


def sort_studies(rows: Iterable[StudyRow], by: str = "watch", reverse: bool = False) -> list[StudyRow]:
    """Studies as lists show them: those that run first, by priority, then the newest."""
    usual = sorted(
        rows, key=lambda r: (is_command(r), _STUDY_ORDER.get(r.state, 2), -r.priority, -r.created_at, r.name)
    )
    return sorted(usual, key=STUDY_SORTS.get(by, STUDY_SORTS["watch"]), reverse=reverse)
