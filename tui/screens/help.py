"""All keys, from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding

from tui.actions import NO_KEYS, Danger, for_scope, shown
from tui.cells import Line, fit, fit_line, line
from tui.context import Context
from tui.screens.dialog import Dialog, with_keys
from tui.widgets.pane import Pane

GROUPS = ("move", "look", "act", "curves", "general")
_NOTES = {Danger.NONE: "", Danger.REVERSIBLE: "at once", Danger.ASKS: "asks"}


def help_lines(scope: str, read_only: bool, width: int, keys: Mapping[str, tuple[str, ...]] = NO_KEYS) -> list[Line]:
    """The key map of a screen, then the filter language and the states."""
    lines: list[Line] = []
    actions = for_scope(scope, read_only, keys)
    for group in GROUPS:
        lines += [line((f" {group.capitalize()}", "title"))]
        for action in (a for a in actions if a.group == group):
            named = " ".join(shown(key) for key in action.keys)
            note = _NOTES[action.danger]
            lines.append(
                line((" " + fit(named, 16) + " ", "key"), (action.help, "text"), (f"  {note}" if note else "", "dim"))
            )
        lines.append(())
    lines.append(line((" Filter", "title")))
    for term, meaning in (
        ("state:run,wait", "in one of these states (any prefix)"),
        ("lr<1e-3", "a parameter or metric, or value step pri trial try origin; < <= > >= = !="),
        ("act=relu", "words compare with = and !="),
        ("oom", "text in parameters, origin, reason"),
        ("!state:fail", "a leading ! turns a term round; all terms must hold"),
    ):
        lines.append(line((" " + fit(term, 16) + " ", "key"), (meaning, "text")))
    return [fit_line(text, width) for text in lines]


class Help(Dialog[None]):
    """A scrolling page of keys.

    Args:
        context: For the glyphs.
        scope: Actions whose keys are shown.
    """

    BINDINGS: ClassVar = [
        Binding("escape,q,question_mark,f1,enter,ctrl+c", "close", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("space,pagedown,ctrl+d", "scroll(10)", show=False),
        Binding("pageup,ctrl+u", "scroll(-10)", show=False),
        Binding("g,home", "scroll(-1000)", show=False),
        Binding("G,end", "scroll(1000)", show=False),
    ]

    def __init__(self, context: Context, scope: str) -> None:
        super().__init__()
        self.context = context
        self.scope = scope
        self.top = 0
        self.pane = Pane("help", self._build)

    def _build(self, width: int, height: int) -> list[Line]:
        lines = help_lines(self.scope, self.context.options.read_only, width, self.context.options.config.keys)
        self.top = max(0, min(self.top, len(lines) - height + 1))
        place = f"{self.top + 1}-{min(len(lines), self.top + height - 1)} of {len(lines)}"
        return with_keys(lines[self.top :], {"esc": "Close", "j k": "Scroll"}, width, height, place)

    def action_scroll(self, by: int) -> None:
        """Move the page."""
        self.top = max(0, self.top + by)
        self.pane.sync()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)
