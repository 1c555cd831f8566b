"""The failures of a study by cause: show their trials, or repeat them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding

from tui.cells import Line, clean, cut_line, line
from tui.context import Context
from tui.failures import Cause
from tui.screens.dialog import with_keys
from tui.screens.menu import Choice, Menu
from tui.views.frame import folded, pane_title
from tuned.core import words

RETRY = "retry "
"""Before the id of a cause: its trials are to be repeated."""
_REASON = 6


class Failures(Menu):
    """Gives the place of a cause among those given, after `RETRY` where its trials shall be repeated; or None.

    Args:
        context: For the glyphs.
        study: Their study.
        found: The causes, the most frequent first.
    """

    BINDINGS: ClassVar = [Binding("R", "retry", show=False)]

    def __init__(self, context: Context, study: str, found: Sequence[Cause]) -> None:
        self.causes = list(found)
        choices = [Choice(str(place), cause.label, cause.reason) for place, cause in enumerate(found)]
        super().__init__(context, f"Failures of {clean(study)}", choices)

    def _build(self, width: int, height: int) -> list[Line]:
        glyphs = self.context.glyphs
        title = pane_title(self.caption, words.count(len(self.causes), "cause"), width, glyphs, True)
        reason = self.causes[self.place_].reason if self.causes else ""
        whole = [line((" " + text, "bad")) for text in folded(clean(reason), max(10, width - 2))[:_REASON]]
        room = max(1, height - 3 - len(whole))
        labels = min(width // 2, max(len(choice.label) for choice in self.choices) + 1)
        rows = [cut_line(self._row(choice, labels, here), width, glyphs.more) for choice, here in self._window(room)]
        gap: list[Line] = [()] * (room - len(rows) + 1)
        keys = (
            {"enter": "Show", "esc": "Close"}
            if self.context.options.read_only
            else {"enter": "Show", "R": "Retry these", "esc": "Close"}
        )
        return with_keys([title, *rows, *gap, *whole], keys, width, height)

    def action_retry(self) -> None:
        """Repeat the trials of the cause under the cursor."""
        if not self.context.options.read_only:
            self.dismiss(RETRY + self.choices[self.place_].id)
