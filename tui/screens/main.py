"""The main screen: studies, trials, curves, slots, log and events, as many as the terminal has room for."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from tui.cells import Line
from tui.layout import LABELS, PANES, Rect, arrange, size_class
from tui.screens.table import SEEN, TableActions
from tui.views import curves, frame, machine, output, studies, trials
from tui.widgets.field import Field
from tui.widgets.pane import Build
from tuned.wire import StudyRow, TrialRow

_HEADER = 2


class Main(TableActions):
    """The first screen."""

    scope = "main"
    numbered = PANES
    lists = ("studies", "trials", "devices", "events")

    def __init__(self) -> None:
        super().__init__()
        self.top = 0
        self.cursor = 0
        self.heading: int | None = None
        self.study_top = 0
        self.cursor_study: str | None = None
        self.zoomed = False

    def compose(self) -> ComposeResult:
        """The panes, and the line for the filter."""
        yield from super().compose()
        yield Field(placeholder="state:run lr<1e-3 act=relu text", id="filter")

    def on_mount(self) -> None:
        """Keys go to the panes until the filter is opened."""
        self.set_focus(None)
        self.current = self.context.options.config.view

    # --- panes ----------------------------------------------------------------------------------------------------

    def parts(self) -> dict[str, Build]:
        """Every pane by its name."""
        parts: dict[str, Build] = {"tabs": self._tabs, "trials": self._trials, "studies": self._studies}
        return parts | self.drawn_by(
            curves=curves.curves,
            best=curves.best_so_far,
            devices=machine.devices,
            log=output.log,
            events=output.events,
            facts=studies.facts,
        )

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """By the size of the terminal."""
        return arrange(width, height, self.current, self.zoomed, self.context.memory.sides)

    def _tabs(self, width: int, _height: int) -> list[Line]:
        status = self.context.store.status
        gpus = status is not None and any(device.kind == "gpu" for device in status.devices)
        names = [(name, "GPUs" if name == "devices" and gpus else LABELS[name]) for name in PANES]
        return [frame.tabs(self.context, [("studies", "Studies"), *names], self.current, width, first=0)]

    def _trials(self, width: int, height: int) -> list[Line]:
        self._keep_in_sight(height - _HEADER)
        return trials.build(self.context, self.top, width, height, self.current == "trials")

    def _studies(self, width: int, height: int) -> list[Line]:
        self._point_at_study()
        names = self._study_names()
        room = max(1, (height - 1) // studies.study_lines(width))
        place = names.index(self.cursor_study) if self.cursor_study in names else 0
        self.study_top = max(min(self.study_top, place), place - room + 1, 0)
        return studies.studies(
            self.context, self.cursor_study, self.study_top, width, height, self.current == "studies"
        )

    def _point_at_study(self) -> None:
        """Keep the list's cursor on a study that it shows; without the keys it points at the study that is shown."""
        names, shown = self._study_names(), self.context.store.study
        if self.current != "studies":
            self.cursor_study = shown
        elif self.cursor_study not in names:
            self.cursor_study = shown if shown in names else next(iter(names), None)

    def _keep_in_sight(self, room: int) -> None:
        """Keep the cursor's trial selected and visible while rows come, go and change places."""
        store, rows = self.context.store, self.context.rows
        total = rows.total()
        if not total:
            self.top = self.cursor = 0
            return
        if store.found is not None:
            self.heading, store.found = store.found, None
        place = rows.place(store.selected) if self.heading is None else None
        if place is None and store.sought is not None:
            place = min(self.cursor, total - 1)
        elif place is None:
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

    def study_here(self) -> str:
        """The study under the cursor of the list."""
        return self.cursor_study or ""

    def _study_names(self) -> list[str]:
        return [row.name for row in self.context.listed()]

    # --- the targets of actions --------------------------------------------------------------------------------------

    def chosen(self) -> StudyRow | Sequence[TrialRow]:
        """The study under the cursor while the studies have the keys, else the marked trials, else the selected one."""
        store, rows = self.context.store, self.context.rows
        if self.current == "studies":
            return store.studies.get(self.cursor_study or "", ())
        if not SEEN & self.shown():
            return ()
        if "trials" not in self.shown():
            return super().chosen()
        marked = [store.trials[n] for n in sorted(rows.marks) if n in store.trials]
        # Marks that the filter hides, or another pane, are kept, and nothing is done to what is not seen.
        if seen := [row for row in marked if rows.filter.matches(row, store.columns)]:
            return seen
        return super().chosen()

    # --- moving -----------------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Move the cursor of the pane that has the keys."""
        match self.current:
            case "studies":
                names = self._study_names()
                if names:
                    place = names.index(self.cursor_study) if self.cursor_study in names else 0
                    self.cursor_study = names[max(0, min(place + by, len(names) - 1))]
            case "log":
                self.scroll_log(by)
            case "events":
                told = output.told_events(self.context)
                place = max(0, min(output.event_place(self.context) + by, len(told) - 1))
                self.context.event = told[place].seq if place < len(told) - 1 else None
            case "devices":
                self._move_device(by)
            case _:
                self.select(by)

    def _move_device(self, by: int) -> None:
        status, here = self.context.store.status, machine.chosen(self.context)
        if status is not None and here is not None:
            place = max(0, min(status.devices.index(here) + by, len(status.devices) - 1))
            self.context.device = status.devices[place].id

    def select(self, by: int) -> None:
        """Move the table's cursor."""
        store, rows = self.context.store, self.context.rows
        place = self.heading if self.heading is not None else rows.place(store.selected)
        place = max(0, min((place if place is not None else self.cursor) + by, rows.total() - 1))
        number = rows.at(place)
        self.heading = place if number is None else None
        if number is not None:
            store.select_trial(number)

    def go_to(self, number: int) -> None:
        """Move the table's cursor to a trial, whichever page it is on."""
        store = self.context.store
        store.select_trial(number)
        if self.context.rows.place(number) is None:
            store.seek(number)

    def page(self) -> int:
        """Half of the pane's rows."""
        pane = self.panes.get(self.current)
        rect = pane.rect if pane else None
        return max(1, (rect.height - _HEADER) // 2) if rect else 5

    def cycle(self) -> list[str]:
        """The panes by their numbers, before them the studies where these are beside the trials."""
        beside = size_class(*self.app.size) == "wide" and self.context.memory.sides
        return ["studies", *PANES] if beside else list(PANES)

    def do_studies(self) -> None:
        """The studies, or back to the trials."""
        self.show("trials" if self.current == "studies" else "studies")

    def show(self, part: str) -> None:
        """Give the keys to a part; the list of studies begins at the one that is shown."""
        if self.current != "studies":
            self.cursor_study = self.context.store.study
        super().show(part)

    def do_zoom(self) -> None:
        """The current pane alone, or all again."""
        self.zoomed = not self.zoomed
        self.place()

    def do_sides(self) -> None:
        """Hide or show the side columns."""
        self.context.memory.sides = not self.context.memory.sides
        self.place()

    def do_open(self) -> None:
        """Show the study under the cursor, or the selected trial's own screen."""
        if self.current == "studies":
            if self.cursor_study is None:
                return
            self.leave()
            self.context.store.select_study(self.cursor_study)
            self.top = 0
            self.show("trials")
        elif self.current == "events":
            self._open_event()
        elif self.current == "devices":
            self._open_held()
        elif self.context.store.selected is not None:
            self.leave()
            self.tuned.open("trial")

    def _open_event(self) -> None:
        """Show the trial, or the study, that the event under the cursor is about."""
        told = output.told_events(self.context)
        if not told:
            return
        row = told[output.event_place(self.context)]
        self.visit(row.study, row.number)

    def _open_held(self) -> None:
        """Show the trial that holds the slot under the cursor."""
        device = machine.chosen(self.context)
        study, _, number = (device.held_by if device is not None else "").partition("/")
        if number.isdecimal():
            self.visit(study, int(number))
        else:
            self.context.say("no trial of ours holds this slot", "warn")

    def do_back(self) -> None:
        """Undo one thing at a time: zoom, marks, filter, pane."""
        rows = self.context.rows
        if self.leave_filter():
            return
        if self.context.log.search and self.current == "log":
            self.do_follow()
        elif self.current == "curves" and self.leave_chart():
            return
        elif self.zoomed:
            self.do_zoom()
        elif rows.marks and self.current != "studies":
            rows.marks.clear()
        elif self.context.studies and self.current == "studies":
            self.context.studies.clear()
        elif self.context.found.get(self.current):
            del self.context.found[self.current]
        elif rows.filter.text and self.current != "studies":
            rows.set_filter("")
        elif self.current != "trials":
            self.show("trials")

    # --- mouse ------------------------------------------------------------------------------------------------------

    def clicked(self, part: str, _x: int, y: int) -> None:
        """Give the keys to the pane; select the row under the mouse."""
        if part in ("head", "best", "facts"):
            return
        self.current = part
        if part == "trials" and y >= _HEADER:
            number = self.context.rows.at(self.top + y - _HEADER)
            if number is not None:
                self.context.store.select_trial(number)
        rect = self.panes[part].rect
        if part == "events" and y >= 1 and rect is not None:
            told = output.told_events(self.context)
            place = output.first_event(self.context, rect.height) + y - 1
            if place < len(told):
                self.context.event = told[place].seq if place < len(told) - 1 else None
        if part == "devices" and rect is not None:
            self.context.device = machine.device_at(self.context, rect.width, rect.height, y) or self.context.device
        if part == "studies" and y >= 1:
            names = self._study_names()
            place = self.study_top + (y - 1) // studies.study_lines(rect.width if rect else 80)
            if place < len(names):
                self.cursor_study = names[place]
                self.context.store.select_study(names[place])
        self.place()
