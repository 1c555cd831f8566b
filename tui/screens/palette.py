"""The command palette: type a part of an action's name, Enter runs it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Input

from tui.actions import Action, for_scope, shown
from tui.cells import Line, fit, fit_line
from tui.context import Context
from tui.screens.dialog import Dialog
from tui.widgets.pane import Pane


def matching(actions: list[Action], text: str) -> list[Action]:
    """Actions whose id, label or help holds every word; those whose label begins with the text first."""
    words = text.lower().split()
    found = [a for a in actions if all(w in f"{a.id} {a.label} {a.help}".lower() for w in words)]
    return sorted(found, key=lambda a: not a.label.lower().startswith(text.lower().strip()))


class Palette(Dialog[str | None]):
    """Gives the id of the action that was chosen, or None.

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
        super().__init__()
        self.context = context
        self.offered = [a for a in for_scope(scope, context.options.read_only) if a.id != "palette"]
        self.found = self.offered
        self.place_ = 0
        self.field = Input(placeholder="command", id="palette-input")
        self.field.cursor_blink = False
        self.pane = Pane("palette", self._build)

    def _build(self, width: int, height: int) -> list[Line]:
        top = max(0, self.place_ - height + 1)
        lines = []
        for index, action in enumerate(self.found[top : top + height], start=top):
            style = "cursor" if index == self.place_ else "text"
            keys = " ".join(shown(key) for key in action.keys)
            lines.append(
                fit_line([(" " + fit(action.label, 16), style), (fit(keys, 14), "key"), (action.help, "dim")], width)
            )
        if not self.found:
            lines = [fit_line([(" no such command", "dim")], width)]
        return lines + [fit_line((), width)] * (height - len(lines))

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self.found, self.place_ = matching(self.offered, event.value), 0
        self.pane.sync()

    @on(Input.Submitted)
    def chosen(self) -> None:
        """Run what the cursor is on."""
        self.dismiss(self.found[self.place_].id if self.found else None)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        if self.found:
            self.place_ = (self.place_ + by) % len(self.found)
            self.pane.sync()

    def action_close(self) -> None:
        """Go back without a command."""
        self.dismiss(None)
