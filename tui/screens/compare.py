"""Two to four marked trials side by side: parameters, values and curves; differences stand out."""

from __future__ import annotations

from typing import Any

from tui import format as fmt
from tui import layout
from tui.braille import Series, fit_range, legend, plot, use_log
from tui.cells import Line, Span, clean, fit, fit_line, line
from tui.glyphs import intent_of, trial_state
from tui.layout import Rect
from tui.screens.browsing import Browsing
from tui.views import frame
from tui.views.frame import filled
from tui.widgets.pane import Build
from tuned.core import words
from tuned.core.trials.ran import ran_s
from tuned.wire import TrialRow

MOST = 4


class Compare(Browsing):
    """A page for a few trials.

    Args:
        numbers: Trials of the study that is shown; the first `MOST` have room.
    """

    scope = "compare"

    def __init__(self, numbers: list[int]) -> None:
        super().__init__()
        self.current = "table"
        self.numbers, self.asked = numbers[:MOST], len(numbers)

    def on_mount(self) -> None:
        """Fetch the curves, and the rows of trials that are on no known page."""
        store = self.context.store
        for number in self.numbers:
            store.want_curve(number)
            if store.study is not None and store.trial(number) is None:
                store.need("detail", store.study, number)

    def parts(self) -> dict[str, Build]:
        """The table above the curves."""
        return {"tabs": self._tabs, "table": self._table, "curves": self._curves}

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """The table has its lines, the curves the rest; side by side where it is wide."""
        parts = layout.frame(width, height)
        body = max(1, height - 3)
        if width >= 120:
            left = width // 2
            parts["table"] = Rect(0, 2, left, body)
            parts["curves"] = Rect(left, 2, width - left, body)
            return parts
        needed = min(len(self._names()) + 8, body if body < 14 else body - 8)
        parts["table"] = Rect(0, 2, width, needed)
        if body - needed > 3:
            parts["curves"] = Rect(0, 2 + needed, width, body - needed)
        return parts

    def _names(self) -> list[str]:
        row = self.context.store.study_row
        return list(row.parameters) if row else []

    def _styles(self) -> dict[int, str]:
        return self.context.colours.assign(self.context.store.study, self.numbers)

    def _tabs(self, width: int, _height: int) -> list[Line]:
        return [frame.tabs(self.context, [], "", width)]

    def _table(self, width: int, height: int) -> list[Line]:
        store, glyphs = self.context.store, self.context.glyphs
        rows = [row for number in self.numbers if (row := store.trial(number)) is not None]
        shown = f"the first {MOST} of {self.asked} marked" if self.asked > MOST else ""
        title = "Compare " + " ".join(f"#{row.number}" for row in rows)
        lines = [frame.pane_title(title, shown, width, glyphs, True)]
        cell = max(8, (width - 16) // max(1, len(rows)))

        def add(name: str, values: list[Any], styles: list[str] | None = None) -> None:
            texts = [fmt.param_exact(value) if value is not None else glyphs.none for value in values]
            style = "strong" if len(set(texts)) > 1 else "dim"
            chosen = styles or [style] * len(texts)
            spans: list[Span] = [(" " + fit(clean(name), 13, more=glyphs.more) + " ", "dim")]
            spans += [(fit(text, cell - 1, more=glyphs.more) + " ", s) for text, s in zip(texts, chosen, strict=True)]
            lines.append(line(*spans))

        inks, metric = self._styles(), store.chart_metric
        signs = {n: glyphs.curve if store.curve(n, metric) else " " for n in self.numbers}
        add("trial", [f"{signs[row.number]} #{row.number}" for row in rows], [inks[row.number] for row in rows])
        states = [trial_state(glyphs, row.state, intent_of(row), row.failure) for row in rows]
        add("state", [text for text, _ in states], [style for _, style in states])
        values = [fmt.value_of(row.values, store.objective) for row in rows]
        best = store.ranking.ranked(rows)[:1]
        add(store.objective or "value", values, ["best" if [row] == best else "text" for row in rows])
        for name in self._names():
            add(name, [row.params.get(name) for row in rows])
        add("step", [row.last_step for row in rows])
        add("ran", [_ran(row) for row in rows])
        add("origin", [row.origin for row in rows])
        return filled(lines, width, height)

    def _curves(self, width: int, height: int) -> list[Line]:
        store, glyphs = self.context.store, self.context.glyphs
        metric = store.chart_metric
        series = [Series(f"#{n}", store.curve(n, metric), style) for n, style in self._styles().items()]
        series = [s for s in series if s.points]
        log = self.context.chart.log if self.context.chart.log is not None else use_log(series)
        lines = [frame.pane_title("Curves", clean(metric or ""), width, glyphs, False)]
        if height >= 7 and series:
            lines.append(legend(series, width, glyphs))
        body = height - len(lines)
        lines += plot(series, width, body, glyphs, log=log, y_range=fit_range(series, log), x_name="step")
        return [fit_line(text, width) for text in lines[:height]]

    def do_back(self) -> None:
        """Back to the table."""
        self.app.pop_screen()


def _ran(row: TrialRow) -> str | None:
    return None if row.ended_at is None else words.duration(ran_s(row, row.ended_at))
