"""The study's insights on one screen: importance, the effect of each parameter, and advice."""

from __future__ import annotations

from functools import partial

from tui import layout
from tui.advice import Advice
from tui.cells import Line, clean
from tui.command_line import read
from tui.layout import Rect
from tui.screens.browsing import Browsing
from tui.views import frame, insight
from tui.widgets.pane import Build

_PANES = (("importance", "Importance"), ("effect", "Effect"), ("verdicts", "Advice"))


class Insight(Browsing):
    """Importance beside one parameter's effect, the advice below."""

    scope = "insight"
    lists = numbered = tuple(name for name, _ in _PANES)

    def __init__(self) -> None:
        super().__init__()
        self.current = "importance"
        self.cursor = 0
        self.verdict = 0
        self.top = 0

    def parts(self) -> dict[str, Build]:
        """Its three panes."""
        return {
            "tabs": self._tabs,
            "importance": partial(self._effects, insight.importance, "importance"),
            "effect": partial(self._effects, insight.effect, "effect"),
            "verdicts": self._verdicts,
        }

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """Small: one pane; otherwise bars and effect above the advice, which has more room while it is read."""
        parts = layout.frame(width, height)
        body = max(1, height - 3)
        if layout.size_class(width, height) == "minimal":
            parts[self.current] = Rect(0, 2, width, body)
            return parts
        upper = max(5, min(body * 3 // 5, len(insight.known_effects(self.context)) + 4))
        if self.current == "verdicts":
            upper = min(upper, max(5, body // 4))
        left = width // 2
        parts["importance"] = Rect(0, 2, left, upper)
        parts["effect"] = Rect(left, 2, width - left, upper)
        parts["verdicts"] = Rect(0, 2 + upper, width, body - upper)
        return parts

    def wanted(self, _rects: dict[str, Rect]) -> None:
        """The analyses are kept fresh while they are shown."""
        self.context.store.want(log=False, detail=False, queue=False, insight=True)

    def sync(self, *names: str) -> None:
        """Answers change how much room the bars need."""
        size = self.app.size
        for name, rect in self.rects(size.width, size.height).items():
            if self.panes.get(name) is not None and self.panes[name].rect != rect:
                self.panes[name].place(rect)
        super().sync(*names)

    def _tabs(self, width: int, _height: int) -> list[Line]:
        return [frame.tabs(self.context, _PANES, self.current, width)]

    def _effects(self, view: object, name: str, width: int, height: int) -> list[Line]:
        self.cursor = max(0, min(self.cursor, len(insight.known_effects(self.context)) - 1))
        return view(self.context, self.cursor, width, height, self.current == name)  # type: ignore[operator,no-any-return]

    def _verdicts(self, width: int, height: int) -> list[Line]:
        self.verdict = max(0, min(self.verdict, len(insight.known_advice(self.context)) - 1))
        self.top = insight.advice_top(self.context, self.verdict, self.top, width, height)
        return insight.verdicts(self.context, self.verdict, self.top, width, height, self.current == "verdicts")

    def move(self, by: int) -> None:
        """The parameter that is shown, or the advice's lines."""
        if self.current == "verdicts":
            self.verdict = max(0, min(self.verdict + by, len(insight.known_advice(self.context)) - 1))
        else:
            self.cursor = max(0, min(self.cursor + by, len(insight.known_effects(self.context)) - 1))

    def _advised(self) -> Advice | None:
        """The verdict under the cursor, where it names a command."""
        found = insight.known_advice(self.context)
        self.verdict = max(0, min(self.verdict, len(found) - 1))
        if found and found[self.verdict].command:
            return found[self.verdict]
        self.context.say("this advice names no command", "dim")
        return None

    def do_open(self) -> None:
        """Run the command of the advice, after a question; from the other panes, go to the advice."""
        if self.current != "verdicts":
            self.show("verdicts")
        elif (advised := self._advised()) is not None:
            command = read(self.context, advised.command)
            question = (
                f"{advised.command}?",
                advised.what,
                advised.remedy,
                *(command.verb.costs if command.verb else ()),
            )
            self.ask(question, "Run it", lambda: self.tuned.run_command(command))

    def do_copy(self) -> None:
        """Copy the command of the advice."""
        if (advised := self._advised()) is not None:
            self.app.copy_to_clipboard(advised.command)
            self.context.say(f"copied: {clean(advised.command)}", "dim")

    def do_back(self) -> None:
        """Back to the table."""
        self.app.pop_screen()

    def clicked(self, part: str, _x: int, y: int) -> None:
        """Give the keys to the pane; choose the parameter under the mouse."""
        if part in self.numbered:
            rect = self.panes[part].rect
            if part == "importance" and y >= 1:
                self.cursor = y - 1
            if part == "verdicts" and rect is not None:
                found = insight.verdict_at(self.context, self.top, rect.width, y)
                self.verdict = self.verdict if found is None else found
            self.show(part)
