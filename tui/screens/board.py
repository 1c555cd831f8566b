"""The base of every full screen: panes placed by size, keys bound from the registry, actions on trials.

Owns dispatch: an action `x` is the method `do_x`; acting on trials (pause, prune, ...) is the same
everywhere. Subclasses own their panes and their selection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from inspect import isawaitable
from typing import ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from tui.actions import ACTIONS, BY_ID, Action, for_scope
from tui.cells import Line, clean, fit, fit_line
from tui.context import Context
from tui.layout import Rect
from tui.screens.confirm import Confirm
from tui.screens.host import Host
from tui.views import frame
from tui.widgets.pane import Build, Pane
from tuned.core.errors import TunedError
from tuned.wire import StudyRow, TrialRow

_ACTING = frozenset(a.id for a in ACTIONS if a.verb)


View = Callable[[Context, int, int, bool], list[Line]]
"""Draws a part of this width and height; the flag says whether it has the keys."""


class Board(Screen[None]):
    """A screen of panes.

    Attributes:
        scope: Which actions of the registry work here.
        lists: Parts with a cursor, which the wheel moves; a double click opens the line under it.
        current: The part that has the keys.
    """

    scope: ClassVar[str] = "main"
    lists: ClassVar[tuple[str, ...]] = ()
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = [
        Binding(",".join(action.keys), f"do('{action.id}')", action.label, show=False, id=action.id)
        for action in ACTIONS
    ]

    def __init__(self) -> None:
        super().__init__()
        self.current = "trials"
        self.panes: dict[str, Pane] = {}
        self.zones: list[tuple[int, int, str]] = []

    @property
    def tuned(self) -> Host:
        """The app, as screens know it."""
        return cast("Host", self.app)

    @property
    def context(self) -> Context:
        """State and data that views read."""
        return self.tuned.context

    @cached_property
    def offered(self) -> frozenset[str]:
        """Ids of the actions that work here."""
        return frozenset(action.id for action in for_scope(self.scope, self.context.options.read_only))

    # --- for subclasses -------------------------------------------------------------------------------------------

    def parts(self) -> dict[str, Build]:
        """Every part that this screen can show."""
        raise NotImplementedError

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """Where the visible parts lie."""
        raise NotImplementedError

    def chosen(self) -> StudyRow | Sequence[TrialRow]:
        """The targets of actions: a study, or trials."""
        row = self.context.store.trial(self.context.store.selected)
        return [row] if row is not None else []

    # --- panes ----------------------------------------------------------------------------------------------------

    def drawn_by(self, **views: View) -> dict[str, Build]:
        """Parts by their names that views draw by themselves."""

        def build(name: str, view: View) -> Build:
            return lambda width, height: view(self.context, width, height, self.current == name)

        return {name: build(name, view) for name, view in views.items()}

    def compose(self) -> ComposeResult:
        """One widget a part; those that have no place are not displayed."""
        parts = {"head": self._head, **self.parts(), "keys": self._keys}
        self.panes = {name: Pane(name, build) for name, build in parts.items()}
        yield from self.panes.values()

    def on_resize(self, _event: events.Resize) -> None:
        """Place the panes for the new size."""
        self.place()

    def on_unmount(self) -> None:
        """Free the drawn lines (see `Pane.on_unmount`)."""
        self.refresh()

    def on_screen_resume(self) -> None:
        """Catch up with the changes while another screen was on top."""
        if self.panes:
            self.place()
            self.sync()

    def place(self) -> None:
        """Give every part its rectangle."""
        size = self.app.size
        rects = self.rects(size.width, size.height)
        self.wanted(rects)
        for name, pane in self.panes.items():
            pane.place(rects.get(name))
        self.sync()

    def wanted(self, rects: dict[str, Rect]) -> None:
        """Tell the store which costly views are visible."""
        self.context.store.want(log="log" in rects, detail=False, queue=False)

    def sync(self, *names: str) -> None:
        """Bring panes up to date: those named, else all."""
        for name, pane in self.panes.items():
            if not names or name in names:
                pane.sync()

    def _head(self, width: int, _height: int) -> list[Line]:
        return [frame.head(self.context, width)]

    def _keys(self, width: int, _height: int) -> list[Line]:
        message = self.context.current_message()
        if message is not None and "tabs" not in self.shown():
            text = fit(" " + clean(message[0]), width, more=self.context.glyphs.more)
            return [fit_line([(text, message[1])], width)]
        actions = for_scope(self.scope, self.context.options.read_only, self.context.options.config.keys)
        chosen, idle = self.chosen(), set[str]()
        if isinstance(chosen, StudyRow):
            actions = [action for action in actions if action.studies or not action.states]
        else:
            states = {row.state for row in chosen}
            idle = {action.id for action in actions if action.states and not states & action.states}
        # The key says what it will undo.
        last = self.tuned.undos[-1][0] if self.tuned.undos else ""
        idle |= set() if last else {"undo"}
        actions = [replace(a, label=f"Undo {last}".strip()) if a.id == "undo" else a for a in actions]
        bar, self.zones = frame.key_bar(actions, width, idle)
        return [bar]

    def shown(self) -> set[str]:
        """Names of the parts that are visible."""
        return {name for name, pane in self.panes.items() if pane.rect is not None}

    # --- actions --------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a bound action works on this screen."""
        if action != "do":
            return True
        return parameters[0] in self.offered

    async def action_do(self, name: str) -> None:
        """Run an action of the registry."""
        action = BY_ID[name]
        try:
            if name in _ACTING:
                self.act(action)
            else:
                method = getattr(self, "do_" + name.replace("-", "_"), None)
                done = method() if method is not None else None
                if isawaitable(done):
                    await done
        except TunedError as error:
            self.context.say(str(error), "warn")
        self.sync()

    # --- mouse ----------------------------------------------------------------------------------------------------

    async def on_pane_clicked(self, message: Pane.Clicked) -> None:
        """A click on the key bar runs the action; elsewhere it is the subclass's."""
        if message.part == "keys":
            for first, behind, name in self.zones:
                if first <= message.x < behind:
                    await self.action_do(name)
            return
        if message.part == "tabs":
            if action := frame.tab_at(self.context, self.panes["tabs"].lines[0], message.x):
                await self.action_do(action)
            return
        self.clicked(message.part, message.x, message.y)
        self.sync()

    async def on_pane_opened(self, message: Pane.Opened) -> None:
        """A double click on a line of a list opens it."""
        if message.part in self.lists and message.y >= 1 and "open" in self.offered:
            await self.action_do("open")

    def on_pane_wheel(self, message: Pane.Wheel) -> None:
        """The wheel scrolls the pane under it."""
        self.wheel(message.part, message.by)
        self.sync()

    def clicked(self, part: str, x: int, y: int) -> None:
        """The mouse was pressed in a part."""

    def wheel(self, part: str, by: int) -> None:
        """The wheel was turned over a part."""

    def act(self, action: Action) -> None:
        """Act on the chosen study or trials."""

    def ask(self, question: tuple[str, ...] | None, label: str, do: Callable[[], object]) -> None:
        """Do something: at once without a question, else when `y` confirms it.

        Args:
            question: Title and lines of the dialog.
            label: The verb on the confirming key.
            do: Called at most once.
        """
        if question is None:
            do()
            return

        def answered(yes: bool | None) -> None:
            if yes:
                do()

        self.app.push_screen(Confirm(self.context, question, label), answered)
