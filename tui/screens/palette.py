"""The command palette: type a part of an action's name, Enter runs it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Input

from tui.actions import Action, for_scope, shown
from tui.cells import Line, fit, line
from tui.context import Context
from tui.screens.menu import Choice, Menu
from tui.views.frame import filled
from tui.widgets.field import Field
from tui.widgets.pane import Pane


def matching(actions: list[Action], text: str) -> list[Action]:
    """Actions whose id, label or help holds every word; those whose label begins with the text first."""
    words = text.lower().split()
    found = [a for a in actions if all(w in f"{a.id} {a.label} {a.help}".lower() for w in words)]
    return sorted(found, key=lambda a: not a.label.lower().startswith(text.lower().strip()))


class Palette(Menu):
    """Gives the id of the chosen action, or None.

    Args:
        context: For the glyphs.
        scope: Whose actions are offered.
    """

    BINDINGS: ClassVar = [
        Binding("escape,ctrl+c", "close", show=False, priority=True),
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, context: Context, scope: str) -> None:
        self.actions = [a for a in for_scope(scope, context.options.read_only) if a.id != "palette"]
        super().__init__(context, "", self._offer(""))
        self.field = Field(placeholder="command", id="palette-input")
        self.pane = Pane("palette", self._build)

    def _offer(self, text: str) -> list[Choice]:
        found = matching(self.actions, text)
        return [Choice(a.id, a.label, a.help, keys=" ".join(shown(key) for key in a.keys)) for a in found]

    def _build(self, width: int, height: int) -> list[Line]:
        rows = [self._row(choice, 16, here) for choice, here in self._window(height)]
        return filled(rows or [line((" no such command", "dim"))], width, height)

    def _row(self, choice: Choice, name_width: int, here: bool) -> Line:
        label = " " + fit(choice.label, name_width)
        return line((label, "cursor" if here else "text"), (fit(choice.keys, 14), "key"), (choice.detail, "dim"))

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self.choices, self.place_ = self._offer(event.value), 0
        self.pane.sync()

    @on(Input.Submitted)
    def chosen(self) -> None:
        """Run the action under the cursor."""
        self.action_choose()

    def on_pane_clicked(self, message: Pane.Clicked) -> None:
        """Run the action under the mouse."""
        place = self._top(self.app.size.height - 1) + message.y
        if 0 <= place < len(self.choices):
            self.dismiss(self.choices[place].id)

    def action_move(self, by: int) -> None:
        """Move the cursor, round the ends."""
        if self.choices:
            self.place_ = (self.place_ + by) % len(self.choices)
            self.pane.sync()
