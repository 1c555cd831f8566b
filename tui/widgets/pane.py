"""A rectangle of lines: the one widget behind every pane.

Owns the way from lines to the terminal: only lines that differ from what is on the screen are sent again. It holds no
data; `build` is asked for the lines.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.cells import Line, cut_line, merged
from tui.layout import Rect
from tui.palette import VISIBLE_BLANKS

LEFT = 1
"""The mouse button that chooses."""

Build = Callable[[int, int], list[Line]]


class Pane(Widget):
    """Shows the lines that `build(width, height)` returns.

    Args:
        part: Name of the part of the screen, as in `tui.layout`.
        build: Gives exactly `height` lines of `width` cells; of a longer one the end is cut, and that is marked.
        rail: Whether a pane that does not begin at the left edge draws a line there.
    """

    class Clicked(Message):
        """The mouse was pressed in the pane at this line and cell."""

        def __init__(self, part: str, x: int, y: int) -> None:
            self.part, self.x, self.y = part, x, y
            super().__init__()

    class Opened(Message):
        """This line of the pane was clicked twice."""

        def __init__(self, part: str, y: int) -> None:
            self.part, self.y = part, y
            super().__init__()

    class Wheel(Message):
        """The wheel was turned over the pane, `by` lines down."""

        def __init__(self, part: str, by: int) -> None:
            self.part, self.by = part, by
            super().__init__()

    def __init__(self, part: str, build: Build, *, rail: bool = True) -> None:
        super().__init__(id=f"pane-{part}")
        self.rail = rail
        self.part = part
        self.build = build
        self.rect: Rect | None = None
        self.lines: list[Line] = []
        self.display = False

    def place(self, rect: Rect | None) -> None:
        """Lie there from now on, or nowhere."""
        if rect == self.rect:
            return
        self.rect = rect
        self.display = rect is not None
        if rect is not None:
            self.styles.offset = (rect.x, rect.y)
            self.styles.width = rect.width
            self.styles.height = rect.height
            self.lines = self._build()
            self.refresh()

    def sync(self) -> None:
        """Ask for the lines again and send those that changed."""
        if self.rect is None:
            return
        lines = self._build()
        if lines == self.lines:
            return
        width = self.rect.width
        changed = [y for y, new in enumerate(lines) if y >= len(self.lines) or new != self.lines[y]]
        self.lines = lines
        self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _build(self) -> list[Line]:
        assert self.rect is not None
        glyphs = self.app.glyphs  # type: ignore[attr-defined]
        rail: Line = ((glyphs.rail, "rule"),) if self.rect.x and self.rail else ()
        width = self.rect.width - len(rail)
        return [(*rail, *cut_line(text, width, glyphs.more)) for text in self.build(width, self.rect.height)]

    def render_line(self, y: int) -> Strip:
        """One line with the styles of the theme."""
        base = self.rich_style
        if y >= len(self.lines):
            return Strip.blank(self.size.width, base)
        inks = self.app.inks  # type: ignore[attr-defined]
        segments = [Segment(text, base + inks[style]) for text, style in merged(self.lines[y], VISIBLE_BLANKS)]
        return Strip(segments, self.size.width)

    def on_unmount(self) -> None:
        """Free the drawn lines.

        Textual keeps the line caches of the last 1024 widgets alive in a cache of its own; with their lines in them
        each dialog would cost 0.3 MB for good. A refresh empties the line cache of its widget.
        """
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Tell the screen of a double click."""
        if event.chain == 2 and event.button == LEFT:
            self.post_message(self.Opened(self.part, event.y))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Tell the screen where the mouse was pressed; its other buttons are the terminal's."""
        if event.button != LEFT:
            return
        indent = 1 if self.rail and self.rect and self.rect.x else 0
        self.post_message(self.Clicked(self.part, event.x - indent, event.y))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Tell the screen that the wheel was turned."""
        event.stop()
        self.post_message(self.Wheel(self.part, 3))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Tell the screen that the wheel was turned."""
        event.stop()
        self.post_message(self.Wheel(self.part, -3))
