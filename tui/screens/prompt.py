"""A line to type into: a new trial's values, a study's name before it is deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Input

from tui.cells import Line, clean, line
from tui.context import Context
from tui.screens.dialog import Dialog, with_keys
from tui.views.frame import folded, pane_title
from tui.widgets.field import Field
from tui.widgets.pane import Pane
from tuned.core.errors import TunedError

Submit = Callable[[str], Awaitable[str]]
Preview = Callable[[str], list[Line]]


class Prompt(Dialog[str | None]):
    """Types a line and hands it over; a refused line can be corrected. Gives the result's message, or None.

    Args:
        context: For the glyphs.
        title: The heading.
        lines: Help for typing it.
        submit: Takes the line; its result is shown. It raises TunedError for a line to correct.
        value: The text at first.
        preview: Lines about the text so far, shown below the help; it raises TunedError for an unreadable one.
    """

    BINDINGS: ClassVar = [Binding("escape,ctrl+c", "close", show=False, priority=True)]
    field: Field

    def __init__(
        self,
        context: Context,
        title: str,
        lines: tuple[str, ...],
        submit: Submit,
        value: str = "",
        preview: Preview | None = None,
    ) -> None:
        super().__init__()
        self.context = context
        self.caption = title
        self.lines = lines
        self.submit = submit
        self.preview = preview
        self.refusal = ""
        self.sending = False
        self.field = Field(value, id="prompt-input")
        self.pane = Pane("prompt", self._build)

    def _build(self, width: int, height: int) -> list[Line]:
        lines = [pane_title(self.caption, "", width, self.context.glyphs, True)]
        if self.refusal:
            lines += [line((" " + clean(self.refusal), "bad")), ()]
        told = [
            line((" " + piece, "text"))
            for text in map(clean, self.lines)
            for piece in (folded(text, width - 2) if len(text) >= width else [text])
        ]
        meant = self._preview()
        # Where both have no room, the meaning of what was typed is worth more than how to type it.
        if meant and self.field.value and len(lines) + len(told) + len(meant) >= height:
            told, meant = meant[1:], [(), *told]
        note = " sending" if self.sending else ""
        return with_keys([*lines, *told, *meant], {"enter": "Send", "esc": "Close"}, width, height, note)

    def _preview(self) -> list[Line]:
        if self.preview is None:
            return []
        try:
            return [(), *self.preview(self.field.value)]
        except TunedError as error:
            return [(), line((" " + clean(str(error)), "warn"))]

    @on(Input.Changed)
    def typed(self) -> None:
        """Show the preview."""
        self.refusal = ""
        self.pane.sync()

    @on(Input.Submitted)
    def sent(self, event: Input.Submitted) -> None:
        """Hand the line over, once; the screen goes on meanwhile."""
        if not self.sending:
            self.sending = True
            self.pane.sync()
            self.app.run_worker(self._send(event.value), group="sending")

    async def _send(self, text: str) -> None:
        try:
            message = await self.submit(text)
        except TunedError as error:
            self.refusal = str(error)
            if not self.is_current:
                self.context.say(str(error), "bad")
        else:
            if not self.is_current:
                self.context.say(message)
            self.dismiss(message)
        finally:
            self.sending = False
        self.pane.sync()
