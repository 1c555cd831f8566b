"""The output of a command, as a page that fills while it runs."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from textual.binding import Binding

from tui.cells import Line, clean, line, wrapped
from tui.context import Context
from tui.screens.dialog import Dialog, with_keys
from tui.views.frame import pane_title
from tui.widgets.pane import Pane
from tuned.core import words

KEPT = 5_000
"""Lines of an output that are kept, the last."""


class Printed(Dialog[None]):
    """Shows lines; esc closes it, and ends a command that still runs.

    Args:
        context: For the glyphs.
        title: The command line.
        lines: The output so far; more may come.
    """

    BINDINGS: ClassVar = [
        Binding("escape,q,ctrl+c", "close", show=False),
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
        Binding("ctrl+d,pagedown,space", "move(15)", show=False),
        Binding("ctrl+u,pageup", "move(-15)", show=False),
        Binding("g,home", "move(-1000000)", show=False),
        Binding("G,end", "move(1000000)", show=False),
        Binding("y", "copy", show=False),
    ]

    def __init__(self, context: Context, title: str, lines: deque[str]) -> None:
        super().__init__()
        self.context = context
        self.caption = title
        self.lines = lines
        self.code: int | None = None
        self.top = 0
        self.follows = False
        self.pane = Pane("printed", self._build)

    def _build(self, width: int, height: int) -> list[Line]:
        room = max(1, height - 2)
        shown = [piece for text in self.lines for piece in wrapped(clean(text), max(10, width - 2))]
        last = max(0, len(shown) - room)
        self.top = last if self.follows else max(0, min(self.top, last))
        state = "runs" if self.code is None else "done" if self.code == 0 else f"exit code {self.code}"
        extra = f"{state} {self.context.glyphs.dot} {words.count(len(shown), 'line')}"
        title = pane_title(clean(self.caption), extra, width, self.context.glyphs, True)
        style = "text" if not self.code else "warn"
        body = [line((" " + text, style)) for text in shown[self.top : self.top + room]]
        label = "End it" if self.code is None else "Close"
        return with_keys([title, *body], {"j/k": "Move", "y": "Copy", "esc": label}, width, height)

    def action_move(self, by: int) -> None:
        """Scroll; at the end it follows what comes."""
        self.follows = by > 1000
        self.top = max(0, self.top + by)
        self.pane.sync()

    def wheel(self, by: int) -> None:
        """Scroll."""
        self.action_move(by)

    def action_copy(self) -> None:
        """Copy all that was printed."""
        self.app.copy_to_clipboard("\n".join(self.lines))
