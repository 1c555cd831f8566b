"""The base of what lies over a screen for a moment: opaque, one pane, nothing left behind when it closes."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.screen import ModalScreen

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """A modal screen that frees what it drew."""

    def on_unmount(self) -> None:
        """Free the drawn lines (see `Pane.on_unmount`)."""
        self._styles_cache.clear()
