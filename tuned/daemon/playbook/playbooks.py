"""The steps of studies at work: begins them, sees that they are over, and stores both, so that a restart goes on.

Owns the order of doing. It is level-triggered like the scheduler, which calls it at every look: each move is one
transaction that reads the study anew, so a move that is made twice changes nothing. The work of each step is in
`confirming`, `finalizing` and `bundles` beside this module; analyses are asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from tuned.core import words
from tuned.core.errors import TunedError, Unavailable
from tuned.core.final.confirming import further_seeds
from tuned.core.playbook.spec import REPORT_FILE, SEARCH_STEPS
from tuned.core.playbook.steps import OVER, Playbook, Step, StepState, begin, end
from tuned.core.queue.schedule import BUDGET_SPENT, EXHAUSTED, StudyView
from tuned.core.states import OPEN, TERMINAL, Actor, StudyState, TrialState, counted
from tuned.core.study import SEARCH, Study
from tuned.daemon import clock, failpoints
from tuned.daemon.analyses.analysing import Analysing
from tuned.daemon.loops import Loops
from tuned.daemon.playbook.bundles import Bundles
from tuned.daemon.playbook.confirming import begin_confirmation, continue_confirmation
from tuned.daemon.playbook.finalizing import advance_finalize, begin_finalize
from tuned.daemon.search import space_versions

log = logging.getLogger(__name__)

RETRY_S = 5.0

Move = Callable[[Connection, Study, float], Step]
"""From the study as it is now to one of its steps as it shall be; runs in the writer's thread."""


class Playbooks:
    """Moves the steps of all studies. All methods are for the event loop."""

    def __init__(
        self,
        database: Database,
        analysing: Analysing,
        bundles: Bundles,
        runs: Path,
        wake: asyncio.Event,
        loops: Loops,
    ) -> None:
        self._database = database
        self._analysing = analysing
        self._bundles = bundles
        self._runs = runs
        self._wake = wake
        self._loops = loops
        self._tasks: dict[tuple[int, str], asyncio.Task[None]] = {}

    def advance(self, study: Study, view: StudyView, budget_spent: bool) -> None:
        """Begin whatever is due for a running study; at most one move of a step is under way."""
        if study.playbook is None or study.state is not StudyState.RUNNING:
            return
        for step in study.playbook.active:
            key = (study.id, step.id)
            if key not in self._tasks and self._due(study, step, view, budget_spent):
                work = self._move(study.id, step, _end_of_search(view, budget_spent))
                self._tasks[key] = asyncio.create_task(self._guarded(key, work, f"{study.name}, {step.id}"))

    def _due(self, study: Study, step: Step, view: StudyView, budget_spent: bool) -> bool:
        """Whether a look into the database could move this step."""
        if step.state is StepState.PAUSED:
            return False
        if step.searches:
            return step.state is StepState.WAITING or budget_spent or (view.search_over and not view.unfinished)
        if step.state is StepState.WAITING:
            # Those of the study file come after its search.
            return step.by_hand or (view.search_over and not view.unfinished) or (budget_spent and view.live == 0)
        waits_for_trials = step.name == "confirm" or (step.name == "finalize" and not step.result.get("ready"))
        if waits_for_trials:
            return all(n == 0 or state in TERMINAL for state, n in study.aside.items()) or step.by_hand
        return True

    async def _guarded(self, key: tuple[int, str], work: Any, where: str) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the step is moved again at a later look, and the others have theirs
            self._loops.failed("moving steps", error, where)
            await asyncio.sleep(RETRY_S)
        finally:
            self._tasks.pop(key, None)
            self._wake.set()

    async def _move(self, study_id: int, step: Step, reason: str) -> None:
        if step.searches:
            await self._change(study_id, step.id, _searching(step.id, reason))
            return
        if step.state is StepState.WAITING:
            await self._change(study_id, step.id, _beginning(step.id))
            return
        match step.name:
            case "confirm":
                await self._confirm(study_id, step)
            case "finalize" if not step.result.get("ready"):
                await self._change(study_id, step.id, _advance_final(step.id))
            case "finalize":
                await self._bundle(study_id, step)
            case "ensemble" | "report":
                await self._analyse(study_id, step)

    async def _change(self, study_id: int, step_id: str, move: Move) -> None:
        """Apply a move to a step, if it is still what it was."""

        def write(conn: Connection) -> None:
            study = queries.find_study(conn, study_id)
            if study is None or study.playbook is None or study.state is not StudyState.RUNNING:
                return
            found = next((s for s in study.playbook.steps if s.id == step_id), None)
            if found is None or found.state in OVER or found.state is StepState.PAUSED:
                return
            now = clock.now()
            moved = move(conn, study, now)
            repository.set_playbook(conn, study_id, study.playbook, study.playbook.put(moved), now)

        await self._database.writer.run(write)
        failpoints.reach("step.committed")

    async def _confirm(self, study_id: int, step: Step) -> None:
        study, numbers = await self._read(study_id), step.result.get("trials", [])
        if study is None or not await self._ended(study.id, numbers):
            return
        baseline = step.result.get("baseline")
        answer = await self._answer(study, step, "confirm", {} if baseline is None else {"against": str(baseline)})
        if answer is None:
            return
        figures = answer["figures"]
        looks = [*step.result.get("looks", ()), figures["tried"]]
        if figures["open"] and further_seeds(step.options, int(step.result.get("seeds", 0))):
            numbers = [figures["reference"], *figures["open"]]
            await self._change(study.id, step.id, _further_round(step.id, numbers, looks))
            return
        await self._end(study, step, answer, {"looks": looks})

    async def _analyse(self, study_id: int, step: Step) -> None:
        study = await self._read(study_id)
        if study is None:
            return
        options = {name: str(value) for name, value in step.options.items() if name != "held"}
        answer = await self._answer(study, step, step.name, options)
        if answer is not None:
            written = {}
            if step.name == "report":
                written["file"] = await asyncio.to_thread(self._write_files, study.name, answer["files"])
            await self._end(study, step, answer, written)

    async def _answer(
        self, study: Study, step: Step, kind: str, options: Mapping[str, str]
    ) -> Mapping[str, Any] | None:
        """An analysis; where it is refused, that is the step's end, and None."""
        try:
            return await self._analysing.analyse(kind, study.name, options)
        except Unavailable:
            raise
        except TunedError as error:
            await self._change(study.id, step.id, _ending(step.id, StepState.SKIPPED, str(error), {}))
            return None

    async def _end(self, study: Study, step: Step, answer: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        result = {name: value for name, value in answer["figures"].items() if name in _KEPT}
        verdict = answer["verdicts"][0]["what"] if answer["verdicts"] else ""
        await self._change(study.id, step.id, _ending(step.id, StepState.DONE, verdict, {**result, **more}))

    async def _bundle(self, study_id: int, step: Step) -> None:
        try:
            result = await self._bundles.make(study_id, step)
        except TunedError as error:
            await self._change(study_id, step.id, _ending(step.id, StepState.FAILED, str(error), {}))
            return
        value = step.result.get("value")
        why = f"{step.result['metric']} {value:.6g}" if isinstance(value, float) else "the final model is trained"
        if unplanned := step.result.get("unplanned"):
            why += f"; the test set was measured on {step.result['looks']} times: {unplanned}"
        await self._change(study_id, step.id, _ending(step.id, StepState.DONE, why, result))

    async def _read(self, study_id: int) -> Study | None:
        return await self._database.ask(lambda conn: queries.find_study(conn, study_id))

    async def _ended(self, study_id: int, numbers: list[int]) -> bool:
        ranges = [(number, number) for number in numbers]
        found = await self._database.ask(lambda conn: queries.trials(conn, study_id, numbers=ranges)) if ranges else []
        return all(trial.state in TERMINAL for trial in found)

    def _write_files(self, study: str, files: Mapping[str, str]) -> str:
        folder = self._runs / study
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        main = ""
        for name, text in files.items():
            path = folder / (REPORT_FILE if name.endswith(".html") else Path(name).name)
            path.write_text(text)
            main = main or str(path)
        return main

    async def close(self) -> None:
        """Drop what is under way: the next daemon begins it again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


_CONFIRMED = ("winner", "outcome", "why", "reference", "configurations", "variance")
_KEPT = frozenset((*_CONFIRMED, "methods", "single", "best", "gain", "members", "split"))
"""Figures of an analysis that are kept with its step."""


def _end_of_search(view: StudyView, budget_spent: bool) -> str:
    if budget_spent:
        return BUDGET_SPENT
    return EXHAUSTED if view.exhausted else ""


def _beginning(step_id: str) -> Move:
    return lambda conn, study, now: _begin(conn, study, now, step_id)


def _searching(step_id: str, reason: str) -> Move:
    return lambda conn, study, now: _move_search(conn, study, now, step_id, reason)


def _begin(conn: Connection, study: Study, now: float, step_id: str) -> Step:
    assert study.playbook is not None
    step = begin(study.playbook[step_id], counted(study.point_counts), now)
    try:
        if step.name == "confirm":
            return begin_confirmation(conn, study, step, now)
        if step.name == "finalize":
            return begin_finalize(conn, study, step, now)
    except TunedError as error:
        return end(step, StepState.FAILED, str(error), now)
    return step


def _move_search(conn: Connection, study: Study, now: float, step_id: str, reason: str) -> Step:
    """Begin a step of the search, or end it once it has the trials it is for, or can have no more."""
    assert study.playbook is not None
    step = study.playbook[step_id]
    number = counted(study.point_counts)
    if step.state is StepState.WAITING:
        if reason:
            return _searched(study, end(step, StepState.SKIPPED, reason, now), number)
        step = begin(step, number, now)
        return step if step.name != "refine" else _refine(conn, study, step, now)
    open_ = queries.trials(conn, study.id, states=sorted(OPEN))
    if reason == BUDGET_SPENT:
        for trial in open_:
            if trial.state is TrialState.QUEUED and trial.stage == SEARCH:
                repository.move_trial(conn, trial.id, "cancel", Actor.SCHEDULER, now, reason=reason)
    busy = [t for t in open_ if t.stage == SEARCH and t.state not in (TrialState.QUEUED, TrialState.PAUSED)]
    waiting = [t for t in open_ if t.stage == SEARCH and t.state is TrialState.QUEUED and reason != BUDGET_SPENT]
    limit = study.search.trials
    if busy or waiting or (not reason and limit is not None and number < limit):
        return step
    made = words.count(number - step.begun_with, "trial")
    if "changes" in step.result:
        made += f", {'; '.join(step.result['changes']) or 'space as it was'}"
    return _searched(study, end(step, StepState.DONE, reason or made, now), number)


def _refine(conn: Connection, study: Study, step: Step, now: float) -> Step:
    """Move the bounds to where the good trials are, before the points of this step are asked for."""
    space, why = space_versions.refinement(conn, study)
    new = space_versions.change(conn, study, space, why, step.id, now)
    return replace(step, result={**step.result, "space": new.version, "changes": new.changes, "why": why})


def _searched(study: Study, step: Step, number: int) -> Step:
    return replace(step, result={**step.result, "until": number, "of": study.spec.search.trials})


def _advance_final(step_id: str) -> Move:
    def move(conn: Connection, study: Study, now: float) -> Step:
        assert study.playbook is not None
        return advance_finalize(conn, study, study.playbook[step_id], now)

    return move


def _further_round(step_id: str, numbers: Sequence[int], looks: Sequence[int]) -> Move:
    def move(conn: Connection, study: Study, now: float) -> Step:
        assert study.playbook is not None
        return continue_confirmation(conn, study, study.playbook[step_id], numbers, looks, now)

    return move


def _ending(step_id: str, state: StepState, why: str, result: Mapping[str, Any]) -> Move:
    def move(_conn: Connection, study: Study, now: float) -> Step:
        assert study.playbook is not None
        return end(study.playbook[step_id], state, why, now, result)

    return move


def first_step(playbook: Playbook, now: float) -> Playbook:
    """The playbook with its first step begun, when that is a step of the search that nobody holds up."""
    step = playbook.current
    if step is None or step.name not in SEARCH_STEPS or step.state is not StepState.WAITING:
        return playbook
    return playbook.put(begin(step, 0, now))
