"""Making suggestions: design points here and now, model points from the advisor, ahead of need.

Owns what each study has asked for and is waiting for. Points become queued trials in the database; until then a
suggestion is worth nothing and may be lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Container
from dataclasses import dataclass, field

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from storage.repository import NewTrial
from tuned.core.arguments import recorded
from tuned.core.design import Method, fresh_point
from tuned.core.grid import fresh_grid_point
from tuned.core.phases import Due, due
from tuned.core.schedule import Ask, room_for
from tuned.core.space import Point
from tuned.core.states import TERMINAL, StudyState, TrialState
from tuned.core.study import SEARCH, Study
from tuned.core.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.advisor_process import AdvisorFailed, AdvisorProcess
from tuned.daemon.pace import Pace

log = logging.getLogger(__name__)

PATIENCE = 0.05
"""Share of a mean trial for which an idle slot waits for the advisor before a quasi-random point takes it."""
FEED_ROWS = 2000


@dataclass(slots=True)
class _Search:
    """What is under way for one study: suggestions asked for, and slots being filled without waiting for one."""

    asked: int = 0
    filling: int = 0
    fed_generation: int = -1
    fed_seq: int = 0
    idle_since: float | None = None
    exhausted: bool = False
    pace: Pace = field(default_factory=Pace)


class Suggesting:
    """Answers the plan's asks. All methods are for the event loop."""

    def __init__(self, database: Database, advisor: AdvisorProcess, wake: asyncio.Event) -> None:
        self._database = database
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

    def exhausted(self, study_id: int) -> bool:
        """Whether every point of the space has been tried."""
        return self.search(study_id).exhausted

    def by_design(self, study: Study) -> bool:
        """Whether the next suggestion comes from a design, and not from what results say."""
        return due_in(study).by_design

    def begin(self, ask: Ask, study: Study) -> None:
        """Make these suggestions."""
        search = self.search(study.id)
        if self.by_design(study):
            self._spawn(self._design(study, ask.count), search, ask.count)
            return
        self._spawn(self._model(study), search, 1)

    def idle(self, study: Study, slots: int) -> None:
        """Slots wait for this study's next suggestion: after a moment's patience a quasi-random point fills them."""
        search = self.search(study.id)
        slots -= search.filling
        if slots <= 0:
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
            self.search(study.id).exhausted = True
        failpoints.reach("suggestion.stored")

    async def _model(self, study: Study) -> None:
        search = self.search(study.id)
        lock = await self._advisor.exclusive()
        began = time.monotonic()
        try:
            async with lock:
                began = time.monotonic()
                await self._feed(study, search)
                number, way = await asyncio.to_thread(self._next, study.id)
                request = {"op": "suggest", "study": study.id, "number": number, "method": way.way}
                answer = await self._advisor.ask(request)
        except AdvisorFailed as error:
            await self._note(study, str(error))
            await self._design(study, 1, "fallback", f"{error}")
            return
        if answer.get("exhausted"):
            search.exhausted = True
            return
        search.pace.suggestion(time.monotonic() - began)
        point = recorded(study.spec, study.spec.space.check(answer["params"]))
        new = NewTrial(params=point, origin=answer["origin"], why=answer.get("why", ""))

        def add(conn: Connection) -> None:
            current = queries.study_by_id(conn, study.id)
            # A quasi-random point may have taken the study's last place while the model was thinking.
            open_ = current.state in (StudyState.RUNNING, StudyState.PAUSED) and room_for(
                current.search_counts, current.search.trials, 1
            )
            if open_ and due_in(current).phase == way.phase:
                repository.add_trials(conn, study.id, [new], clock.now())
                repository.set_study_phase(conn, study.id, way.way, way.why, clock.now())

        await self._database.writer.run(add)
        await self._note(study, "")
        failpoints.reach("suggestion.stored")

    async def _note(self, study: Study, text: str) -> None:
        if study.note != text:
            await self._database.writer.run(lambda conn: repository.set_study_note(conn, study.id, text, clock.now()))

    def _next(self, study_id: int) -> tuple[int, Due]:
        with self._database.read() as conn:
            return queries.next_number(conn, study_id), due_in(queries.study_by_id(conn, study_id))

    async def _feed(self, study: Study, search: _Search) -> None:
        """Tell the advisor what it does not know yet."""
        await self._advisor.start()
        if search.fed_generation != self._advisor.generation:
            await self._advisor.ask(
                {
                    "op": "study",
                    "study": study.id,
                    "space": study.spec.space.to_dict(),
                    "objectives": _goals(study),
                    "seed": study.spec.search.seed,
                    "method": study.spec.search.method,
                }
            )
            search.fed_generation, search.fed_seq = self._advisor.generation, 0
        while True:
            rows, rungs = await asyncio.to_thread(self._changed, study, search.fed_seq)
            if not rows:
                return
            told = [_advisor_row(trial, rungs.get(trial.id, {})) for _, trial in rows if trial.stage == SEARCH]
            if told:
                await self._advisor.ask({"op": "trials", "study": study.id, "rows": told})
            search.fed_seq = rows[-1][0]

    def _changed(self, study: Study, seq: int) -> tuple[list[tuple[int, Trial]], dict[int, dict[int, float]]]:
        with self._database.read() as conn:
            rows = queries.changed_since(conn, study.id, seq, FEED_ROWS)
            if study.spec.early_stopping is None:
                return rows, {}
            return rows, queries.rung_values(conn, [trial.id for _, trial in rows])

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


def _goals(study: Study) -> list[dict[str, object]]:
    goals: list[dict[str, object]] = [{"metric": o.metric, "direction": o.direction} for o in study.spec.objectives]
    for c in study.spec.constraints:
        if c.at_most is not None:
            goals.append({"metric": c.metric, "direction": "minimize", "bound": c.at_most})
        if c.at_least is not None:
            goals.append({"metric": c.metric, "direction": "maximize", "bound": c.at_least})
    return goals


def _advisor_row(trial: Trial, rungs: dict[int, float]) -> dict[str, object]:
    ended = trial.state in TERMINAL
    return {
        "number": trial.number,
        "params": trial.params,
        "state": trial.state.value,
        "failure": trial.failure.value if trial.failure else None,
        "values": {k: (v if v - v == 0 else str(v)) for k, v in trial.values.items()} if ended else {},
        "origin": trial.origin,
        "rungs": rungs,
    }


def add_design_points(conn: Connection, study_id: int, count: int, origin: str | None, why: str, now: float) -> bool:
    """Queue the next quasi-random (or random) points of a study; runs in the writer's thread.

    Returns:
        False when no new point could be found: the space is exhausted.
    """
    study = queries.study_by_id(conn, study_id)
    if study.state not in (StudyState.RUNNING, StudyState.PAUSED):
        return True
    taken = _Taken(conn, study_id)
    for made in range(room_for(study.search_counts, study.search.trials, count)):
        way = due_in(study, made)
        if made and not way.by_design:
            # The design is complete; the scheduler asks again.
            return True
        point, method, reason = _design_point(study, way, queries.next_number(conn, study_id), taken)
        if point is None:
            return False
        new = NewTrial(params=recorded(study.spec, point), origin=origin or method, why=why or reason)
        repository.add_trials(conn, study_id, [new], now)
        if origin is None:
            repository.set_study_phase(conn, study_id, method, way.why, now)
    return True


def _design_point(study: Study, way: Due, number: int, taken: Container[str]) -> tuple[Point | None, str, str]:
    """The point of that number, its method, and why it is this one."""
    search, space = study.search, study.spec.space
    if way.way == "grid":
        index = number - way.begun - len(search.points)
        point = fresh_grid_point(space, way.levels, max(0, index - 1), taken)
        return point, "grid", f"point {index} of the grid with {way.levels} levels"
    method: Method = "random" if way.way == "random" else "sobol"
    reason = f"point {number} of the {method} design with seed {search.seed}"
    return fresh_point(space, search.seed, number - 1, taken, method), method, reason


def due_in(study: Study, more: int = 0) -> Due:
    """How the study's next point is chosen, once it has so many trials more."""
    counts = study.search_counts
    finished = counts.get(TrialState.COMPLETED, 0) + counts.get(TrialState.PRUNED, 0)
    return due(study.spec.space, study.search, finished, sum(counts.values()) + more)


class _Taken(Container[str]):
    """The keys of the points that a study has tried, asked for one by one."""

    def __init__(self, conn: Connection, study_id: int) -> None:
        self._conn = conn
        self._study_id = study_id

    def __contains__(self, key: object) -> bool:
        return bool(queries.known_keys(self._conn, self._study_id, [str(key)]))
