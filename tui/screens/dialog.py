"""The base of dialogs: opaque, one pane, nothing left behind when they close.

Owns the pane's place: the whole screen, or the rest below a line to type into. The lines are a `Pane`'s rather than
those of Textual's lists, palette and help panel: there a cursor key sends 3.6 kB at 80x24 and 11 kB at 160x45 (here
0.3 and 0.4 kB), and an open palette 1 kB/s at rest.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

from tui.cells import Line, Span, fit_line
from tui.layout import Rect
from tui.views.frame import filled
from tui.widgets.field import Field
from tui.widgets.pane import Pane

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """A modal screen that frees its drawn lines.

    Attributes:
        pane: The lines; made by the subclass.
        field: The line to type into, above the pane; None where there is none.
    """

    pane: Pane
    field: Field | None = None

    def compose(self) -> ComposeResult:
        """The line, if there is one, above the pane."""
        if self.field is not None:
            yield self.field
        yield self.pane

    def on_mount(self) -> None:
        """Type at once."""
        if self.field is not None:
            self.field.open()
        self._fill()

    def sync(self) -> None:
        """Bring the pane up to date."""
        self.pane.sync()

    def on_resize(self, _event: events.Resize) -> None:
        """Fill the screen again."""
        self._fill()

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close it, unless that was done already: then another screen would be closed in its place."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    def action_close(self) -> None:
        """Close it without a result."""
        self.dismiss(None)

    # --- mouse ----------------------------------------------------------------------------------------------------

    def on_pane_clicked(self, message: Pane.Clicked) -> None:
        """A click on a key below presses it; elsewhere it is the subclass's."""
        lines = self.pane.lines
        if message.y == len(lines) - 1 and lines[-1][0][1] == "key":
            if key := key_at(lines[-1], message.x):
                self.app.simulate_key(key)
        else:
            self.clicked(message.x, message.y)

    def on_pane_wheel(self, message: Pane.Wheel) -> None:
        """The wheel scrolls."""
        self.wheel(message.by)

    def clicked(self, x: int, y: int) -> None:
        """The mouse was pressed in a line."""

    def wheel(self, by: int) -> None:
        """The wheel was turned."""

    def _fill(self) -> None:
        top = 0 if self.field is None else 1
        self.pane.place(Rect(0, top, self.app.size.width, max(1, self.app.size.height - top)))

    def on_unmount(self) -> None:
        """Free the drawn lines (see `Pane.on_unmount`)."""
        self.refresh()


_NAMED = {"esc": "escape", "/": "slash"}
"""Keys whose name on the screen is not Textual's."""


def key_at(keys: Line, x: int) -> str:
    """The key of a line of keys that stands, with its label, at a cell; empty where there is none."""
    key, end = "", 0
    for text, style in keys:
        key = text.strip() if style == "key" else key
        end += cell_len(text)
        if x < end:
            return _NAMED.get(key, key) if text.strip() and style != "dim" else ""
    return ""


def with_keys(lines: list[Line], keys: dict[str, str], width: int, height: int, note: str = "") -> list[Line]:
    """A page of lines above a line of keys: `{"enter": "Choose"}`, then a note."""
    foot: list[Span] = [span for key, label in keys.items() for span in ((f" {key} ", "key"), (f"{label} ", "text"))]
    return [*filled(lines, width, height - 1), fit_line([*foot, (note, "dim")], width)]
