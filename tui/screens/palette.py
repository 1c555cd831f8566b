"""The command line behind `:`: a part of an action's name, a verb of `tunectl`, a study, an order, a filter."""

from __future__ import annotations

from os.path import commonprefix
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import Binding
from textual.widgets import Input

from tui.actions import for_scope
from tui.cells import Line, fit, line
from tui.command_line import Offer, offers
from tui.context import Context
from tui.screens.dialog import Dialog
from tui.views.frame import filled
from tui.widgets.field import Field
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.screens.host import Host

HISTORY = 100
"""Lines that are remembered."""


class Palette(Dialog[Offer | None]):
    """Gives what was chosen, or None.

    Args:
        context: For the glyphs.
        scope: The screen whose actions are offered.
        text: The line's first content.
    """

    field: Field
    BINDINGS: ClassVar = [
        Binding("escape,ctrl+c", "close", show=False, priority=True),
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
        Binding("enter", "choose", show=False, priority=True),
    ]

    def __init__(self, context: Context, scope: str, text: str = "") -> None:
        super().__init__()
        self.context = context
        self.actions = [
            a for a in for_scope(scope, context.options.read_only, context.options.config.keys) if a.id != "palette"
        ]
        self.place_ = 0
        self.back = 0
        self.first = text
        self.text = ""
        self.found: list[Offer] = []
        self.field = Field("", placeholder="action, tunectl verb, study, sort, filter, theme", id="palette-input")
        self.pane = Pane("palette", self._build)

    def on_mount(self) -> None:
        """Begin with the text, its end under the cursor."""
        super().on_mount()
        self._show("")
        if self.first:
            self._type(self.first)
        self.pane.sync()

    def _offer(self, text: str) -> list[Offer]:
        return offers(self.context, self.actions, sorted(self.app.available_themes), text)

    def _build(self, width: int, height: int) -> list[Line]:
        top = max(0, self.place_ - max(1, height) + 1)
        label = max(16, min(width // 2, max((len(offer.label) for offer in self.found), default=0) + 1))
        rows = [
            line(
                (" " + fit(offer.label, label, more=self.context.glyphs.more), "cursor" if here else "text"),
                (fit(offer.keys, 14), "key"),
                (offer.detail, "dim"),
            )
            for offer, here in (
                (offer, place == self.place_) for place, offer in enumerate(self.found[top : top + height], start=top)
            )
        ]
        return filled(rows or [line((" no such command", "dim"))], width, height)

    def _type(self, text: str) -> None:
        self.field.value = text
        self.field.cursor_position = len(text)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Offer what fits."""
        self._show(event.value)
        self.pane.sync()

    def _show(self, text: str) -> None:
        if text != self.text or not self.found:
            self.text, self.found, self.place_ = text, self._offer(text), 0

    def action_choose(self) -> None:
        """Do what the cursor is on, before the next key is looked at: that is not for this line any more."""
        # The list may be behind letters that were typed ahead.
        if self.field.value != self.text:
            self._show(self.field.value)
        if self.place_ < len(self.found):
            self._choose(self.found[self.place_])

    def _choose(self, offer: Offer) -> None:
        if offer.kind == "type":
            self._type(offer.value)
            return
        if offer.kind != "act":
            history = self.context.memory.history
            text = self.field.value.strip()
            history[:] = [*(old for old in history if old != text), text][-HISTORY:]
        self.dismiss(offer)

    def clicked(self, _x: int, y: int) -> None:
        """Do what the mouse is on."""
        place = max(0, self.place_ - max(1, self.app.size.height - 1) + 1) + y
        if 0 <= place < len(self.found):
            self._choose(self.found[place])

    def wheel(self, by: int) -> None:
        """Move the cursor."""
        self.place_ = max(0, min(self.place_ + by, len(self.found) - 1))
        self.pane.sync()

    def action_move(self, by: int) -> None:
        """Move the cursor; above the first line lies what was typed before."""
        history = self.context.memory.history
        if (by < 0 and self.place_ == 0 and self.back < len(history)) or (by > 0 and self.back):
            self.back -= by
            self._type(history[-self.back] if self.back else "")
        elif self.found:
            self.place_ = max(0, min(self.place_ + by, len(self.found) - 1))
            self.pane.sync()

    async def action_complete(self) -> None:
        """Complete the last word: by the offer under the cursor, else as the shell would."""
        offer = self.found[self.place_] if self.place_ < len(self.found) else None
        if offer is not None and offer.kind == "type":
            self._type(offer.value)
            return
        text = self.field.value
        begun, _, last = text.rpartition(" ")
        names = [one for one in self.found if one.kind == "type"] if last else []
        if names:
            # Names of studies and trials are here: nobody needs to be asked.
            self._type(commonprefix([one.value for one in names]))  # noqa: RUF071 - of letters
            return
        ends = await cast("Host", self.app).tunectl.complete(text)
        if text != self.field.value:
            return
        if len(ends) == 1:
            self._type(f"{begun} {ends[0]}".lstrip())
        else:
            self.found = self.found[:1] + [Offer("type", f"{begun} {end}".lstrip(), end) for end in ends]
            self.place_ = min(1, len(self.found) - 1)
            self.pane.sync()
