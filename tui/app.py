"""The Textual application: themes, the first screen, the tick, the link's worker.

Owns the wiring and the undo list. Data live in `tui.store`, keys in `tui.screens`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, work
from textual.binding import Binding
from textual.widgets import Input

from tui.acting import Order, Step, perform, space_undo
from tui.cells import clean
from tui.command_line import filled
from tui.config import COMMAND_SCOPES
from tui.context import Context, Options
from tui.glyphs import ASCII, UNICODE
from tui.link import Link
from tui.memory import Memory, load, save
from tui.rows import Rows
from tui.screens.board import Board
from tui.screens.browsing import Browsing
from tui.screens.dialog import Dialog
from tui.screens.insight import Insight
from tui.screens.main import Main
from tui.screens.printed import KEPT, Printed
from tui.screens.queue import QueueScreen
from tui.screens.space import SpaceScreen
from tui.screens.trial import TrialScreen
from tui.store import Store
from tui.themed import Themed
from tui.tunectl import Tunectl
from tuned.client import api, api_steering
from tuned.client.reader import reader
from tuned.core import words
from tuned.core.errors import TunedError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

    from tui.command_line import Command
    from tui.config import OwnCommand
    from tuned.client.aio import AsyncClient
    from tuned.wire import SpaceChange, TrialRow

UNDO_KEPT = 20
PATIENCE = 1.0
"""Seconds after which the output of a command that still runs has a page of its own."""


class TunedApp(Themed[int]):
    """The terminal UI.

    Args:
        client: One client; the app closes it.
        options: How it was started.
        clock: Unix seconds; tests pass their own.
        folder: Where the UI's choices are remembered; None: they are not.
    """

    BINDINGS: ClassVar = [
        Binding("ctrl+c", "leave", show=False),
        Binding("ctrl+z", "suspend_process", show=False),
    ]
    SCREENS: ClassVar = {"queue": QueueScreen, "insight": Insight, "space": SpaceScreen, "trial": TrialScreen}

    def __init__(
        self,
        client: AsyncClient,
        options: Options,
        clock: Callable[[], float] = time.time,
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        store = Store(clock)
        self.glyphs = ASCII if options.ascii else UNICODE
        self.context = Context(store, Rows(store), options, self.glyphs)
        store.news.key = self.context.key("news")
        self.client = client
        self.link = Link(client, store)
        self.tunectl = Tunectl(folder, options.host, client.socket)
        self.undos: list[tuple[str, tuple[Step, ...]]] = []
        self._seen = -1
        self._live_second = 0
        self._dropped = False
        self.folder = folder
        self._recall(load(folder))
        self.set_keymap({name: ",".join(keys) for name, keys in options.config.keys.items()})
        if options.study is not None:
            store.study = options.study

    def _recall(self, memory: Memory) -> None:
        context = self.context
        context.memory = memory
        context.rows.sort, context.rows.descending = memory.sort, memory.descending
        for study, names in context.options.config.columns.items():
            memory.metrics.setdefault(study, list(names))
        context.rows.metrics = memory.metrics
        context.log.wrap, context.chart.log = memory.wrap, memory.log_axis
        if memory.theme in self.available_themes and not os.environ.get("TEXTUAL_THEME") and not self.no_color:
            self.theme = memory.theme

    def _remember(self) -> None:
        context = self.context
        context.memory.sort, context.memory.descending = context.rows.sort, context.rows.descending
        context.memory.wrap, context.memory.log_axis = context.log.wrap, context.chart.log
        save(self.folder, context.memory)

    def get_default_screen(self) -> Board:
        """The main screen is the first and the last."""
        return Main()

    def open(self, name: str) -> None:
        """Show a screen of `SCREENS` on top: a new one each time, so that it begins with its first row."""
        self.push_screen(self.SCREENS[name]())

    def on_mount(self) -> None:
        """Start following the daemon and drawing the changes."""
        self.context.store.hurry = self._hurry
        self.context.store.tell = self.context.say
        self.follow()
        self.set_interval(self.context.options.period, self.tick)

    async def on_unmount(self) -> None:
        """Remember and hang up."""
        self._remember()
        self.workers.cancel_all()
        if not self.context.options.read_only and self.context.store.connected:
            # The next look begins here; leaving waits for nobody.
            with contextlib.suppress(TunedError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self.client.send(api_steering.summary(reader()))
        await self.client.close()

    @work(exclusive=True, group="link", exit_on_error=True)
    async def follow(self) -> None:
        """Keep the store like the daemon until the app ends."""
        await self.link.run()

    async def on_event(self, event: events.Event) -> None:
        """Run the action of a key before the next key is looked at.

        Textual sends a key to the widget first and runs its action when it comes back. Of keys that were typed ahead,
        the letters for a line that the first one opens would be taken for actions, and enter would overtake a deletion.
        """
        own = {one.key: one.name for one in self.context.options.config.commands}
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif (
            event.key in own
            and getattr(self.screen, "scope", "") in COMMAND_SCOPES
            and not isinstance(self.focused, Input)
        ):
            cast("Browsing", self.screen).action_own(own[event.key])
        elif isinstance(self.focused, Input) and event.is_printable and event.character is not None:
            line = self.focused
            line.replace(event.character, *line.selection)
        elif (bound := self.screen.active_bindings.get(event.key)) is not None and bound.enabled:
            await self.run_action(bound.binding.action, bound.node)
        else:
            await super().on_event(event)

    # --- drawing --------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Draw the changes since the last tick; clocks move once a second while something runs."""
        store = self.context.store
        self._ring()
        second = int(store.clock())
        moving = store.anything_live or not store.connected or bool(self.context.message)
        if store.revision == self._seen and not (moving and second != self._live_second):
            return
        self._seen, self._live_second = store.revision, second
        if isinstance(self.screen, (Board, Dialog)):
            self.screen.sync()
            # Drawing may itself select a trial; that is not news for the next tick.
            self._seen = store.revision

    def _ring(self) -> None:
        """Ring for news of the kinds that are wanted, once for all that came together."""
        told, config = self.context.store.news.told, self.context.options.config
        wanted = [text for kind, text in told if kind in config.bell]
        told.clear()
        if wanted and self._driver is not None:
            self.bell()
            if config.notify:
                self._driver.write(f"\x1b]9;{clean('; '.join(wanted)).replace(';', ',')[:200]}\x07")

    def _hurry(self) -> None:
        self.call_later(self.tick)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Draw, unless a frame is on its way to a far terminal: then what is dropped is drawn when that has arrived."""
        if getattr(self._driver, "in_flight", False):
            self._dropped = True
        else:
            super()._display(screen, renderable)

    def frame_arrived(self) -> None:
        """Draw what was dropped meanwhile."""
        if self._dropped:
            self._dropped = False
            self.screen.refresh()

    def on_resize(self) -> None:
        """A terminal that has another size shows anything."""
        self.forget_screen()

    # --- acting ---------------------------------------------------------------------------------------------------

    @work(group="acting", exit_on_error=True)
    async def carry_out(self, order: Order) -> None:
        """Send an order and show its outcome."""
        try:
            text, undo = await perform(self.client, order)
        except TunedError as error:
            self.context.say(str(error), "bad")
        else:
            if order.question is not None:
                # A loss cannot be undone, and no undo from before it may reach across it.
                self.undos.clear()
            if undo:
                self._can_undo(order.label, undo)
                text += self._how_to_undo()
            self.context.say(text)
        self.tick()

    def _how_to_undo(self) -> str:
        return f"  {self.context.key('undo')} undoes"

    def _can_undo(self, label: str, steps: tuple[Step, ...]) -> None:
        self.undos = [*self.undos, (label, steps)][-UNDO_KEPT:]

    @work(group="acting", exit_on_error=True)
    async def change_space(self, study: str, change: SpaceChange) -> None:
        """Edit the search space and show the outcome."""
        try:
            done = await self.client.send(api.change_space(study, change))
        except TunedError as error:
            self.context.say(str(error), "bad")
        else:
            replaced = f", {len(done.replaced)} suggestions made anew" if done.replaced else ""
            undo = space_undo(done)
            if undo is not None:
                self._can_undo("space", (undo,))
            told = f"space v{done.version}: {'; '.join(done.changes)}{replaced}"
            self.context.say(told + (self._how_to_undo() if undo is not None else ""))
        self.tick()

    @work(group="command", exclusive=True, exit_on_error=True)
    async def run_command(self, command: Command) -> None:
        """Run a verb of `tunectl`: one line is a message, more are a page."""
        lines: deque[str] = deque(maxlen=KEPT)
        line = shlex.join(command.arguments)
        page = Printed(self.context, line, lines)

        def told(text: str) -> None:
            lines.append(text)
            page.sync()

        def closed(_: None) -> None:
            running.cancel()

        run = self.tunectl.run if command.verb is not None else self.tunectl.run_own
        running = asyncio.ensure_future(run(command.arguments, max(20, self.size.width - 2), told))
        try:
            await asyncio.wait({running}, timeout=PATIENCE)
            if not running.done() or len(lines) > 1:
                while isinstance(self.screen, Dialog):  # noqa: ASYNC110 - a screen tells nobody that it was closed
                    # Whoever types there would type into the page.
                    await asyncio.sleep(self.context.options.period)
                self.push_screen(page, closed)
            await asyncio.wait({running})
        finally:
            running.cancel()
        if running.cancelled():
            self.context.say(f"{line}: ended", "dim")
        elif isinstance(problem := running.exception(), TunedError):
            self.context.say(str(problem), "bad")
        else:
            page.code = running.result()
            page.sync()
            if len(lines) <= 1:
                self.context.say(clean(lines[0]) if lines else f"{line}: done", "good" if page.code == 0 else "bad")
        if command.question is not None:
            # A loss cannot be undone, and no undo from before it may reach across it.
            self.undos.clear()
        self.tick()

    @work(group="acting", exit_on_error=True)
    async def run_own(self, command: OwnCommand, row: TrialRow) -> None:
        """Run a program of the user's own on a trial and show what it prints."""
        try:
            detail = await self.client.send(api.trial(row.study, row.number))
        except TunedError as error:
            self.context.say(str(error), "bad")
            self.tick()
        else:
            self.run_command(filled(command, detail))

    @work(group="searching", exclusive=True, exit_on_error=True)
    async def find_in_log(self, text: str, offset: int, up: bool, lead: int) -> None:
        """Show the next line of the selected trial's log with a text, and some lines above it."""
        store, view = self.context.store, self.context.log
        window = store.log
        if window is None:
            return
        try:
            place = await self.client.send(api.find_in_log(window.study, window.number, text, offset=offset, up=up))
        except TunedError as error:
            self.context.say(str(error), "bad")
        else:
            if place.begin is not None:
                view.found = place.begin
                store.show_log_at(place.begin, lead)
                if place.cut:
                    cut = words.size(place.cut)
                    self.context.say(
                        f"{cut} of the log were cut out on the way here, perhaps with more of these", "warn"
                    )
            elif up and offset <= window.size:
                view.found = 2**62 - 1
                self.context.say(f"no {text!r} further up; N begins at the end again", "dim")
            else:
                view.search = view.search if view.search != text else ""
                missing = f" as far as it is kept: {words.size(place.cut)} of it were cut out" if place.cut else ""
                self.context.say(f"{text!r} is not in the log{missing}", "warn")
        self.tick()

    @work(group="marking", exclusive=True, exit_on_error=True)
    async def mark(self, low: int, high: int) -> None:
        """Mark rows, some of which are on no known page."""
        rows, query = self.context.rows, self.context.rows.query()
        try:
            found = await self.client.send(query.rows(low, high - low + 1))
        except TunedError as error:
            self.context.say(str(error), "bad")
        else:
            rows.mark_rows(query, found)
            self.context.say(f"{len(rows.marks)} marked", "dim")
        finally:
            rows.marking = False
        self.tick()

    def undo(self) -> None:
        """Take back the last order that can be taken back."""
        if not self.undos:
            self.context.say("nothing to undo", "warn")
            return
        label, steps = self.undos.pop()
        self.carry_out(Order(f"undo {label}", steps))

    def action_leave(self) -> None:
        """Leave; the daemon goes on."""
        self.exit(0)
