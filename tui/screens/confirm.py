"""The dialog before a loss: it names the trials, and Enter never confirms."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding

from tui.cells import Line, clean, fit_line, line, text_of
from tui.context import Context
from tui.layout import Rect
from tui.screens.dialog import Dialog
from tui.views.frame import filled, folded
from tui.widgets.pane import Pane

_AROUND = 6
"""Lines of the dialog beside its text: frame, gaps and keys."""


class Confirm(Dialog[bool]):
    """Asks; `y` confirms, everything that usually closes a dialog cancels.

    Args:
        context: For the glyphs.
        question: Title, then lines; long lines are folded.
        label: The verb on the confirming key.
    """

    BINDINGS: ClassVar = [
        Binding("y", "answer(True)", show=False),
        Binding("escape,n,q,ctrl+c,enter", "answer(False)", show=False),
    ]

    def __init__(self, context: Context, question: tuple[str, ...], label: str) -> None:
        super().__init__()
        self.context = context
        self.question = question
        self.label = label
        self.pane = Pane("confirm", self._build, rail=False)

    def _fill(self) -> None:
        """Lie in the middle, and stay there."""
        size = self.app.size
        width = min(72, size.width)
        height = min(len(self._lines(width)), size.height)
        self.pane.place(Rect((size.width - width) // 2, (size.height - height) // 2, width, height))

    def _lines(self, width: int) -> list[Line]:
        box = self.context.glyphs.box
        title, *rest = self.question
        inner = width - 2
        told = [piece for text in rest for piece in folded(clean(text), inner - 2)]
        room = max(1, self.app.size.height - _AROUND)
        if len(told) > room:
            # The keys stay in sight, and what is lost, which stands at the end.
            first, last = room // 2, room - room // 2 - 1
            hidden = len(told) - first - last
            told = [*told[:first], f"({hidden} more lines)", *told[first + hidden :]]
        body: list[Line] = [(), *(line((" " + piece, "text")) for piece in told)]
        body += [(), line((" ", "text"), (" esc Keep ", "cursor"), ("    y ", "key"), (self.label, "bad")), ()]
        head = fit_line(
            [(f"{box[0]}{box[4]} ", "rule"), (clean(title), "bad"), (" " + box[4] * width, "rule")], width - 1
        )
        foot = (box[2] + box[4] * inner + box[3], "rule")
        side = (box[5], "rule")
        return [(*head, (box[1], "rule")), *((side, *fit_line(text, inner), side) for text in body), (foot,)]

    def _build(self, width: int, height: int) -> list[Line]:
        return filled(self._lines(width), width, height)

    def clicked(self, x: int, y: int) -> None:
        """A click on a key with its label answers."""
        text = text_of(self.pane.lines[y])
        for words, yes in ((" esc Keep ", False), (f" y {self.label}", True)):
            if words in text and 0 <= x - text.index(words) < len(words):
                self.dismiss(yes)
                return

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)
