"""Making suggestions: design points here and now, model points from the advisor, ahead of need.

Owns what each study has asked for and is waiting for. Points become queued trials in the database; until then a
suggestion is worth nothing and may be lost.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from storage.repository import NewTrial
from tuned.core.arguments import recorded
from tuned.core.schedule import Ask, room_for
from tuned.core.search.phases import Due
from tuned.core.states import TERMINAL, StudyState
from tuned.core.study import SEARCH, Study
from tuned.core.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.machine.memory import memory_limit, uses_gpu
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.advisor_process import AdvisorFailed, AdvisorProcess
from tuned.daemon.search.pace import Pace
from tuned.daemon.search.points import add_design_points
from tuned.daemon.search.priors import prior_trials
from tuned.daemon.search.spaces import refine_before
from tuned.daemon.search.ways import due_in, reproducible, results_of

log = logging.getLogger(__name__)

PATIENCE = 0.05
"""Share of a mean trial for which an idle slot waits for the advisor before a quasi-random point takes it."""
BATCH = 4
"""Suggestions asked for at once: they share one fit, but the first of them waits for the last."""
REPLACING = 0.1
"""Suggestions that have not started are made anew with new results while that takes less than this share of a trial."""
FEED_ROWS = 2000
_MODELLED = frozenset({"bayesian", "evolution", "fallback"})


@dataclass(slots=True)
class _Search:
    """What is under way for one study: suggestions asked for, and slots being filled without waiting for one.

    Attributes:
        cuts: Trial number -> results that were known when its point was suggested.
        spent: Version of the space of which every point has been tried.
    """

    asked: int = 0
    filling: int = 0
    replacing: bool = False
    fed_generation: int = -1
    fed_space: int = 0
    fed_seq: int = 0
    idle_since: float | None = None
    spent: int = 0
    cuts: dict[int, int] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)


class Suggesting:
    """Answers the plan's asks. All methods are for the event loop."""

    def __init__(self, database: Database, advisor: AdvisorProcess, slots: Slots, wake: asyncio.Event) -> None:
        self._database = database
        self._slots = slots
        self._advisor = advisor
        self._wake = wake
        self._searches: dict[int, _Search] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def search(self, study_id: int) -> _Search:
        """The search of a study."""
        return self._searches.setdefault(study_id, _Search())

    def pace(self, study_id: int) -> Pace:
        """How long this study's trials and suggestions take."""
        return self.search(study_id).pace

    def asked(self, study_id: int) -> int:
        """Suggestions under way."""
        return self.search(study_id).asked

    def exhausted(self, study: Study) -> bool:
        """Whether every point of the space has been tried."""
        return self.search(study.id).spent == study.space

    def by_design(self, study: Study) -> bool:
        """Whether the next suggestion comes from a design, and not from what results say."""
        return due_in(study).by_design

    def begin(self, ask: Ask, study: Study) -> None:
        """Make these suggestions."""
        search = self.search(study.id)
        if self.by_design(study):
            self._spawn(self._design(study, ask.count), search, ask.count)
            return
        count = 1 if reproducible(study) else min(ask.count, BATCH)
        self._spawn(self._model(study, count), search, count)

    def idle(self, study: Study, slots: int) -> None:
        """Slots wait for this study's next suggestion: after a moment's patience a quasi-random point fills them.

        A study of one trial at a time waits instead: which point came next would be a matter of time otherwise.
        """
        search = self.search(study.id)
        slots -= search.filling
        if slots <= 0 or reproducible(study):
            search.idle_since = None
            return
        now = time.monotonic()
        if search.idle_since is None:
            search.idle_since = now
        patience = PATIENCE * (search.pace.trial_s or 0.0)
        waited = now - search.idle_since
        if waited < patience:
            asyncio.get_running_loop().call_later(patience - waited, self._wake.set)
            return
        search.idle_since = None
        why = f"a slot was idle and the advisor was not ready ({self._advisor.state})"
        self._spawn(self._fill(study, slots, why), search, 0)

    def renew(self, study: Study, queued: Sequence[Trial]) -> None:
        """Make the stalest of these suggestions anew, if results have come since and nothing else is asked."""
        search = self.search(study.id)
        busy = search.asked or search.filling or search.replacing
        if busy or reproducible(study) or self.by_design(study):
            return
        pace = search.pace
        if pace.trial_s and (pace.suggestion_s or 1.0) > REPLACING * pace.trial_s:
            return
        results = results_of(study)
        stale = [
            trial
            for trial in queued
            if trial.attempt == 0 and trial.origin in _MODELLED and search.cuts.get(trial.number, -1) < results
        ]
        if stale:
            search.replacing = True
            oldest = min(stale, key=lambda trial: (search.cuts.get(trial.number, -1), trial.number))
            self._spawn(self._renew(study, oldest), search, 0)

    async def _fill(self, study: Study, slots: int, why: str) -> None:
        search = self.search(study.id)
        search.filling += slots
        try:
            await self._design(study, slots, "fallback", why)
        finally:
            search.filling -= slots

    def _spawn(self, work: object, search: _Search, count: int) -> None:
        search.asked += count

        async def run() -> None:
            try:
                await work  # type: ignore[misc]
            except Exception:
                # A suggestion that could not be made costs a tick; the study says why.
                log.exception("a suggestion failed")
                await asyncio.sleep(1.0)
            finally:
                search.asked -= count
                self._wake.set()

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _design(self, study: Study, count: int, origin: str | None = None, why: str = "") -> None:
        def add(conn: Connection) -> bool:
            return add_design_points(conn, study.id, count, origin, why, clock.now())

        if not await self._database.writer.run(add):
            self.search(study.id).spent = study.space
        failpoints.reach("suggestion.stored")

    async def _model(self, study: Study, count: int) -> None:
        search = self.search(study.id)
        try:
            answer = await self._ask(study, search, count)
        except AdvisorFailed as error:
            await self._note(study, str(error))
            await self._design(study, 1, "fallback", f"{error}")
            return
        if answer.exhausted:
            search.spent = answer.study.space
        way, version, spec = answer.way, answer.study.space, answer.study.spec
        new = [
            NewTrial(recorded(spec, spec.space.check(s["params"])), s["origin"], s.get("why", ""))
            for s in answer.suggestions
        ]

        def add(conn: Connection) -> list[int]:
            current = queries.study_by_id(conn, study.id)
            if current.state not in (StudyState.RUNNING, StudyState.PAUSED) or current.space != version:
                return []
            # A quasi-random point may have taken the study's last place while the model was thinking.
            room = room_for(current.search_counts, current.search.trials, len(new))
            if not room or due_in(current).phase != way.phase:
                return []
            numbers = repository.add_trials(conn, study.id, new[:room], clock.now())
            repository.set_study_phase(conn, study.id, way.way, way.why, clock.now())
            return numbers

        for number in await self._database.writer.run(add):
            search.cuts[number] = answer.results
        await self._note(study, "")
        failpoints.reach("suggestion.stored")

    async def _renew(self, study: Study, trial: Trial) -> None:
        search = self.search(study.id)
        try:
            answer = await self._ask(study, search, 1, trial.number)
            search.cuts[trial.number] = answer.results
            if not answer.suggestions or answer.suggestions[0]["origin"] not in _MODELLED - {"fallback"}:
                return
            found, now_in = answer.suggestions[0], answer.study
            point = recorded(now_in.spec, now_in.spec.space.check(found["params"]))

            def swap(conn: Connection) -> None:
                if queries.study_by_id(conn, study.id).space == now_in.space and point != trial.params:
                    repository.replace_suggestion(
                        conn,
                        trial,
                        point,
                        origin=found["origin"],
                        why=found["why"],
                        space=now_in.space,
                        now=clock.now(),
                    )

            await self._database.writer.run(swap)
        except AdvisorFailed as error:
            # The point that waits is as good as it was.
            search.cuts[trial.number] = results_of(study)
            await self._note(study, str(error))
        finally:
            search.replacing = False

    async def _ask(self, study: Study, search: _Search, count: int, number: int | None = None) -> _Answer:
        """The model's next points; with a number, one for that trial.

        Raises:
            AdvisorFailed: There is no answer.
        """
        lock = await self._advisor.exclusive()
        async with lock:
            began = time.monotonic()
            study, next_number, way = await self._ready(study.id)
            await self._feed(study, search)
            wanted = next_number if number is None else number
            request = {"op": "suggest", "study": study.id, "number": wanted, "method": way.way, "count": count}
            if reproducible(study):
                request["cut"] = wanted - 2
            answer = await self._advisor.ask(request)
        found = [] if answer.get("exhausted") else [answer, *answer.get("more", ())]
        if found:
            search.pace.suggestion((time.monotonic() - began) / len(found))
        return _Answer(study, way, results_of(study), found, len(found) < count)

    async def _ready(self, study_id: int) -> tuple[Study, int, Due]:
        """The study as it stands, with its space refined where that is due, and its next number."""

        def look() -> tuple[Study, int, Due]:
            with self._database.read() as conn:
                study = queries.study_by_id(conn, study_id)
                return study, queries.next_number(conn, study_id), due_in(study)

        study, number, way = await asyncio.to_thread(look)
        if way.refine:
            study = await self._database.writer.run(lambda conn: refine_before(conn, study, way.phase, clock.now()))
        return study, number, way

    async def _note(self, study: Study, text: str) -> None:
        if study.note != text:
            await self._database.writer.run(lambda conn: repository.set_study_note(conn, study.id, text, clock.now()))

    async def _feed(self, study: Study, search: _Search) -> None:
        """Tell the advisor what it does not know yet."""
        await self._advisor.start()
        if search.fed_generation != self._advisor.generation or search.fed_space != study.space:
            await self._advisor.ask(
                {
                    "op": "study",
                    "study": study.id,
                    "space": study.spec.space.to_dict(),
                    "objectives": _goals(study),
                    "seed": study.spec.search.seed,
                    "method": study.spec.search.method,
                    "memory_limit": memory_limit(study.spec, self._slots),
                    "prior": await asyncio.to_thread(self._prior, study),
                }
            )
            search.fed_generation, search.fed_space, search.fed_seq = self._advisor.generation, study.space, 0
        while True:
            rows, rungs, peaks = await asyncio.to_thread(self._changed, study, search.fed_seq)
            if not rows:
                return
            told = [
                _advisor_row(trial, rungs.get(trial.id, {}), peaks.get(trial.id))
                for _, trial in rows
                if trial.stage == SEARCH
            ]
            if told:
                await self._advisor.ask({"op": "trials", "study": study.id, "rows": told})
            search.fed_seq = rows[-1][0]

    def _prior(self, study: Study) -> list[dict[str, object]]:
        if not study.spec.search.sources:
            return []
        with self._database.read() as conn:
            found = prior_trials(conn, study.spec, study.created_at)
        return [{**_advisor_row(trial, {}, None), "number": -i} for i, trial in enumerate(found, 1)]

    def _changed(
        self, study: Study, seq: int
    ) -> tuple[list[tuple[int, Trial]], dict[int, dict[int, float]], dict[int, float]]:
        """Trials that moved since, with their values at rungs and their peaks of memory."""
        with self._database.read() as conn:
            rows = queries.changed_since(conn, study.id, seq, FEED_ROWS)
            ended = [trial.id for _, trial in rows if trial.state in TERMINAL]
            peaks = queries.peak_memory(conn, ended, uses_gpu(study.spec, self._slots))
            stops = study.spec.early_stopping is not None
            return rows, queries.rung_values(conn, [trial.id for _, trial in rows]) if stops else {}, peaks

    def warm_up(self) -> None:
        """Start the advisor now, because importing Ax takes seconds and it will be needed."""

        async def start() -> None:
            try:
                async with await self._advisor.exclusive():
                    await self._advisor.ask({"op": "ping"})
            except AdvisorFailed as error:
                log.warning("%s", error)

        task = asyncio.create_task(start())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self, study_id: int) -> None:
        """The study is gone."""
        self._searches.pop(study_id, None)

    async def close(self) -> None:
        """Drop what is under way."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        await self._advisor.stop()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the advisor said of a study as it was when it was asked; `results`: those it knew."""

    study: Study
    way: Due
    results: int
    suggestions: list[dict[str, Any]]
    exhausted: bool


def _goals(study: Study) -> list[dict[str, object]]:
    goals: list[dict[str, object]] = [{"metric": o.metric, "direction": o.direction} for o in study.spec.objectives]
    for c in study.spec.constraints:
        if c.at_most is not None:
            goals.append({"metric": c.metric, "direction": "minimize", "bound": c.at_most})
        if c.at_least is not None:
            goals.append({"metric": c.metric, "direction": "maximize", "bound": c.at_least})
    return goals


def _advisor_row(trial: Trial, rungs: dict[int, float], memory: float | None) -> dict[str, object]:
    ended = trial.state in TERMINAL
    return {
        "number": trial.number,
        "params": trial.params,
        "state": trial.state.value,
        "failure": trial.failure.value if trial.failure else None,
        "values": {k: (v if math.isfinite(v) else str(v)) for k, v in trial.values.items()} if ended else {},
        "origin": trial.origin,
        "rungs": rungs,
        "memory": memory,
    }
