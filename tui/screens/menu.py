"""A list to choose from: sort order, columns, themes, what to copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding

from tui.cells import Line, clean, fit, fit_line, line
from tui.context import Context
from tui.screens.dialog import Dialog
from tui.views.frame import pane_title
from tui.widgets.pane import Pane


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu: `id` is what is given back, `mark` stands before it."""

    id: str
    label: str
    detail: str = ""
    mark: str = " "


class Menu(Dialog[str | None]):
    """Gives the id of what was chosen, or None.

    Args:
        context: For the glyphs.
        title: What is chosen.
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
        self.pane = Pane("menu", self._build)

    def _build(self, width: int, height: int) -> list[Line]:
        lines = [pane_title(self.caption, "", width, self.context.glyphs, True)]
        room = max(1, height - 2)
        top = max(0, self.place_ - room + 1)
        name_width = min(32, max((len(choice.label) for choice in self.choices), default=0) + 1)
        for index, choice in enumerate(self.choices[top : top + room], start=top):
            style = "cursor" if index == self.place_ else "text"
            label = fit(clean(choice.label), name_width, more=self.context.glyphs.more)
            lines.append(line((f" {choice.mark} {label}", style), (" " + clean(choice.detail), "dim")))
        lines = [fit_line(text, width) for text in lines]
        lines += [fit_line((), width)] * (height - 1 - len(lines))
        foot = [(" enter ", "key"), ("Choose  ", "text"), ("esc ", "key"), ("Close", "text")]
        return [*lines[: height - 1], fit_line(foot, width)]

    def on_pane_clicked(self, message: Pane.Clicked) -> None:
        """Choose what is under the mouse."""
        room = max(1, self.app.size.height - 2)
        place = max(0, self.place_ - room + 1) + message.y - 1
        if 0 <= place < len(self.choices):
            self.dismiss(self.choices[place].id)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.place_ = max(0, min(self.place_ + by, len(self.choices) - 1))
        self.pane.sync()

    def action_choose(self) -> None:
        """Give back what the cursor is on."""
        self.dismiss(self.choices[self.place_].id if self.choices else None)

    def action_close(self) -> None:
        """Give back nothing."""
        self.dismiss(None)
