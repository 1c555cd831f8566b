"""One trial: its curves beside the best one, parameters, why it was suggested, log, events."""

from __future__ import annotations

from tui import format as fmt
from tui.cells import Line, both_ends, clean, cut_line, line
from tui.glyphs import intent_of, trial_state
from tui.layout import Rect, size_class
from tui.screens.steering import Steering
from tui.steps import is_aside
from tui.views import curves, frame, output, trial
from tui.widgets.pane import Build

_PANES = (("curves", "Curve"), ("parameters", "Params"), ("log", "Log"), ("history", "History"))


class TrialScreen(Steering):
    """The selected trial's own page."""

    scope = "trial"
    numbered = tuple(name for name, _ in _PANES)
    lists = ("parameters", "history")

    def __init__(self) -> None:
        super().__init__()
        self.current = "curves"
        self.tops: dict[str, int | None] = {"parameters": 0, "history": None}  # None: the end, also of what comes
        self.ends = dict.fromkeys(self.tops, 0)

    def parts(self) -> dict[str, Build]:
        """Its panes."""
        parts: dict[str, Build] = {"title": self._title, "tabs": self._tabs}
        parts |= {"parameters": self._parameters, "history": self._history}
        return parts | self.drawn_by(curves=curves.curves, log=output.log)

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """Narrow: curve and parameters above the log; small: one pane; large: with the history."""
        kind = size_class(width, height)
        parts = {"head": Rect(0, 0, width, 1), "keys": Rect(0, height - 1, width, 1), "title": Rect(0, 1, width, 1)}
        top, bottom = 2, height - 1
        if kind == "minimal":
            parts[self.current] = Rect(0, top, width, bottom - top)
            return parts
        parts["tabs"] = Rect(0, 2, width, 1)
        top = 3
        body = bottom - top
        side = max(28, width * 3 // 10)
        if kind == "narrow" and self.current == "history":
            parts["history"] = Rect(0, top, width, body)
            return parts
        log = body * 3 // 4 if self.current == "log" else max(5, body * 2 // 5)
        low = max(5, log // 3) if kind != "narrow" else 0
        upper = body - log
        parts["curves"] = Rect(0, top, width - side, upper)
        parts["parameters"] = Rect(width - side, top, side, body - low if kind != "narrow" else upper)
        parts["log"] = Rect(0, top + upper, width - side if kind != "narrow" else width, log - low)
        if low:
            parts["history"] = Rect(0, bottom - low, width, low)
        return parts

    def wanted(self, rects: dict[str, Rect]) -> None:
        """The log and the details are shown here."""
        self.context.store.want(log="log" in rects, detail=True, queue=False)

    def _title(self, width: int, _height: int) -> list[Line]:
        store, glyphs = self.context.store, self.context.glyphs
        row = store.trial(store.selected)
        if row is None:
            gone = f" this trial is gone; {self.context.key('back')} goes back"
            return [both_ends(line((gone, "warn")), (), width, glyphs.more)]
        state, style = trial_state(glyphs, row.state, intent_of(row), row.failure)
        ink = self.context.inks().get(row.number)
        left = line(
            (glyphs.curve if ink else " ", ink or "text"),
            (f"{clean(row.study)} {glyphs.arrow} ", "text"),
            (f"#{row.number} ", "strong"),
            (state, style),
            (f"  {row.stage}" if is_aside(row) else "", "title"),
            (f"  step {fmt.step(row.last_step)}" if row.last_step is not None else "", "text"),
        )
        value = fmt.number(fmt.value_of(row.values, store.objective))
        rank = self.context.rows.rank(row.number)
        right = [f"value {value}"] if value else []
        if rank:
            right.append(f"rank {rank[0]}/{rank[1]}")
        return [both_ends(left, line((f" {glyphs.dot} ".join(right) + " ", "best")), width, glyphs.more)]

    def _tabs(self, width: int, _height: int) -> list[Line]:
        return [frame.tabs(self.context, _PANES, self.current, width)]

    def _scrolled(self, part: str, title: str, lines: list[Line], width: int, height: int) -> list[Line]:
        """The lines that are in sight below a title, which says which these are."""
        room, focused, first = max(1, height - 1), self.current == part, self.tops[part]
        end = self.ends[part] = max(0, len(lines) - room)
        top = end if first is None else min(first, end)
        extra = f"{top + 1}-{top + room} of {len(lines)}" if focused and len(lines) > room else ""
        head = frame.pane_title(title, extra, width, self.context.glyphs, focused)
        return frame.filled([head, *lines[top : top + room]], width, height)

    def _parameters(self, width: int, height: int) -> list[Line]:
        lines = trial.parameters(self.context, width, whole=self.current == "parameters")
        return self._scrolled("parameters", "Parameters", lines, width, height)

    def _history(self, width: int, height: int) -> list[Line]:
        store = self.context.store
        detail = store.detail
        past = trial.attempts(detail) if detail is not None and detail.trial.number == store.selected else []
        mine = [e for e in store.events if e.study == store.study and e.number == store.selected]
        told = past + [output.event_line(self.context, event) for event in mine]
        more = self.context.glyphs.more
        lines = [cut_line(text, width, more) for text in told] or [line((" it has not started", "dim"))]
        return self._scrolled("history", "History", lines, width, height)

    # --- actions ----------------------------------------------------------------------------------------------------

    def do_back(self) -> None:
        """End the search, then back to the table."""
        if self.context.log.search and self.current == "log":
            self.do_follow()
        elif self.current == "curves" and self.leave_chart():
            return
        else:
            self.app.pop_screen()

    def do_left(self) -> None:
        """Move the line in the chart."""
        self.move_cross(-1)

    def do_right(self) -> None:
        """Move the line in the chart."""
        self.move_cross(1)

    def move(self, by: int) -> None:
        """The lines of the pane that has the keys; beside the curve, the trials of the table."""
        if self.current == "log":
            self.scroll_log(by)
            return
        if self.current in self.tops:
            first, end = self.tops[self.current], self.ends[self.current]
            top = max(0, min((end if first is None else first) + by, end))
            self.tops[self.current] = None if self.current == "history" and top == end else top
            return
        store, rows = self.context.store, self.context.rows
        place = rows.place(store.selected)
        number = rows.at(max(0, min(place + by, rows.total() - 1))) if place is not None else None
        if number is not None:
            store.select_trial(number)

    def clicked(self, part: str, _x: int, _y: int) -> None:
        """Give the keys to the pane."""
        if part in dict(_PANES):
            self.show(part)
