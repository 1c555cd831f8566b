"""The base of the applications: the colours of their text, which follow the theme, and drawing all of it again."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from rich.style import Style
from textual import on
from textual.app import App
from textual.driver import Driver

from tui import palette
from tui.glyphs import Glyphs

Result = TypeVar("Result")


class Themed(App[Result]):
    """An application whose panes are drawn in the styles of `tui.palette`.

    Attributes:
        inks: Name -> style, in the present theme.
        glyphs: The signs that are drawn.
    """

    TITLE = "tuned"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = Path(__file__).with_name("app.tcss")
    inks: dict[str, Style]
    glyphs: Glyphs

    def get_css_variables(self) -> dict[str, str]:
        """The theme's variables; the styles of the views follow them."""
        variables = super().get_css_variables()
        theme = self.get_theme(self.theme)
        ansi = theme.ansi if theme is not None else False
        self.inks = palette.build(variables, ansi=ansi, colour=not self.no_color)
        return variables

    def forget_screen(self) -> None:
        """Send the next frame as a whole, whatever the terminal shows."""
        forget = getattr(self._driver, "forget", None)
        if forget is not None:
            forget()

    @on(Driver.SignalResume)
    def redraw(self) -> None:
        """Draw all of the screen again, whatever the terminal shows, as after a stop in the shell."""
        self.forget_screen()
        self.screen.refresh()
