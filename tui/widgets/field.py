"""A line to type into.

Owns the moment at which its text is selected. Textual selects when the focus event is handled, which may be after the
first letters of a fast typist: the next letter then replaced them.
"""

from __future__ import annotations

from textual.widgets import Input


class Field(Input):
    """A line whose text is selected when it opens, so that the first letter replaces it.

    Args:
        value: The text at first.
        placeholder: Shown while it is empty.
        id: Its name in the style sheet.
    """

    def __init__(self, value: str = "", *, placeholder: str = "", id: str) -> None:
        super().__init__(value, placeholder=placeholder, id=id, select_on_focus=False)
        self.cursor_blink = False

    def open(self) -> None:
        """Take the keys."""
        self.screen.set_focus(self)
        self.select_all()
