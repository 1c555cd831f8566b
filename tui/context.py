"""State that the screens share beside the store: options, table rows, how charts and logs are drawn, the message.

Owns view state that outlives a screen. No widgets, no socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.actions import BY_ID, shown
from tui.braille import Range
from tui.colours import Colours
from tui.config import Config
from tui.glyphs import UNICODE, Glyphs
from tui.memory import Memory
from tui.picture import sort_studies
from tui.rows import Rows
from tui.store import Store
from tui.trail import Trail
from tuned.core.states import STUDY_ENDED
from tuned.wire import StudyRow

MESSAGE_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the UI was started."""

    read_only: bool = False
    ascii: bool = False
    study: str | None = None
    period: float = 0.5
    host: str | None = None
    """`ssh://...` of the machine whose daemon is shown; None: this one."""
    config: Config = field(default_factory=Config)


@dataclass(slots=True)
class LogView:
    """How the log is shown: `search` is marked in it, `found` is the byte at which its last match begins."""

    wrap: bool = False
    search: str = ""
    found: int = 0


@dataclass(slots=True)
class ChartView:
    """How charts are drawn; `log` None chooses by the data, `ranges` keeps axes still (see `braille.fit_range`).

    Attributes:
        cross: The step at which values are read; None: the last of each curve.
        smooth: Weight of the past in the moving average that is drawn; 0: the values themselves.
        zoom: First and last x that are drawn; None: all.
        clock: Whether x is the time since a trial's first report instead of its steps.
        grid: Whether each metric of the trial has a chart of its own.
    """

    log: bool | None = None
    cross: float | None = None
    smooth: float = 0.0
    zoom: tuple[float, float] | None = None
    clock: bool = False
    grid: bool = False
    ranges: dict[str, Range] = field(default_factory=dict)


@dataclass(slots=True)
class Context:
    """Everything a view may read."""

    store: Store
    rows: Rows
    options: Options
    glyphs: Glyphs = UNICODE
    log: LogView = field(default_factory=LogView)
    event: int | None = None
    """Sequence number of the event under the cursor; None follows the newest one."""
    device: str | None = None
    """The slot under the cursor; None: the first."""
    trail: Trail = field(default_factory=Trail)
    studies: set[str] = field(default_factory=set)
    """Names of marked studies."""
    studies_reversed: bool = False
    found: dict[str, str] = field(default_factory=dict)
    """Pane beside the trials' -> the words that its lines must hold."""
    chart: ChartView = field(default_factory=ChartView)
    colours: Colours = field(default_factory=Colours)
    message: str = ""
    message_style: str = "good"
    message_until: float = 0.0
    memory: Memory = field(default_factory=Memory)
    widths: dict[str, int] = field(default_factory=dict)
    widths_study: str | None = None
    first_column: int = 0
    constant: frozenset[str] = frozenset()
    constant_key: object = None

    def styles(self) -> dict[int, str]:
        """The colours of the trials that the chart is about: one that reported nothing yet has its colour already."""
        return self.colours.assign(self.store.study, self.store.drawn)

    def inks(self) -> dict[int, str]:
        """The colours of the trials whose curves are drawn, which is said wherever these trials are named."""
        store = self.store
        metrics = store.metric_names() if self.chart.grid else [store.chart_metric]
        return {n: style for n, style in self.styles().items() if any(store.curve(n, metric) for metric in metrics)}

    def key(self, action: str) -> str:
        """The key of an action, as people read it."""
        return shown(self.keys(action)[0])

    def keys(self, action: str) -> tuple[str, ...]:
        """The keys of an action: those that were given, else its own."""
        return self.options.config.keys.get(action, BY_ID[action].keys)

    def passes(self, pane: str, text: str) -> bool:
        """Whether a line passes the filter of its pane: it holds each word, or holds it not behind a `!`."""
        words = self.found.get(pane, "").lower().split()
        return all((word.removeprefix("!") in text.lower()) != word.startswith("!") for word in words)

    def listed(self) -> list[StudyRow]:
        """The studies of the list: its filter, its order, those that have ended only where these are wanted."""
        memory = self.memory
        rows = [
            row
            for row in self.store.studies.values()
            if not (memory.hide_ended and row.state in STUDY_ENDED)
            and self.passes("studies", f"{row.name} {row.state} {row.question} {row.note}")
        ]
        return sort_studies(rows, memory.study_sort, self.studies_reversed)

    def say(self, text: str, style: str = "good") -> None:
        """Show the result of the user's action for a few seconds."""
        self.message, self.message_style = text, style
        self.message_until = self.store.clock() + MESSAGE_SECONDS
        self.store.revision += 1

    def current_message(self) -> tuple[str, str] | None:
        """The message while it is fresh, with its style."""
        if self.message and self.store.clock() < self.message_until:
            return self.message, self.message_style
        self.message = ""
        return None
