"""The base of dialogs: opaque, one pane, nothing left behind when they close.

Owns the pane's place: the whole screen, or the rest below a line to type into. The lines are a `Pane`'s rather than
those of Textual's lists, palette and help panel: there a cursor key sends 3.6 kB at 80x24 and 11 kB at 160x45 (here
0.3 and 0.4 kB), and an open palette 1 kB/s at rest.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
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

    def _fill(self) -> None:
        top = 0 if self.field is None else 1
        self.pane.place(Rect(0, top, self.app.size.width, max(1, self.app.size.height - top)))

    def on_unmount(self) -> None:
        """Free the drawn lines (see `Pane.on_unmount`)."""
        self.refresh()


def with_keys(lines: list[Line], keys: dict[str, str], width: int, height: int, note: str = "") -> list[Line]:
    """A page of lines above a line of keys: `{"enter": "Choose"}`, then a note."""
    foot: list[Span] = [span for key, label in keys.items() for span in ((f" {key} ", "key"), (f"{label} ", "text"))]
    return [*filled(lines, width, height - 1), fit_line([*foot, (note, "dim")], width)]
