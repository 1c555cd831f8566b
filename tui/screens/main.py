"""The main screen: studies, trials, curves, slots, log and events, as many as the terminal has room for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from tui.cells import Line
from tui.layout import LABELS, PANES, Rect, arrange, size_class
from tui.screens.board import Board
from tui.store import sort_studies
from tui.views import curves, frame, lists, trials
from tui.widgets.pane import Build
from tuned.core.errors import TunedError
from tuned.wire import StudyRow, TrialRow

_HEADER = 2


class Main(Board):
    """What opens first."""

    scope = "main"

    def __init__(self) -> None:
        super().__init__()
        self.top = 0
        self.cursor = 0
        self.heading: int | None = None
        self.study_top = 0
        self.cursor_study: str | None = None
        self.zoomed = False
        self.sides = True
        self.before_filter = ""

    def compose(self) -> ComposeResult:
        """The panes, and the line for the filter."""
        yield from super().compose()
        field = Input(placeholder="state:run lr<1e-3 act=relu text", id="filter")
        field.cursor_blink = False
        yield field

    def on_mount(self) -> None:
        """Keys go to the panes until the filter is opened."""
        self.set_focus(None)

    # --- panes ----------------------------------------------------------------------------------------------------

    def parts(self) -> dict[str, Build]:
        """Every pane by its name."""
        views = {
            "curves": curves.curves,
            "best": curves.best_so_far,
            "devices": lists.devices,
            "log": lists.log,
            "events": lists.events,
            "facts": lists.facts,
        }
        parts: dict[str, Build] = {"tabs": self._tabs, "trials": self._trials, "studies": self._studies}
        parts.update({name: partial(self._view, name, view) for name, view in views.items()})
        return parts

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """By the size of the terminal."""
        return arrange(width, height, self.current, self.zoomed, self.sides)

    def _view(self, name: str, view: object, width: int, height: int) -> list[Line]:
        return view(self.context, width, height, self.current == name)  # type: ignore[operator,no-any-return]

    def _tabs(self, width: int, _height: int) -> list[Line]:
        status = self.context.store.status
        gpus = status is not None and any(device.kind == "gpu" for device in status.devices)
        names = [(name, "GPUs" if name == "devices" and gpus else LABELS[name]) for name in PANES]
        return [frame.tabs(self.context, names, self.current, width)]

    def _trials(self, width: int, height: int) -> list[Line]:
        self._keep_in_sight(height - _HEADER)
        return trials.build(self.context, self.top, width, height, self.current == "trials")

    def _studies(self, width: int, height: int) -> list[Line]:
        names = self._study_names()
        if self.cursor_study not in names:
            self.cursor_study = self.context.store.study
        room = max(1, (height - 1) // lists.study_lines(width))
        place = names.index(self.cursor_study) if self.cursor_study in names else 0
        self.study_top = max(min(self.study_top, place), place - room + 1, 0)
        return lists.studies(self.context, self.cursor_study, self.study_top, width, height, self.current == "studies")

    def _keep_in_sight(self, room: int) -> None:
        """Keep the cursor's trial selected and visible while rows come, go and change places."""
        store, rows = self.context.store, self.context.rows
        total = rows.total()
        if not total:
            self.top = self.cursor = 0
            return
        place = rows.place(store.selected) if self.heading is None else None
        if place is None:
            # A row that is not known yet is selected when its page has come.
            place = min(self.cursor if self.heading is None else self.heading, total - 1)
            number = rows.at(place)
            if number is not None:
                store.select_trial(number)
                self.heading = None
        self.cursor = place
        self.top = max(0, min(self.top, place, total - 1))
        self.top = max(self.top, place - max(1, room) + 1)
        self.top = max(0, min(self.top, total - room))

    def _study_names(self) -> list[str]:
        return [row.name for row in sort_studies(self.context.store.studies.values())]

    # --- what actions act on ----------------------------------------------------------------------------------------

    def chosen(self) -> StudyRow | Sequence[TrialRow]:
        """The study under the cursor while the studies have the keys, else the marked trials, else the selected one."""
        store, rows = self.context.store, self.context.rows
        if self.current == "studies" and self.cursor_study in store.studies:
            return store.studies[self.cursor_study]
        if rows.marks:
            return [store.trials[n] for n in sorted(rows.marks) if n in store.trials]
        return super().chosen()

    # --- moving -----------------------------------------------------------------------------------------------------

    def _move(self, by: int) -> None:
        match self.current:
            case "studies":
                names = self._study_names()
                if names:
                    place = names.index(self.cursor_study) if self.cursor_study in names else 0
                    self.cursor_study = names[max(0, min(place + by, len(names) - 1))]
            case "log":
                self.scroll_log(by)
            case _:
                self._select(by)

    def _select(self, by: int) -> None:
        store, rows = self.context.store, self.context.rows
        place = self.heading if self.heading is not None else rows.place(store.selected)
        place = max(0, min((place if place is not None else self.cursor) + by, rows.total() - 1))
        number = rows.at(place)
        self.heading = place if number is None else None
        if number is not None:
            store.select_trial(number)
        self.context.log.back = 0

    def _page(self) -> int:
        rect = self.panes[self.current].rect if self.current in self.panes else None
        return max(1, (rect.height - _HEADER) // 2) if rect else 5

    def do_down(self) -> None:
        """Move down."""
        self._move(1)

    def do_up(self) -> None:
        """Move up."""
        self._move(-1)

    def do_first(self) -> None:
        """Go to the first row."""
        self._move(-(10**9))

    def do_last(self) -> None:
        """Go to the last row."""
        self._move(10**9)

    def do_page_down(self) -> None:
        """Half a page down."""
        self._move(self._page())

    def do_page_up(self) -> None:
        """Half a page up."""
        self._move(-self._page())

    def do_left(self) -> None:
        """Show parameters further left."""
        self.context.first_column = max(0, self.context.first_column - 1)

    def do_right(self) -> None:
        """Show parameters further right."""
        self.context.first_column += 1

    def show(self, part: str) -> None:
        """Give the keys to a part."""
        self.current = part
        self.place()

    def _cycle(self, by: int) -> None:
        order = ["studies", *PANES] if size_class(*self.app.size) == "wide" and self.sides else list(PANES)
        place = order.index(self.current) if self.current in order else 0
        self.show(order[(place + by) % len(order)])

    def do_next_pane(self) -> None:
        """Next pane."""
        self._cycle(1)

    def do_previous_pane(self) -> None:
        """Previous pane."""
        self._cycle(-1)

    def do_pane_1(self) -> None:
        """The trials."""
        self.show("trials")

    def do_pane_2(self) -> None:
        """The curves."""
        self.show("curves")

    def do_pane_3(self) -> None:
        """The devices."""
        self.show("devices")

    def do_pane_4(self) -> None:
        """The log."""
        self.show("log")

    def do_pane_5(self) -> None:
        """The events."""
        self.show("events")

    def do_studies(self) -> None:
        """The studies, or back to the trials."""
        self.cursor_study = self.context.store.study
        self.show("trials" if self.current == "studies" else "studies")

    def do_zoom(self) -> None:
        """The current pane alone, or all again."""
        self.zoomed = not self.zoomed
        self.place()

    def do_sides(self) -> None:
        """Hide or show the side columns."""
        self.sides = not self.sides
        self.place()

    def do_open(self) -> None:
        """Show the study under the cursor, or the selected trial's own screen."""
        if self.current == "studies":
            self.context.store.select_study(self.cursor_study)
            self.top = 0
            self.show("trials")
        elif self.context.store.selected is not None:
            from tui.screens.trial import TrialScreen

            self.app.push_screen(TrialScreen())

    def do_queue(self) -> None:
        """What runs and waits, across studies."""
        from tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen())

    def do_back(self) -> None:
        """Undo one thing at a time: zoom, marks, filter, pane."""
        rows = self.context.rows
        if self.zoomed:
            self.do_zoom()
        elif rows.marks:
            rows.marks.clear()
        elif rows.filter.text:
            rows.set_filter("")
        elif self.current != "trials":
            self.show("trials")

    # --- the table --------------------------------------------------------------------------------------------------

    def do_sort_right(self) -> None:
        """Sort by the next column."""
        self.context.rows.turn_sort(1)

    def do_sort_left(self) -> None:
        """Sort by the previous column."""
        self.context.rows.turn_sort(-1)

    def do_sort_reverse(self) -> None:
        """Reverse the order."""
        self.context.rows.descending = not self.context.rows.descending

    def do_best(self) -> None:
        """Go to the best trial."""
        store = self.context.store
        if store.best is None:
            self.context.say("no trial has finished yet", "warn")
        elif store.paged:
            self.context.rows.sort, self.context.rows.descending = "value", False
            self._move(-(10**9))
        elif self.context.rows.place(store.best) is None:
            self.context.say(f"the best, #{store.best}, is hidden by the filter", "warn")
        else:
            store.select_trial(store.best)

    def do_mark(self) -> None:
        """Mark the trial and go on to the next."""
        number = self.context.store.selected
        if number is not None:
            self.context.rows.toggle_mark(number)
            self._select(1)

    def do_mark_range(self) -> None:
        """Mark from the last mark to here."""
        if self.context.store.selected is not None:
            self.context.rows.mark_range(self.context.store.selected)

    def do_mark_all(self) -> None:
        """Mark every row that is shown."""
        self.context.rows.mark_all()

    def do_unmark(self) -> None:
        """Remove all marks."""
        self.context.rows.marks.clear()

    def do_pin(self) -> None:
        """Keep the selected trial's curve in the chart."""
        number = self.context.store.selected
        if number is not None:
            pinned = self.context.store.pin(number)
            self.context.say(f"#{number} {'pinned' if pinned else 'unpinned'}", "dim")

    # --- the filter -------------------------------------------------------------------------------------------------

    def do_filter(self) -> None:
        """Open the filter's line in place of the key bar."""
        field = self.query_one("#filter", Input)
        self.before_filter = self.context.rows.filter.text
        field.value = self.before_filter
        field.styles.offset = (0, self.app.size.height - 1)
        field.styles.width = self.app.size.width
        field.add_class("open")
        field.focus()

    @on(Input.Changed, "#filter")
    def filter_typed(self, event: Input.Changed) -> None:
        """Filter while typing; what cannot be read yet leaves the last filter."""
        if not event.input.has_class("open"):
            return
        try:
            self.context.rows.set_filter(event.value)
        except TunedError:
            return
        self.sync()

    @on(Input.Submitted, "#filter")
    def filter_done(self, event: Input.Submitted) -> None:
        """Keep the filter."""
        try:
            self.context.rows.set_filter(event.value)
        except TunedError as error:
            self.context.say(str(error), "warn")
        self._close_filter()

    def _close_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.remove_class("open")
        self.set_focus(None)
        self.sync()

    def key_escape(self) -> None:
        """Leave the filter as it was before."""
        if self.query_one("#filter", Input).has_class("open"):
            self.context.rows.set_filter(self.before_filter)
            self._close_filter()

    # --- mouse ------------------------------------------------------------------------------------------------------

    def clicked(self, part: str, x: int, y: int) -> None:
        """Give the keys to the pane; select what is under the mouse."""
        if part == "tabs":
            self._click_tab(x)
            return
        if part in ("head", "best", "facts"):
            return
        self.current = part
        if part == "trials" and y >= _HEADER:
            number = self.context.rows.at(self.top + y - _HEADER)
            if number is not None:
                self.context.store.select_trial(number)
        if part == "studies" and y >= 1:
            names = self._study_names()
            rect = self.panes["studies"].rect
            place = self.study_top + (y - 1) // lists.study_lines(rect.width if rect else 80)
            if place < len(names):
                self.cursor_study = names[place]
                self.context.store.select_study(names[place])
        self.place()

    def _click_tab(self, x: int) -> None:
        used = 1
        for index, name in enumerate(PANES, start=1):
            size = len(f"{index} {LABELS[name]}") + 2
            if used <= x < used + size:
                self.show(name)
                return
            used += size

    def wheel(self, part: str, by: int) -> None:
        """Scroll the pane under the mouse."""
        if part == "trials":
            self._select(by)
        else:
            super().wheel(part, by)
