"""The base of what lies over a screen for a moment: opaque, one pane, nothing left behind when it closes."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.screen import ModalScreen

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """A modal screen that frees what it drew."""

    def on_unmount(self) -> None:
        """Free the drawn lines.

        Textual keeps the line cache of the last 1024 widgets alive in a cache of its own; with its lines in it each
        dialog would cost 0.3 MB for good.
        """
        for widget in self.walk_children(with_self=True):
            widget._styles_cache.clear()
