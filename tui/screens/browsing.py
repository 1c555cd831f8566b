"""Moving about and looking: the keys that mean the same on every screen.

Owns the move keys (a screen says what one step means), the panes' keys, charts, log, help and palette.
"""

from __future__ import annotations

from typing import ClassVar, cast

from tui.command_line import Offer, commands, own, read
from tui.screens.charting import Charting
from tui.trail import Place
from tuned.core.errors import TunedError


class Browsing(Charting):
    """A screen that one can move on.

    Attributes:
        numbered: Panes in the order of their number keys.
    """

    numbered: ClassVar[tuple[str, ...]] = ()

    def move(self, by: int) -> None:
        """Move the cursor of the current part by some steps; far beyond the end means to the end."""

    def page(self) -> int:
        """Steps of half a page."""
        return 10

    def do_down(self) -> None:
        """Move down."""
        self.move(1)

    def do_up(self) -> None:
        """Move up."""
        self.move(-1)

    def do_first(self) -> None:
        """Go to the first row."""
        self.move(-(10**9))

    def do_last(self) -> None:
        """Go to the last row."""
        self.move(10**9)

    def do_page_down(self) -> None:
        """Half a page down."""
        self.move(self.page())

    def do_page_up(self) -> None:
        """Half a page up."""
        self.move(-self.page())

    def wheel(self, part: str, by: int) -> None:
        """Move in the part under the mouse; the keys stay where they are."""
        if part not in self.lists:
            super().wheel(part, by)
            return
        before, self.current = self.current, part
        self.move(by)
        self.current = before

    def show(self, part: str) -> None:
        """Give the keys to a part."""
        self.current = part
        self.place()

    def cycle(self) -> list[str]:
        """Panes in the order of the tab key."""
        return list(self.numbered)

    def _turn(self, by: int) -> None:
        order = self.cycle()
        place = order.index(self.current) if self.current in order else 0
        self.show(order[(place + by) % len(order)])

    def do_next_pane(self) -> None:
        """Next pane."""
        self._turn(1)

    def do_previous_pane(self) -> None:
        """Previous pane."""
        self._turn(-1)

    def _show_numbered(self, number: int) -> None:
        if number <= len(self.numbered):
            self.show(self.numbered[number - 1])

    def do_pane_1(self) -> None:
        """The first pane."""
        self._show_numbered(1)

    def do_pane_2(self) -> None:
        """The second pane."""
        self._show_numbered(2)

    def do_pane_3(self) -> None:
        """The third pane."""
        self._show_numbered(3)

    def do_pane_4(self) -> None:
        """The fourth pane."""
        self._show_numbered(4)

    def do_pane_5(self) -> None:
        """The fifth pane."""
        self._show_numbered(5)

    def do_queue(self) -> None:
        """Show the queue across studies."""
        self.tuned.open("queue")

    def do_insight(self) -> None:
        """Show importance, effects and advice."""
        self.tuned.open("insight")

    def do_space(self) -> None:
        """The search space and its versions."""
        self.tuned.open("space")

    def do_undo(self) -> None:
        """Take back the last order that can be."""
        self.tuned.undo()

    def do_quit(self) -> None:
        """Leave; the daemon goes on."""
        self.app.exit(0)

    def do_refresh(self) -> None:
        """Fetch and draw everything that is shown again."""
        self.tuned.redraw()
        self.tuned.link.retry_now()
        self.context.say("fetching again", "dim")

    def do_help(self) -> None:
        """Show all keys."""
        from tui.screens.help import Help

        self.app.push_screen(Help(self.context, self.scope))

    def do_palette(self) -> None:
        """Type a command."""
        self._open_line("")

    def _open_line(self, text: str) -> None:
        from tui.screens.palette import Palette

        async def picked(offer: Offer | None) -> None:
            if offer is not None:
                try:
                    await self._take(offer)
                except TunedError as error:
                    self.context.say(str(error), "warn")
                self.sync()

        self.app.push_screen(Palette(self.context, self.scope, text), picked)

    async def _take(self, offer: Offer) -> None:
        rows = self.context.rows
        match offer.kind:
            case "act":
                await self.action_do(offer.value)
            case "run":
                self.run(offer.value)
            case "own":
                self.action_own(offer.value)
            case "go":
                study, _, number = offer.value.partition("/")
                self.visit(study, int(number) if number else None)
            case "sort":
                rows.sort_by(offer.value)
            case "filter":
                rows.set_filter(offer.value)
            case "theme":
                self.set_theme(offer.value)

    def run(self, text: str) -> None:
        """Run a command line, after a question where something would be lost."""
        command = read(self.context, text)
        label = command.arguments[0].capitalize()
        self.ask(command.question, label, lambda: self.tuned.run_command(command))

    def action_own(self, name: str) -> None:
        """Run a command of the configuration on the chosen trial."""
        try:
            self.tuned.run_own(*own(self.context, name, self.chosen()))
        except TunedError as error:
            self.context.say(str(error), "warn")
        self.sync()

    def set_theme(self, name: str) -> None:
        """Use these colours from now on."""
        self.app.theme = self.context.memory.theme = name
        for pane in self.panes.values():
            pane.refresh()

    def visit(self, study: str, number: int | None) -> None:
        """Show a study's table, or the page of one of its trials."""
        store = self.context.store
        if study not in store.studies:
            self.context.say(f"{study} is gone", "warn")
            return
        self.leave()
        self._show_place(Place(study, number, number is not None))

    def leave(self) -> None:
        """Remember this place: it is left for another one."""
        if (here := self._here()) is not None:
            self.context.trail.leave(here)

    def _here(self) -> Place | None:
        store = self.context.store
        return None if store.study is None else Place(store.study, store.selected, self.scope == "trial")

    def _show_place(self, place: Place) -> None:
        store = self.context.store
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        store.select_study(place.study)
        if place.number is not None:
            store.select_trial(place.number)
            if self.context.rows.place(place.number) is None:
                store.seek(place.number)
        if place.page:
            self.tuned.open("trial")
        else:
            self._home().show("trials")

    def _home(self) -> Browsing:
        """The first screen, under all others."""
        return cast("Browsing", self.app.screen_stack[0])

    def do_studies(self) -> None:
        """Go back to the list of studies."""
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        self._home().show("studies")

    def do_place_back(self) -> None:
        """Go back to the place before this one."""
        self._step(-1)

    def do_place_forth(self) -> None:
        """Go forth to the place that was left by going back."""
        self._step(1)

    def _step(self, by: int) -> None:
        here, store = self._here(), self.context.store
        place = self.context.trail.step(here, by) if here is not None else None
        while place is not None and here is not None and place.study not in store.studies:
            place = self.context.trail.step(here, by)
        if place is None:
            self.context.say("no place before this one" if by < 0 else "no place behind this one", "dim")
        else:
            self._show_place(place)

    def do_news(self) -> None:
        """Show the events since you last looked; the next time counts from here."""
        self.context.store.news.marked.clear()
        self.run("summary --keep" if self.context.options.read_only else "summary")

    def do_commands(self) -> None:
        """Choose a command for the study, and edit it before it runs."""
        from tui.screens.menu import Choice, Menu

        def picked(text: str | None) -> None:
            if text is not None:
                self._open_line(text)

        choices = [Choice(text, text, meaning) for text, meaning in commands(self.context)]
        self.app.push_screen(Menu(self.context, "Commands", choices), picked)

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
