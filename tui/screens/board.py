"""The base of every full screen: panes placed by size, keys bound from the registry, actions on trials.

Owns dispatch: an action `x` is the method `do_x`; acting on trials (pause, prune, ...) is the same
everywhere. Subclasses say which panes there are and what is selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from tui import acting
from tui.actions import ACTIONS, BY_ID, Action, Danger, for_scope
from tui.cells import Line, fit_line
from tui.context import Context
from tui.layout import Rect
from tui.screens.confirm import Confirm
from tui.views import frame
from tui.widgets.pane import Build, Pane
from tuned.core.errors import TunedError
from tuned.wire import StudyRow, TrialRow

if TYPE_CHECKING:
    from tui.app import TunedApp

_ACTING = frozenset(a.id for a in ACTIONS if a.danger is not Danger.NONE)


class Board(Screen[None]):
    """A screen of panes.

    Attributes:
        scope: Which actions of the registry work here.
        current: The part that has the keys.
    """

    scope: ClassVar[str] = "main"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = [
        Binding(",".join(action.keys), f"do('{action.id}')", action.label, show=False) for action in ACTIONS
    ]

    def __init__(self) -> None:
        super().__init__()
        self.current = "trials"
        self.panes: dict[str, Pane] = {}
        self.zones: list[tuple[int, int, str]] = []

    @property
    def tuned(self) -> TunedApp:
        """The app, by its own type."""
        return cast("TunedApp", self.app)

    @property
    def context(self) -> Context:
        """What views read."""
        return self.tuned.context

    # --- for subclasses -------------------------------------------------------------------------------------------

    def parts(self) -> dict[str, Build]:
        """Every part that this screen can show."""
        raise NotImplementedError

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """Where the visible parts lie."""
        raise NotImplementedError

    def chosen(self) -> StudyRow | Sequence[TrialRow]:
        """What acting actions act on: a study, or trials."""
        row = self.context.store.trial(self.context.store.selected)
        return [row] if row is not None else []

    # --- panes ----------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """One widget a part; those that have no place are not displayed."""
        parts = {"head": self._head, **self.parts(), "keys": self._keys}
        self.panes = {name: Pane(name, build) for name, build in parts.items()}
        yield from self.panes.values()

    def on_resize(self, _event: events.Resize) -> None:
        """Place the panes for the new size."""
        self.place()

    def on_screen_resume(self) -> None:
        """Catch up with what changed while another screen was on top."""
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
            return [fit_line([(" " + message[0], message[1])], width)]
        actions = for_scope(self.scope, self.context.options.read_only)
        if isinstance(self.chosen(), StudyRow):
            actions = [action for action in actions if action.studies or not action.states]
        bar, self.zones = frame.key_bar(actions, width)
        return [bar]

    def shown(self) -> set[str]:
        """Names of the parts that are visible."""
        return {name for name, pane in self.panes.items() if pane.rect is not None}

    # --- actions --------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a bound action works on this screen."""
        if action != "do":
            return True
        wanted = BY_ID[str(parameters[0])]
        return wanted in for_scope(self.scope, self.context.options.read_only)

    async def action_do(self, name: str) -> None:
        """Run an action of the registry."""
        action = BY_ID[name]
        try:
            if name in _ACTING:
                self.act(action)
            else:
                method = getattr(self, "do_" + name.replace("-", "_"), None)
                if method is not None:
                    method()
        except TunedError as error:
            self.context.say(str(error), "warn")
        self.sync()

    def act(self, action: Action) -> None:
        """Act on what is chosen, after asking when something is lost by it."""
        chosen = self.chosen()
        if isinstance(chosen, StudyRow):
            order = acting.for_study(self.context, action, chosen)
        else:
            order = acting.for_trials(self.context, action, chosen)
        if order.question is None:
            self.tuned.carry_out(order)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.tuned.carry_out(order)

        self.app.push_screen(Confirm(self.context, order.question, action.label), answered)

    def do_undo(self) -> None:
        """Take back the last order that can be."""
        self.tuned.undo()

    def do_quit(self) -> None:
        """Leave; the daemon goes on."""
        self.app.exit(0)

    def do_refresh(self) -> None:
        """Fetch everything that is shown again."""
        self.tuned.link.retry_now()
        self.context.say("fetching again", "dim")

    def do_help(self) -> None:
        """Show all keys."""
        from tui.screens.help import Help

        self.app.push_screen(Help(self.context, self.scope))

    def do_palette(self) -> None:
        """Choose an action by name."""
        from tui.screens.palette import Palette

        async def picked(name: str | None) -> None:
            if name is not None:
                await self.action_do(name)

        self.app.push_screen(Palette(self.context, self.scope), picked)

    # --- charts and log, the same on every screen -------------------------------------------------------------------

    def do_log_y(self) -> None:
        """Turn the logarithmic axis on or off."""
        view = self.context.chart
        view.log = {None: True, True: False, False: None}[view.log]
        words = {None: "axis chosen by the data", True: "logarithmic axis", False: "linear axis"}
        self.context.say(words[view.log], "dim")

    def do_metric(self) -> None:
        """Draw the next metric."""
        store = self.context.store
        names = store.metric_names()
        if not names:
            self.context.say("no metric reported yet", "warn")
            return
        now = store.chart_metric
        store.metric = names[(names.index(now) + 1) % len(names)] if now in names else names[0]
        store.revision += 1

    def do_follow(self) -> None:
        """Follow the log's end again."""
        self.context.log.back = 0

    def do_wrap(self) -> None:
        """Wrap long lines of the log, or cut them."""
        self.context.log.wrap = not self.context.log.wrap

    def scroll_log(self, by: int) -> None:
        """Move the log's window, down for positive `by`."""
        tail = self.context.store.log
        lines = len(tail.lines) if tail is not None and tail.lines is not None else 0
        self.context.log.back = max(0, min(self.context.log.back - by, lines))

    # --- mouse ----------------------------------------------------------------------------------------------------

    async def on_pane_clicked(self, message: Pane.Clicked) -> None:
        """A click on the key bar runs the action; elsewhere it is the subclass's."""
        if message.part == "keys":
            for first, behind, name in self.zones:
                if first <= message.x < behind:
                    await self.action_do(name)
            return
        self.clicked(message.part, message.x, message.y)
        self.sync()

    def on_pane_wheel(self, message: Pane.Wheel) -> None:
        """The wheel scrolls the pane under it."""
        self.wheel(message.part, message.by)
        self.sync()

    def clicked(self, part: str, x: int, y: int) -> None:
        """The mouse was pressed in a part."""

    def wheel(self, part: str, by: int) -> None:
        """The wheel was turned over a part."""
        if part == "log":
            self.scroll_log(by)
