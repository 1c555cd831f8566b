"""Acting on trials and studies: orders with their questions, points of one's own, copying."""

from __future__ import annotations

import contextlib
from functools import partial

from tui import acting
from tui.actions import BY_ID, Action
from tui.cells import clean
from tui.failures import causes
from tui.points import named, read_new, read_priority
from tui.rows import MOST_MARKED
from tui.screens.browsing import Browsing
from tui.views.forms import new_trial, parameters
from tuned.client import api
from tuned.core import words
from tuned.core.errors import NotFound
from tuned.core.queue.pausing import MEANING
from tuned.core.space.text import write_point
from tuned.core.states import WASTED
from tuned.wire import Enqueue, StudyRow


class Steering(Browsing):
    """A screen from which trials are steered."""

    def act(self, action: Action) -> None:
        """Act on the chosen study or trials, after a question where work would be lost."""
        chosen = self.chosen()
        if isinstance(chosen, StudyRow):
            order = acting.for_study(self.context, action, chosen)
        else:
            order = acting.for_trials(self.context, action, chosen)
        self.ask(order.question, action.label, lambda: self.tuned.carry_out(order))

    def do_pause_how(self) -> None:
        """Choose how running trials are paused, by what each way keeps and loses."""
        from tui.screens.menu import Choice, Menu

        chosen = self.chosen()
        if isinstance(chosen, StudyRow):
            self.context.say(f"choose running trials first: press {self.context.key('pane-1')} for the trials", "warn")
            return
        acting.pause_at("auto", chosen)

        def picked(level: str | None) -> None:
            if level is not None:
                self.tuned.carry_out(acting.pause_at(level, chosen))

        choices = [Choice(level, level, text) for level, text in MEANING.items()]
        self.app.push_screen(Menu(self.context, "Pause how?", choices), picked)

    def study_in_sight(self) -> str | None:
        """The study that is looked at; None without any."""
        return self.context.store.study

    async def do_failures(self) -> None:
        """Show the failures of the study in sight, by cause."""
        from tui.screens.failures import RETRY, Failures

        study, rows, store = self.study_in_sight(), self.context.rows, self.context.store
        if study is None:
            return
        call = api.trials(study, state=sorted(WASTED), sort="number", descending=True, limit=MOST_MARKED)
        found = causes(await self.tuned.client.send(call))
        if not found:
            self.context.say(f"no trial of {clean(study)} has failed", "dim")
            return

        def picked(name: str | None) -> None:
            if name is None:
                return
            chosen = found[int(name.removeprefix(RETRY))].rows
            if name.startswith(RETRY):
                self.tuned.carry_out(acting.for_trials(self.context, BY_ID["retry"], chosen))
                return
            self.visit(study, None)
            if store.study != study:
                return
            store.put_trials(study, chosen)
            rows.set_filter("state:failed,lost")
            rows.marks = {row.number for row in chosen}
            store.select_trial(chosen[0].number)
            again, unmark = self.context.key("retry"), self.context.key("back")
            self.context.say(f"{len(chosen)} marked: {again} repeats them, {unmark} removes the marks")

        self.app.push_screen(Failures(self.context, study, found), picked)

    def do_steps(self) -> None:
        """Show the steps of the playbook, and steer one."""
        from tui.screens.steps import open_steps

        open_steps(self)

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

        self.context.store.need("space", study.name)

        async def submit(text: str) -> str:
            store = self.context.store
            for number in named(text) - store.trials.keys():
                with contextlib.suppress(NotFound):
                    store.put_detail(await self.tuned.client.send(api.trial(study.name, number)))
            point, priority = read_new(text, store.trials, parameters(self.context, study))
            reply = await self.tuned.client.send(api.enqueue(study.name, Enqueue([point], priority)))
            queued = tuple(f"{study.name}/{number}" for number in reply.trials)
            self.tuned.undos.append(("new", (acting.Step(acting.UNDO_NEW, queued),)))
            return f"queued {words.ranges(reply.trials, '#')}  u takes it back"

        help_ = (
            "name=value, apart by blanks; what is left out is suggested by the search.",
            "lr=.1,.2 width=32,64 queues the product of the lists.",
            "#7 takes the values of trial 7; name*=2 and name+=1 change them; @5 gives it priority 5.",
        )
        preview = partial(new_trial, self.context, study)
        self.app.push_screen(Prompt(self.context, title, help_, submit, value, preview), self._told)

    def do_priority_set(self) -> None:
        """Type the priority of the chosen study or trials."""
        from tui.screens.prompt import Prompt

        chosen = self.chosen()
        action = BY_ID["priority-set"]
        order = (
            acting.priorities_of_study(chosen) if isinstance(chosen, StudyRow) else acting.priorities_of(action, chosen)
        )
        present = order[0][1]

        async def submit(text: str) -> str:
            value, relative = read_priority(text, present)
            self.tuned.carry_out(acting.set_priority(order, value, relative))
            return ""

        named = ", ".join(f"{name} ({value})" for name, value in order[: acting.NAMED])
        help_ = (
            "5 sets it, +2 and -1 change it, =-1 sets minus one; higher runs first, across all studies.",
            "",
            named + (f" and {len(order) - acting.NAMED} more" if len(order) > acting.NAMED else ""),
        )
        self.app.push_screen(Prompt(self.context, "Priority", help_, submit), self._typed)

    def _typed(self, _message: str | None) -> None:
        self.sync()

    def _told(self, message: str | None) -> None:
        if message is not None:
            self.context.say(message)
        self.sync()

    def do_copy(self) -> None:
        """Choose a text to copy; the terminal's clipboard is reached by OSC 52, so the text is shown as well."""
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
        if store.log is not None and store.log.is_of(row.study, row.number):
            texts["log"] = "\n".join(clean(text) for text in store.log.shown(self._room()))
        choices = [Choice(name, name, text) for name, text in texts.items() if text]

        def chosen(name: str | None) -> None:
            if name is not None:
                self.app.copy_to_clipboard(texts[name])
                self.context.say(f"copied: {clean(texts[name])}", "dim")
                self.sync()

        self.app.push_screen(Menu(self.context, f"Copy from #{row.number}", choices), chosen)
