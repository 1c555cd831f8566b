"""Making suggestions: design points here and now, model points from the advisor, ahead of need.

Owns what each study has asked for and is waiting for. Points become queued trials in the database; until then a
suggestion is worth nothing and may be lost. The requests to the advisor are `tuned.daemon.search.asking`'s.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from tuned.advisor.messages import Ping, to_request
from tuned.core.program.arguments import recorded
from tuned.core.queue.schedule import Ask, room_for
from tuned.core.search.model_share import FALLBACK, MODELLED
from tuned.core.space import canonical_key
from tuned.core.states import STUDY_OPEN
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.estimates.pace import Pace
from tuned.daemon.loops import Loops, in_background
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.advisor_process import AdvisorFailed, AdvisorProcess
from tuned.daemon.search.asking import Answer, Asking
from tuned.daemon.search.points import add_design_points, untried
from tuned.daemon.search.taken import Taken
from tuned.daemon.search.ways import due_in, reproducible, results_of

log = logging.getLogger(__name__)

PATIENCE = 0.05
"""Share of a mean trial for which an idle slot waits for the advisor before a point made without it takes it."""
BATCH = 4
"""Suggestions asked for at once: they share one fit, but the first of them waits for the last."""
ANEW = 2
"""How often one question is asked anew, at most: what ends one process each time ends them all."""
REPLACING = 0.1
"""Suggestions that have not started are made anew with new results while that takes less than this share of a trial."""
_RENEWED = frozenset({*MODELLED, FALLBACK})


@dataclass(slots=True)
class _Search:
    """Work under way for one study: suggestions asked for, and slots being filled without waiting for one.

    Attributes:
        cuts: Trial number -> results that were known when its point was suggested.
        spent: Version of the space of which every point has been tried.
    """

    asked: int = 0
    filling: int = 0
    replacing: bool = False
    idle_since: float | None = None
    spent: int = 0
    cuts: dict[int, int] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)


class Suggesting:
    """Answers the plan's asks. All methods are for the event loop."""

    def __init__(
        self,
        database: Database,
        advisor: AdvisorProcess,
        slow: AdvisorProcess,
        slots: Slots,
        wake: asyncio.Event,
        loops: Loops,
    ) -> None:
        self._database = database
        self._advisor, self._slow = advisor, slow
        self._asking = Asking(database, advisor, slow, slots)
        self._wake = wake
        self._loops = loops
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
        """Slots wait for this study's next suggestion: after a moment's patience a point near the best fills them.

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
        late = "its answer was not there yet" if self._advisor.state == "ready" else f"it is {self._advisor.state}"
        why = f"a slot was idle and the advisor was late: {late}"
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
            if trial.attempt == 0 and trial.origin in _RENEWED and search.cuts.get(trial.number, -1) < results
        ]
        if stale:
            search.replacing = True
            oldest = min(stale, key=lambda trial: (search.cuts.get(trial.number, -1), trial.number))
            self._spawn(self._renew(study, oldest), search, 0)

    async def _fill(self, study: Study, slots: int, why: str) -> None:
        search = self.search(study.id)
        search.filling += slots
        try:
            await self._design(study, slots, FALLBACK, why)
        finally:
            search.filling -= slots
        await self._note_share(study)

    def _spawn(self, work: object, search: _Search, count: int) -> None:
        search.asked += count

        async def run() -> None:
            try:
                await work  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - a suggestion that could not be made costs a tick
                self._loops.failed("suggesting", error)
                await asyncio.sleep(1.0)
            finally:
                search.asked -= count
                self._wake.set()

        in_background(run(), self._tasks)

    async def _design(self, study: Study, count: int, origin: str | None = None, why: str = "") -> None:
        def add(conn: Connection) -> bool:
            return add_design_points(conn, study.id, count, origin, why, clock.now())

        if not await self._database.writer.run(add):
            self.search(study.id).spent = study.space
        failpoints.reach("suggestion.stored")

    async def _model(self, study: Study, count: int) -> None:
        search = self.search(study.id)
        try:
            answer = await self._answer(study, count)
        except AdvisorFailed as error:
            await self._design(study, 1, FALLBACK, f"{error}")
            await self._note_share(study)
            return
        if answer.exhausted:
            search.spent = answer.study.space
        way, version = answer.way, answer.study.space

        def add(conn: Connection) -> list[int]:
            current = queries.study_by_id(conn, study.id)
            if current.state not in STUDY_OPEN or current.space != version:
                return []
            # A point made without it may have taken the study's last place while the model was thinking.
            room = room_for(current.point_counts, current.search.trials, len(answer.suggestions))
            if not room or due_in(current).phase != way.phase:
                return []
            new = untried(conn, current, answer.suggestions[:room])
            if len(new) < room:
                search.spent = version
            numbers = repository.add_trials(conn, study.id, new, clock.now())
            repository.set_study_phase(conn, study.id, way.way, way.why, clock.now())
            return numbers

        for number in await self._database.writer.run(add):
            search.cuts[number] = answer.results
        await self._note_share(study)
        failpoints.reach("suggestion.stored")

    async def _renew(self, study: Study, trial: Trial) -> None:
        search = self.search(study.id)
        try:
            answer = await self._ask(study, 1, trial.number)
            search.cuts[trial.number] = answer.results
            if not answer.suggestions or answer.suggestions[0].origin not in MODELLED:
                return
            found, now_in = answer.suggestions[0], answer.study
            point = recorded(now_in.spec, now_in.spec.space.check(found.params))

            def swap(conn: Connection) -> None:
                tried = canonical_key(point) in Taken(conn, study.id)
                if queries.study_by_id(conn, study.id).space == now_in.space and not tried:
                    repository.replace_suggestion(
                        conn,
                        trial,
                        point,
                        origin=found.origin,
                        why=found.why,
                        space=now_in.space,
                        now=clock.now(),
                    )

            await self._database.writer.run(swap)
            await self._note_share(study)
        except AdvisorFailed as error:
            # The point that waits is as good as it was.
            search.cuts[trial.number] = results_of(study)
            log.warning("%s: trial %d keeps its point: %s", study.name, trial.number, error)
        finally:
            search.replacing = False

    async def _answer(self, study: Study, count: int) -> Answer:
        """The model's next points; a study of one trial at a time asks anew where the process died, or was too slow.

        Its trials are to be the same ones again, whatever became of the advisor while it was asked.
        """
        for _ in range(ANEW if reproducible(study) else 0):
            try:
                return await self._ask(study, count)
            except AdvisorFailed as error:
                if error.again_s is None:
                    raise
                await asyncio.sleep(error.again_s)
        return await self._ask(study, count)

    async def _ask(self, study: Study, count: int, number: int | None = None) -> Answer:
        answer = await self._asking.ask(study.id, count, number)
        if answer.suggestions:
            self.pace(study.id).suggestion(answer.seconds / len(answer.suggestions))
        return answer

    async def _note_share(self, study: Study) -> None:
        """Say how many points were made in the model's place, and why; nothing when there is none."""

        def note(conn: Connection) -> None:
            repository.set_study_note(conn, study.id, queries.model_share(conn, study.id).words, clock.now())

        await self._database.writer.run(note)

    def warm_up(self) -> None:
        """Start the advisor now, because importing Ax takes seconds and it will be needed."""

        async def start() -> None:
            try:
                async with await self._advisor.exclusive():
                    await self._advisor.ask(to_request(Ping()))
            except AdvisorFailed as error:
                log.warning("%s", error)

        in_background(start(), self._tasks)

    def forget(self, study_id: int) -> None:
        """The study is gone."""
        self._searches.pop(study_id, None)
        self._asking.forget(study_id)

    async def close(self) -> None:
        """Drop what is under way."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        await self._advisor.stop()
        await self._slow.stop()
