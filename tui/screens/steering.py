"""Acting on trials and studies: orders with their questions, points of one's own, copying."""

from __future__ import annotations

from tui import acting
from tui.actions import Action
from tui.points import read_point, write_point
from tui.screens.browsing import Browsing
from tui.screens.confirm import Confirm
from tuned.wire import StudyRow


class Steering(Browsing):
    """A screen from which trials are steered."""

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

    def do_new(self) -> None:
        """Queue a trial with values of the user's own."""
        self._ask_for_point("New trial", "")

    def do_edit(self) -> None:
        """Queue a copy of the selected trial with some values changed."""
        row = self.context.store.trial(self.context.store.selected)
        if row is not None:
            self._ask_for_point(f"Re-run #{row.number} with changes", write_point(row.params))

    def _ask_for_point(self, title: str, value: str) -> None:
        from tui.screens.prompt import Prompt

        study = self.context.store.study_row
        if study is None:
            return

        async def submit(text: str) -> str:
            point = read_point(text, self.context.store.trials)
            reply = await self.tuned.client.enqueue(study.name, [point])
            numbers = ", ".join(f"#{number}" for number in reply.trials)
            self.tuned.undos.append(("new", (acting.Step("cancel", tuple(f"{study.name}/{n}" for n in reply.trials)),)))
            return f"queued {numbers}  u cancels"

        help_ = (
            "name=value, apart by blanks; what is left out is suggested by the search.",
            "#7 takes the values of trial 7; name*=2 and name+=1 change them.",
            "",
            "parameters: " + " ".join(study.parameters),
        )
        self.app.push_screen(Prompt(self.context, title, help_, submit, value), self._told)

    def _told(self, message: str | None) -> None:
        if message is not None:
            self.context.say(message)
        self.sync()

    def do_copy(self) -> None:
        """Choose what to copy; the terminal's clipboard is reached by OSC 52, so the text is shown as well."""
        from tui.screens.menu import Choice, Menu

        store = self.context.store
        row = store.trial(store.selected)
        if row is None:
            return
        texts = {"target": f"{row.study}/{row.number}", "parameters": write_point(row.params)}
        detail = store.detail
        if detail is not None and detail.trial.number == row.number:
            texts["command"] = " ".join(detail.arguments)
            texts["folder"] = detail.run_dir or ""
        else:
            store.need("detail", row.study, row.number)
        choices = [Choice(name, name, text) for name, text in texts.items() if text]

        def chosen(name: str | None) -> None:
            if name is not None:
                self.app.copy_to_clipboard(texts[name])
                self.context.say(f"copied: {texts[name]}", "dim")
                self.sync()

        self.app.push_screen(Menu(self.context, f"Copy from #{row.number}", choices), chosen)
