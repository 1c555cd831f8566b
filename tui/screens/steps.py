"""The steps of a playbook as a menu, and a menu of the verbs for the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import acting, steps
from tui.cells import clean
from tui.screens.menu import Choice, Menu
from tui.views.steps import mark
from tuned.core.state_words import told
from tuned.wire import StepRow, StudyRow

if TYPE_CHECKING:
    from tui.screens.board import Board

_DOES = {
    "pause": "hold it; what it has begun stays",
    "resume": "let it begin, or go on",
    "skip": "leave it out; asks first",
}


def open_steps(board: Board) -> None:
    """Show the shown study's steps; enter on one offers its verbs."""
    study = board.context.store.study_row
    if study is None or not study.steps:
        board.context.say("this study has no steps: add [playbook] to its file, or use tunectl confirm", "dim")
        return
    glyphs = board.context.glyphs
    choices = [Choice(step.id, step.id, told(step.state, step.why), mark(step, glyphs)[0]) for step in study.steps]
    now = steps.present(study.steps)

    def chosen(key: str | None) -> None:
        found = next((step for step in study.steps if step.id == key), None)
        if found is not None:
            _steer(board, study, found)

    title = f"Playbook of {clean(study.name)}, {steps.count(study)}"
    board.app.push_screen(Menu(board.context, title, choices, now[1].id if now else None), chosen)


def _steer(board: Board, study: StudyRow, step: StepRow) -> None:
    verbs = () if board.context.options.read_only else steps.verbs(step)
    if not verbs:
        board.context.say(f"{step.id}: {told(step.state, step.why)}", "dim")
        board.sync()
        return

    def chosen(verb: str | None) -> None:
        if verb is None:
            return
        order = acting.for_step(study.name, step, verb)
        board.ask(order.question, "Skip", lambda: board.tuned.carry_out(order))

    choices = [Choice(verb, verb, _DOES[verb]) for verb in verbs]
    board.app.push_screen(Menu(board.context, f"Step {clean(step.id)}", choices), chosen)
