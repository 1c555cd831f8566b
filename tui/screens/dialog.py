"""The base of what lies over a screen for a moment: opaque, one pane, nothing left behind when it closes.

Owns where the pane lies: the whole screen, or what is below a line to type into.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.layout import Rect
from tui.widgets.pane import Pane

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """A modal screen that frees what it drew.

    Attributes:
        pane: What is shown; made by the subclass.
        field: What is typed into, above the pane; None where nothing is.
    """

    pane: Pane
    field: Input | None = None

    def compose(self) -> ComposeResult:
        """The line, if there is one, above the pane."""
        if self.field is not None:
            yield self.field
        yield self.pane

    def on_mount(self) -> None:
        """Type at once."""
        if self.field is not None:
            self.field.focus()
        self._fill()

    def sync(self) -> None:
        """Bring the pane up to date."""
        self.pane.sync()

    def on_resize(self, _event: events.Resize) -> None:
        """Fill the screen again."""
        self._fill()

    def _fill(self) -> None:
        top = 0 if self.field is None else 1
        self.pane.place(Rect(0, top, self.app.size.width, max(1, self.app.size.height - top)))

    def on_unmount(self) -> None:
        """Free the drawn lines (see `Pane.on_unmount`)."""
        self._styles_cache.clear()
