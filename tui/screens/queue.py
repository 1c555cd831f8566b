"""The running and waiting trials of all studies, in the order of their start."""

from __future__ import annotations

from collections.abc import Sequence

from tui import format as fmt
from tui import layout
from tui.cells import Line, clean, fit, fit_line
from tui.glyphs import intent_of, trial_state
from tui.layout import Rect
from tui.screens.steering import Steering
from tui.trail import Place
from tui.views import frame
from tui.widgets.pane import Build
from tuned.client.waiting import held_back
from tuned.core import words
from tuned.core.trials.ran import ran_s
from tuned.wire import TrialRow


def _start(row: TrialRow, age: float, none: str) -> str:
    """When a waiting trial will start, as far as that can be said; `age` is that of the estimate, in seconds."""
    if row.starts_in_s is None:
        return none
    left = row.starts_in_s - age
    return f"in {words.duration(left)}" if left >= 1 else "soon"


class QueueScreen(Steering):
    """The queue; priorities are changed here by the same keys as in the table."""

    scope = "queue"
    lists = ("queue",)

    def __init__(self) -> None:
        super().__init__()
        self.current = "queue"
        self.cursor: tuple[str, int] | None = None
        self.place_ = 0
        self.top = 0
        self.marks: set[tuple[str, int]] = set()
        self.range_start: int | None = None

    def parts(self) -> dict[str, Build]:
        """The list and the line of messages."""
        return {"tabs": self._tabs, "queue": self._queue}

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """The list fills the screen."""
        return {**layout.frame(width, height), "queue": Rect(0, 2, width, max(1, height - 3))}

    def wanted(self, _rects: dict[str, Rect]) -> None:
        """The queue is shown here."""
        self.context.store.want(log=False, detail=False, queue=True)

    def _tabs(self, width: int, _height: int) -> list[Line]:
        return [frame.tabs(self.context, [], "", width)]

    def _queue(self, width: int, height: int) -> list[Line]:
        glyphs, queue = self.context.glyphs, self.context.store.queue
        self._follow(height - 2)
        extra = f"{len(self.marks)} marked" if self.marks else ""
        lines = [frame.pane_title(f"Queue {len(queue)}", extra, width, glyphs, True)]
        lines.append(
            fit_line([("   STUDY                TRIAL  STATE     PRI ORIGIN         TIME  PARAMETERS", "dim")], width)
        )
        for index, row in enumerate(queue[self.top : self.top + height - 2], start=self.top):
            lines.append(self._row(row, index == self.place_, width))
        if not queue:
            lines += [fit_line((), width), fit_line([("   " + self._nothing(), "dim")], width)]
        return (lines + [fit_line((), width)] * height)[:height]

    def _nothing(self) -> str:
        """The words in place of an empty queue; trials of paused studies are not in it."""
        held = sum(held_back(study) for study in self.context.store.studies.values())
        if not held:
            return "Nothing runs and nothing waits"
        return f"Nothing runs; {words.count(held, 'trial')} of paused studies {'waits' if held == 1 else 'wait'}"

    def _row(self, row: TrialRow, here: bool, width: int) -> Line:
        glyphs = self.context.glyphs
        state, style = trial_state(glyphs, row.state, intent_of(row), row.failure)
        now, since = self.context.store.clock(), self.context.store.queue_at
        seconds = ran_s(row, now)
        elapsed = _start(row, now - since, glyphs.none) if seconds is None else words.duration(seconds)
        params = clean(row.question) or " ".join(f"{clean(n)}={fmt.param(v)}" for n, v in row.params.items())
        base = "cursor" if here else "text"
        mark = glyphs.mark if (row.study, row.number) in self.marks else " "
        return fit_line(
            [
                (glyphs.cursor if here and mark == " " else mark, base if here else "mark"),
                ("  " + fit(clean(row.study), 20, more=glyphs.more) + fit(f"#{row.number}", 6, ">") + "  ", base),
                (fit(state, 10), base if here else style),
                (fit(str(row.priority), 3, ">") + " " + fit(row.origin, 8) + fit(elapsed, 10, ">") + "  ", base),
                (fit(params, max(0, width - 63), more=glyphs.more), base),
            ],
            width,
        )

    def _follow(self, room: int) -> None:
        """Keep the cursor on its trial while the queue moves."""
        keys = [(row.study, row.number) for row in self.context.store.queue]
        if self.cursor in keys:
            self.place_ = keys.index(self.cursor)
        self.place_ = max(0, min(self.place_, len(keys) - 1))
        self.cursor = keys[self.place_] if keys else None
        self.marks &= set(keys)
        self.top = max(0, min(self.top, self.place_), self.place_ - max(1, room) + 1)

    def chosen(self) -> Sequence[TrialRow]:
        """The marked trials, else the one under the cursor."""
        queue = self.context.store.queue
        marked = [row for row in queue if (row.study, row.number) in self.marks]
        return marked or queue[self.place_ : self.place_ + 1]

    def study_in_sight(self) -> str | None:
        """The study of the trial under the cursor."""
        return self.cursor[0] if self.cursor is not None else super().study_in_sight()

    def move(self, by: int) -> None:
        """Move the cursor."""
        queue = self.context.store.queue
        if queue:
            self.place_ = max(0, min(self.place_ + by, len(queue) - 1))
            self.cursor = (queue[self.place_].study, queue[self.place_].number)

    def do_mark(self) -> None:
        """Mark the trial and go on."""
        if self.cursor is not None:
            self.marks ^= {self.cursor}
            self.range_start = self.place_
            self.move(1)

    def do_mark_range(self) -> None:
        """Mark from the last mark to here."""
        low, high = sorted((self.range_start if self.range_start is not None else self.place_, self.place_))
        self.marks |= {(row.study, row.number) for row in self.context.store.queue[low : high + 1]}

    def do_mark_all(self) -> None:
        """Mark everything."""
        self.marks = {(row.study, row.number) for row in self.context.store.queue}

    def do_unmark(self) -> None:
        """Remove all marks."""
        self.marks.clear()

    def do_open(self) -> None:
        """Show the trial in its study."""
        if self.cursor is None:
            return
        row, rows = self.context.store.queue[self.place_], self.context.rows
        self.leave()
        self._show_place(Place(row.study, row.number))
        if not rows.filter.matches(row, self.context.store.columns):
            rows.set_filter("")
            self.context.say(f"the filter hid #{row.number}; it is gone", "dim")

    def do_back(self) -> None:
        """Remove marks, then go back."""
        if self.marks:
            self.marks.clear()
        else:
            self.app.pop_screen()

    def clicked(self, part: str, _x: int, y: int) -> None:
        """Select the row under the mouse."""
        if part == "queue" and y >= 2:
            self.place_ = self.top + y - 2
            self.move(0)
