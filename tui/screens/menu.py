"""A list to choose from: sort order, columns, themes, texts to copy, commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding

from tui.cells import Line, clean, cut_line, fit, line
from tui.context import Context
from tui.screens.dialog import Dialog, with_keys
from tui.views.frame import pane_title
from tui.widgets.pane import Pane


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu: `id` is given back, `mark` stands before the label, `keys` behind it."""

    id: str
    label: str
    detail: str = ""
    mark: str = " "
    keys: str = ""


class Menu(Dialog[str | None]):
    """Gives the id of the choice, or None.

    Args:
        context: For the glyphs.
        title: The heading.
        choices: The lines.
        current: The id that the cursor begins on.
    """

    BINDINGS: ClassVar = [
        Binding("escape,q,ctrl+c", "close", show=False),
        Binding("enter,space", "choose", show=False),
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
        Binding("g,home", "move(-1000)", show=False),
        Binding("G,end", "move(1000)", show=False),
    ]

    def __init__(self, context: Context, title: str, choices: Sequence[Choice], current: str | None = None) -> None:
        super().__init__()
        self.context = context
        self.caption = title
        self.choices = list(choices)
        ids = [choice.id for choice in choices]
        self.place_ = ids.index(current) if current in ids else 0
        self.seen: list[Choice] = []
        self.pane = Pane("menu", self._build)

    def _build(self, width: int, height: int) -> list[Line]:
        title = pane_title(self.caption, "", width, self.context.glyphs, True)
        name_width = min(max(32, width // 2), max((len(choice.label) for choice in self.choices), default=0) + 1)
        more = self.context.glyphs.more
        rows = [cut_line(self._row(choice, name_width, here), width, more) for choice, here in self._window(height - 2)]
        return with_keys([title, *rows], {"enter": "Choose", "esc": "Close"}, width, height)

    def _top(self, room: int) -> int:
        """The first line in sight of so many."""
        return max(0, self.place_ - max(1, room) + 1)

    def _window(self, room: int) -> list[tuple[Choice, bool]]:
        """The choices in sight, each with whether the cursor is on it."""
        top = self._top(room)
        self.seen = self.choices[top : top + max(1, room)]
        return [(choice, index == self.place_) for index, choice in enumerate(self.seen, start=top)]

    def _row(self, choice: Choice, name_width: int, here: bool) -> Line:
        label = fit(clean(choice.label), name_width, more=self.context.glyphs.more)
        return line((f" {choice.mark} {label}", "cursor" if here else "text"), (" " + clean(choice.detail), "dim"))

    def clicked(self, _x: int, y: int) -> None:
        """Choose the line under the mouse."""
        if 1 <= y <= len(self.seen):
            self.dismiss(self.seen[y - 1].id)

    def wheel(self, by: int) -> None:
        """Move the cursor."""
        self.action_move(by)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.place_ = max(0, min(self.place_ + by, len(self.choices) - 1))
        self.pane.sync()

    def action_choose(self) -> None:
        """Give back the choice under the cursor."""
        self.dismiss(self.choices[self.place_].id if self.choices else None)
