"""Actions on the table itself: filter, order, columns, marks, pins; and those that start from its marks."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from tui import acting
from tui.actions import BY_ID, Action
from tui.picture import STUDY_SORTS
from tui.screens.menu import Choice, Menu
from tui.screens.steering import Steering
from tui.views.trials import optional
from tui.widgets.field import Field
from tuned.client import api
from tuned.core import words
from tuned.core.errors import InvalidInput, TunedError
from tuned.wire import StudyRow

SEEN = {"trials", "curves", "log"}
"""Panes that show the selected trial, or name it."""

_MARKS = frozenset({"mark", "mark-range", "mark-all"})
_OF_TRIAL = frozenset({"pin", "edit", "copy", "save-log", "compare"})
_OF_STUDY = frozenset({"new", "insight", "space", "steps", "failures", "commands", "best"})

WORDED = ("events", "studies")
"""Panes that words filter; the trials have a language of their own."""


class TableActions(Steering):
    """A screen with the table of trials and the filter's line."""

    def __init__(self) -> None:
        super().__init__()
        self.before_filter = ""
        self.filtering = "trials"
        self.marked_last = ""

    def select(self, by: int) -> None:
        """Move the table's cursor."""
        raise NotImplementedError

    def go_to(self, number: int) -> None:
        """Move the table's cursor to a trial."""
        raise NotImplementedError

    def study_here(self) -> str:
        """The study under the cursor of the list."""
        raise NotImplementedError

    async def action_do(self, name: str) -> None:
        """Run an action: in the list of studies on the one under the cursor; on trials only where they are in sight."""
        listed = self.current == "studies"
        wanted = {"trials"} if name in _MARKS else SEEN if name in _OF_TRIAL else set()
        if wanted and (name in _OF_TRIAL if listed else not wanted & self.shown()):
            self.context.say(f"{BY_ID[name].label.lower()} is for trials: press {self.context.key('pane-1')}", "warn")
            self.sync()
            return
        if listed and name in _OF_STUDY and self.study_here():
            self.leave()
            self.context.store.select_study(self.study_here())
        await super().action_do(name)

    def act(self, action: Action) -> None:
        """Act on the marked studies, or on the marked trials once all of them are known."""
        marked = [row for row in self.context.listed() if row.name in self.context.studies]
        if self.current == "studies" and marked:
            order = acting.for_studies(self.context, action, marked)
            self.ask(order.question, action.label, lambda: self.tuned.carry_out(order))
            return
        self.context.rows.check_marks()
        super().act(action)

    # --- the filter's line ------------------------------------------------------------------------------------------

    def do_filter(self) -> None:
        """Open the filter's line in place of the key bar."""
        field = self.query_one("#filter", Field)
        self.filtering = self.current if self.current in WORDED else "trials"
        self.before_filter = self._filter_text()
        field.value = self.before_filter
        field.placeholder = "words, and !words" if self.filtering in WORDED else "state:run lr<1e-3 act=relu text"
        field.styles.offset = (0, self.app.size.height - 1)
        field.styles.width = self.app.size.width
        field.add_class("open")
        # At once, not with the next layout: letters typed ahead must reach the line, or they would be actions.
        field.styles.display = "block"
        field.open()

    @on(Input.Changed, "#filter")
    def filter_typed(self, event: Input.Changed) -> None:
        """Filter while typing; an unreadable text leaves the last filter."""
        if not event.input.has_class("open"):
            return
        try:
            self._set_filter(event.value)
        except TunedError:
            return
        self.sync()

    @on(Input.Submitted, "#filter")
    def filter_done(self, event: Input.Submitted) -> None:
        """Keep the filter."""
        try:
            self._set_filter(event.value)
        except TunedError as error:
            # No half of a filter that was refused is left in force.
            self._set_filter(self.before_filter)
            self.context.say(str(error), "warn")
        self._close_filter()

    def _close_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.remove_class("open")
        field.styles.display = "none"
        self.set_focus(None)
        self.sync()

    def leave_filter(self) -> bool:
        """Close the line, if it is open, and leave the filter as it was before."""
        if not self.query_one("#filter", Input).has_class("open"):
            return False
        self._set_filter(self.before_filter)
        self._close_filter()
        return True

    def _filter_text(self) -> str:
        """The filter of the pane whose filter is typed."""
        return self.context.found.get(self.filtering, "") if self.filtering in WORDED else self.context.rows.filter.text

    def _set_filter(self, text: str) -> None:
        if self.filtering in WORDED:
            self.context.found[self.filtering] = text.strip()
        else:
            self.context.rows.set_filter(text)

    # --- order, marks, columns --------------------------------------------------------------------------------------

    def do_sort_right(self) -> None:
        """Sort by the next column."""
        self._turn_sort(1)

    def do_sort_left(self) -> None:
        """Sort by the previous column."""
        self._turn_sort(-1)

    def _turn_sort(self, by: int) -> None:
        if self.current != "studies":
            self.context.rows.turn_sort(by)
            return
        names, memory = list(STUDY_SORTS), self.context.memory
        place = names.index(memory.study_sort) if memory.study_sort in names else 0
        memory.study_sort, self.context.studies_reversed = names[(place + by) % len(names)], False

    def do_sort_reverse(self) -> None:
        """Reverse the order."""
        if self.current == "studies":
            self.context.studies_reversed = not self.context.studies_reversed
        else:
            self.context.rows.descending = not self.context.rows.descending

    def do_ended(self) -> None:
        """Hide the studies that have ended, or show them."""
        self.context.memory.hide_ended = not self.context.memory.hide_ended

    def do_best(self) -> None:
        """Go to the best trial."""
        store = self.context.store
        if store.best is None:
            self.context.say("no trial has finished yet", "warn")
        else:
            self.leave()
            self.go_to(store.best)
            if "trials" not in self.shown():
                self.show("trials")

    def do_mark(self) -> None:
        """Mark the trial and go on to the next."""
        number = self.context.store.selected
        if self.current == "studies":
            if study := self.study_here():
                self.context.studies ^= {study}
                self.marked_last = study
                self.move(1)
        elif number is not None:
            self.context.rows.toggle_mark(number)
            self.select(1)

    def do_mark_range(self) -> None:
        """Mark from the last mark to here."""
        if self.current == "studies":
            names, here = [row.name for row in self.context.listed()], self.study_here()
            if here in names:
                last = self.marked_last if self.marked_last in names else here
                low, high = sorted((names.index(last), names.index(here)))
                self.context.studies |= set(names[low : high + 1])
        elif self.context.store.selected is not None:
            span = self.context.rows.mark_range(self.context.store.selected)
            if span is not None:
                self.tuned.mark(*span)

    def do_mark_all(self) -> None:
        """Mark every row that is shown."""
        if self.current == "studies":
            self.context.studies |= {row.name for row in self.context.listed()}
            return
        span = self.context.rows.mark_all()
        if span is not None:
            self.tuned.mark(*span)

    def do_unmark(self) -> None:
        """Remove all marks."""
        marks = self.context.studies if self.current == "studies" else self.context.rows.marks
        marks.clear()

    def do_sort_menu(self) -> None:
        """Choose the column to sort by."""
        rows, memory = self.context.rows, self.context.memory
        studies = self.current == "studies"

        def chosen(name: str | None) -> None:
            if name is not None and studies:
                memory.study_sort, self.context.studies_reversed = name, False
            elif name is not None:
                rows.sort_by(name)
            self.sync()

        choices = [Choice(name, name) for name in (STUDY_SORTS if studies else rows.sorts())]
        present = memory.study_sort if studies else rows.sort
        self.app.push_screen(Menu(self.context, "Sort by", choices, present), chosen)

    def do_columns(self) -> None:
        """Choose the parameters that the table shows."""
        self._choose_columns(None)

    def _choose_columns(self, current: str | None) -> None:
        study = self.context.store.study_row
        if study is None:
            return
        hidden = self.context.memory.hidden.setdefault(study.name, [])
        columns, first = self.context.memory.columns, optional(self.context)
        choices = [Choice(name, name, mark=" " if name in hidden else "x") for name in study.parameters]
        choices += [
            Choice(f":{name}", name, mark="x" if columns.get(name, shown) else " ") for name, shown in first.items()
        ]
        metrics = self.context.memory.metrics.setdefault(study.name, [])
        known = dict.fromkeys([*metrics, *self.context.store.metric_names()])
        known.pop(self.context.store.objective or "", None)
        choices += [Choice(f"+{name}", name, "metric", "x" if name in metrics else " ") for name in known]

        def chosen(name: str | None) -> None:
            if name is not None and name.startswith("+"):
                metrics.remove(name[1:]) if name[1:] in metrics else metrics.append(name[1:])
                self._choose_columns(name)
            elif name is not None and name.startswith(":"):
                columns[name[1:]] = not columns.get(name[1:], first[name[1:]])
                self._choose_columns(name)
            elif name is not None:
                hidden.remove(name) if name in hidden else hidden.append(name)
                self._choose_columns(name)
            self.sync()

        self.app.push_screen(Menu(self.context, "Columns", choices, current), chosen)

    def do_theme(self) -> None:
        """Choose the colours."""

        def chosen(name: str | None) -> None:
            if name is not None:
                self.set_theme(name)

        names = sorted(self.app.available_themes)
        self.app.push_screen(Menu(self.context, "Theme", [Choice(n, n) for n in names], self.app.theme), chosen)

    def do_compare(self) -> None:
        """Show the marked trials side by side, or the selected one beside the best."""
        from tui.screens.compare import Compare

        store, rows = self.context.store, self.context.rows
        numbers = sorted(rows.marks) or [n for n in (store.selected, store.best) if n is not None]
        numbers = list(dict.fromkeys(numbers))
        if len(numbers) < 2:
            self.context.say("mark two to four trials first (space)", "warn")
            return
        self.app.push_screen(Compare(numbers))

    def do_delete(self) -> None:
        """Delete the study, after its name was typed."""
        from tui.screens.prompt import Prompt

        chosen = self.chosen()
        study = chosen if isinstance(chosen, StudyRow) else self.context.store.study_row
        if study is None or (self.current == "studies" and not chosen):
            return

        async def submit(text: str) -> str:
            if text != study.name:
                raise InvalidInput("that is not its name; nothing was deleted", where="delete")
            changed = await self.tuned.client.send(api.delete(study.name))
            self.tuned.undos.clear()
            return acting.report("delete", changed.changed, changed.skipped)

        trials = words.count(sum(study.counts.values()), "trial")
        help_ = (
            f"This deletes {study.name} with {trials}, their results, logs and checkpoints.",
            "It cannot be undone. Type the study's name to do it.",
        )
        self.app.push_screen(Prompt(self.context, f"Delete {study.name}?", help_, submit), self._told)

    def do_pin(self) -> None:
        """Keep the selected trial's curve in the chart."""
        number = self.context.store.selected
        if number is not None:
            pinned = self.context.store.pin(number)
            self.context.say(f"#{number} {'pinned' if pinned else 'unpinned'}", "dim")

    def do_left(self) -> None:
        """Show parameters further left; in the chart move the line."""
        if self.current == "curves" and self.move_cross(-1):
            return
        self.context.first_column = max(0, self.context.first_column - 1)

    def do_right(self) -> None:
        """Show parameters further right; in the chart move the line."""
        if self.current == "curves" and self.move_cross(1):
            return
        self.context.first_column += 1
