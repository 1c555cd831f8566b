"""The search space with its versions, and the form that edits it while the study runs."""

from __future__ import annotations

from tui import layout
from tui.cells import Line, clean
from tui.layout import Rect
from tui.screens.browsing import Browsing
from tui.screens.prompt import Prompt
from tui.space_edit import SYNTAX, read_edit
from tui.views import frame, space
from tui.widgets.pane import Build
from tuned.client import api
from tuned.core.errors import InvalidInput
from tuned.wire import SpaceChanged

_PANES = (("parameters", "Parameters"), ("versions", "Versions"))
_NAMED = 8


class SpaceScreen(Browsing):
    """Parameters above, versions below."""

    scope = "space"
    lists = numbered = tuple(name for name, _ in _PANES)

    def __init__(self) -> None:
        super().__init__()
        self.current = "parameters"
        self.tops = {"parameters": 0, "versions": 0}

    def parts(self) -> dict[str, Build]:
        """Its two panes."""
        return {"tabs": self._tabs, "parameters": self._parameters, "versions": self._versions}

    def rects(self, width: int, height: int) -> dict[str, Rect]:
        """Small: one pane; wide: side by side; otherwise one above the other."""
        parts = layout.frame(width, height)
        body = max(1, height - 3)
        if layout.size_class(width, height) == "minimal":
            parts[self.current] = Rect(0, 2, width, body)
        elif width >= 120:
            left = width * 3 // 5
            parts["parameters"] = Rect(0, 2, left, body)
            parts["versions"] = Rect(left, 2, width - left, body)
        else:
            upper = body * 3 // 5
            parts["parameters"] = Rect(0, 2, width, upper)
            parts["versions"] = Rect(0, 2 + upper, width, body - upper)
        return parts

    def wanted(self, _rects: dict[str, Rect]) -> None:
        """The versions are kept fresh while they are shown."""
        self.context.store.want(log=False, detail=False, queue=False, space=True)

    def _tabs(self, width: int, _height: int) -> list[Line]:
        return [frame.tabs(self.context, _PANES, self.current, width)]

    def _parameters(self, width: int, height: int) -> list[Line]:
        return space.parameters(self.context, self.tops["parameters"], width, height, self.current == "parameters")

    def _versions(self, width: int, height: int) -> list[Line]:
        return space.versions(self.context, self.tops["versions"], width, height, self.current == "versions")

    def move(self, by: int) -> None:
        """Scroll the pane that has the keys."""
        page = self.context.store.space
        most = len(page.versions[-1].space.get("parameters", [])) - 1 if page is not None else 0
        limit = most if self.current == "parameters" else 10_000
        self.tops[self.current] = max(0, min(self.tops[self.current] + by, limit))

    def do_back(self) -> None:
        """Back to the table."""
        self.app.pop_screen()

    def clicked(self, part: str, _x: int, _y: int) -> None:
        """Give the keys to the pane."""
        if part in self.numbered:
            self.show(part)

    def do_edit_space(self) -> None:
        """Type an edit, see its effect, then confirm it."""
        study = self.context.store.study_row
        page = self.context.store.space
        if study is None or page is None:
            self.context.say("the space is not here yet", "warn")
            return
        names = [str(p["name"]) for p in page.versions[-1].space.get("parameters", [])]
        found: list[tuple[str, SpaceChanged]] = []

        async def preview(text: str) -> str:
            change = read_edit(text, names, dry_run=True)
            would = await self.tuned.client.send(api.change_space(study.name, change))
            if not would.changes:
                raise InvalidInput("that changes nothing", where="space")
            found[:] = [(text, would)]
            return ""

        def typed(message: str | None) -> None:
            if message is not None and found:
                text, would = found[0]
                self._confirm(study.name, text, names, would)
            self.sync()

        lines = (*SYNTAX, "", "parameters: " + " ".join(names), "What it would do is shown before anything changes.")
        self.app.push_screen(Prompt(self.context, f"Edit the space of {study.name}", lines, preview), typed)

    def _confirm(self, study: str, text: str, names: list[str], would: SpaceChanged) -> None:
        lines = [*would.why, *would.changes, f"{would.kept} results count then, {would.left_out} lie outside."]
        if would.replaced:
            numbers = ", ".join(f"#{row.number}" for row in would.replaced[:_NAMED])
            more = f" and {len(would.replaced) - _NAMED} more" if len(would.replaced) > _NAMED else ""
            lines.append(f"Waiting suggestions that are made anew: {numbers}{more}.")
        if would.off:
            lines.append(
                f"Your own points {', '.join(f'#{n}' for n in would.off[:_NAMED])} lie outside; they run anyway."
            )
        question = (f"Change the space of {clean(study)}?", *lines)
        self.ask(question, "Change", lambda: self.tuned.change_space(study, read_edit(text, names, dry_run=False)))
