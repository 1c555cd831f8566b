"""All keys, from the registry; the signs of the lists, the filter language; `/` searches in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding

from tui.actions import NO_KEYS, Danger, for_scope, shown
from tui.cells import Line, fit, fit_line, line, text_of
from tui.config import COMMAND_SCOPES
from tui.context import Context
from tui.glyphs import STATE_STYLES, Glyphs
from tui.screens.dialog import Dialog, with_keys
from tui.views.frame import folded
from tui.widgets.pane import Pane
from tuned.core.state_words import TRIAL_WORDS

GROUPS = ("move", "look", "act", "curves", "general")
COLUMN = 62
"""Cells from which another column is worth while."""

_NOTES = {Danger.NONE: "", Danger.REVERSIBLE: "at once", Danger.ASKS: "asks"}
_NAME = 17
_FILTER = (
    ("state:run,wait", "in one of these states (any prefix)"),
    ("lr<1e-3", "a parameter or metric, or value step pri trial try origin; < <= > >= = !="),
    ("act=relu", "words compare with = and !="),
    ("oom", "text in parameters, origin, reason"),
    ("!state:fail", "a leading ! turns a term round; all terms must hold"),
)

Entry = tuple[str, str, str]
"""A sign, its style, and its meaning."""


def entries(
    scope: str, read_only: bool, glyphs: Glyphs, keys: Mapping[str, tuple[str, ...]] = NO_KEYS
) -> dict[str, list[Entry]]:
    """Heading -> its entries: the keys of a screen by group, the signs of the lists, the filter language."""
    found: dict[str, list[Entry]] = {}
    actions = for_scope(scope, read_only, keys)
    for group in GROUPS:
        found[group.capitalize()] = [
            (
                " ".join(shown(key) for key in action.keys),
                "key",
                action.help + (f"  {note}" if (note := _NOTES[action.danger]) else ""),
            )
            for action in actions
            if action.group == group
        ]
    found["Signs"] = [
        *((f"{glyphs.states[s]} {word}", STATE_STYLES[s], f"{s} trial") for s, word in TRIAL_WORDS.items()),
        (glyphs.cursor, "mark", "the cursor"),
        (glyphs.mark, "mark", "marked"),
        (glyphs.curve, "series0", "its curve is drawn, in this colour everywhere"),
        ("*", "focus", "something happened in the study since you last looked"),
        ("front", "best", "no other trial is better in all objectives"),
        (glyphs.none, "dim", "no value yet"),
    ]
    found["Filter"] = [(term, "key", meaning) for term, meaning in _FILTER]
    return {heading: rows for heading, rows in found.items() if rows}


def help_lines(found: Mapping[str, Sequence[Entry]], width: int, search: str = "") -> list[Line]:
    """The entries that hold all words of the search, in as many columns as fit; a long meaning is folded."""
    columns = max(1, width // COLUMN)
    size = width // columns
    blocks: list[list[Line]] = []
    for heading, rows in found.items():
        sought = search.lower().split()
        wanted = [row for row in rows if all(word in f"{heading} {row[0]} {row[2]}".lower() for word in sought)]
        lines = [text for row in wanted for text in _entry(row, size)]
        blocks += [[line((f" {heading}", "title")), *lines, ()]] if lines else []
    beside = _spread(blocks, columns)
    tall = max(map(len, beside), default=0)
    return [
        tuple(span for part in beside for span in fit_line(part[y] if y < len(part) else (), size)) for y in range(tall)
    ]


def _entry(row: Entry, width: int) -> list[Line]:
    name, style, meaning = row
    pieces = folded(meaning, max(10, width - _NAME - 2)) or [""]
    first = line((" " + fit(name, _NAME - 1) + " ", style), (pieces[0], "text"))
    return [first, *(line((" " * (_NAME + 1), "text"), (piece, "text")) for piece in pieces[1:])]


def _spread(blocks: Sequence[list[Line]], columns: int) -> list[list[Line]]:
    """The blocks in columns of about the same length, in their order; a long one goes on in the next column."""
    whole = [text for block in blocks for text in block]
    tall = max(1, -(-len(whole) // columns))
    return [whole[begin : begin + tall] for begin in range(0, len(whole), tall)]


class Help(Dialog[None]):
    """A scrolling page of keys.

    Args:
        context: For the glyphs.
        scope: Actions whose keys are shown.
    """

    BINDINGS: ClassVar = [
        Binding("escape,ctrl+c", "close", show=False),
        Binding("q,question_mark,f1,enter", "leave", show=False),
        Binding("slash", "search", show=False),
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
        config = context.options.config
        self.entries = entries(scope, context.options.read_only, context.glyphs, config.keys)
        if scope in COMMAND_SCOPES and config.commands and not context.options.read_only:
            own = [(shown(one.key) or f":{one.name}", "key", " ".join(one.run)) for one in config.commands]
            self.entries = {"Your own": own, **self.entries}
        self.top = 0
        self.search: str | None = None
        self.typing = False
        self.pane = Pane("help", self._build)

    def _build(self, width: int, height: int) -> list[Line]:
        lines = help_lines(self.entries, width, self.search or "")
        if not any(text_of(text).strip() for text in lines):
            lines = [line((" nothing holds these words", "dim"))]
        self.top = max(0, min(self.top, len(lines) - height + 1))
        place = f"{self.top + 1}-{min(len(lines), self.top + height - 1)} of {len(lines)}"
        keys = {"esc": "Close", "j k": "Scroll", "/": "Search"}
        if self.search is not None:
            keys = {"esc": "All", "/": self.search + ("_" if self.typing else "")}
        return with_keys(lines[self.top :], keys, width, height, place)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """While words are typed, keys are letters."""
        return not self.typing or action == "close"

    def on_key(self, event: events.Key) -> None:
        """Type the words of the search."""
        if not self.typing:
            return
        if event.key == "backspace":
            self.search = (self.search or "")[:-1]
        elif event.key == "enter":
            self.typing = False
        elif event.is_printable and event.character is not None:
            self.search = (self.search or "") + event.character
        self.top = 0
        event.stop()
        self.pane.sync()

    def action_search(self) -> None:
        """Begin to type words."""
        self.search, self.typing = "", True
        self.pane.sync()

    def action_scroll(self, by: int) -> None:
        """Move the page."""
        self.top = max(0, self.top + by)
        self.pane.sync()

    def wheel(self, by: int) -> None:
        """Move the page."""
        self.action_scroll(by)

    def action_close(self) -> None:
        """End the search, or go back."""
        if self.search is None:
            self.dismiss(None)
        else:
            self.search, self.typing = None, False
            self.pane.sync()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)
