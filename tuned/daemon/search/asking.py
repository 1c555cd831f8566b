"""A conversation with the advisor about one study: what it does not know yet, then the question.

Owns what each study has told the advisor so far. The advisor holds only a cache: one that was started anew is told all
of it again. The use of an answer is `tuned.daemon.search.suggesting`'s.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from tuned.advisor.messages import (
    DefineStudy,
    Forget,
    ObjectiveLine,
    Ping,
    Suggest,
    Suggestion,
    TrialLine,
    UpdateTrials,
    to_request,
)
from tuned.core.search.phases import Due
from tuned.core.space import Point
from tuned.core.states import TERMINAL, StoppedBy
from tuned.core.study import SEARCH, Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock
from tuned.daemon.machine.memory import memory_limit, uses_gpu
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.advisor_process import ANSWER_S, AdvisorFailed, AdvisorProcess
from tuned.daemon.search.freshness import settle_lag
from tuned.daemon.search.priors import prior_trials
from tuned.daemon.search.space_versions import refine_before
from tuned.daemon.search.ways import awaits_result, due_in, lag, reproducible, results_of, too_early

TURN_S = 30.0
"""Seconds after which a question is taken off the process that all studies share; its study asks the other one then."""
FEED_ROWS = 2000
"""Trials that are told in one request."""


@dataclass(slots=True)
class _Fed:
    """How far one of the processes knows a study: since which start, which version of the space, up to which event."""

    study_id: int
    advisor: AdvisorProcess
    generation: int = -1
    space: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Suggested:
    """A point of the study's space, what made it, and why."""

    params: Point
    origin: str
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The advisor's answer on a study.

    Attributes:
        study: As it was when the advisor was asked.
        way: How its next point was to be chosen.
        results: How many results the advisor knew.
        suggestions: Fewer than were asked for when the space is `exhausted`.
        seconds: How long all of it took.
    """

    study: Study
    way: Due
    results: int
    suggestions: list[Suggested]
    exhausted: bool
    seconds: float


class Asking:
    """Asks the advisor for points, one conversation at a time.

    Args:
        database: Where the studies are.
        shared: The process that studies share while their questions are short.
        slow: The process of studies whose questions are long: no other study waits for them.
        slots: The machine's.
    """

    def __init__(self, database: Database, shared: AdvisorProcess, slow: AdvisorProcess, slots: Slots) -> None:
        self._database = database
        self._shared, self._slow = shared, slow
        self._slots = slots
        self._fed: dict[int, _Fed] = {}
        self._ended: list[_Fed] = []

    async def ask(self, study_id: int, count: int, number: int | None = None) -> Answer:
        """The model's next points; with a number, one for that trial. None at all while a result is to be awaited.

        Raises:
            AdvisorFailed: There is no answer.
        """
        fed = self._fed.setdefault(study_id, _Fed(study_id, self._shared))
        advisor = fed.advisor
        async with await advisor.exclusive():
            began = time.monotonic()
            study, next_number, way = await self._ready(study_id)
            if awaits_result(study) or too_early(study):
                return Answer(study, way, results_of(study), [], False, 0.0)
            await advisor.start()
            if fed.generation != advisor.generation:
                # Its imports are not part of the question: on a busy machine they alone take longer than a turn.
                await advisor.ask(to_request(Ping()))
            await self._drop_ended(advisor)
            await self._feed(study, fed)
            wanted = next_number if number is None else number
            cut = wanted - 1 - lag(study) if reproducible(study) else None
            request = to_request(Suggest(study.id, wanted, way.way, count, cut))
            try:
                answer = await advisor.ask(request, TURN_S if advisor is self._shared else ANSWER_S)
            except AdvisorFailed as error:
                if error.hung and advisor is self._shared:
                    self._fed[study_id], error.again_s = _Fed(study_id, self._slow), 0.0
                raise
        made = [Suggestion.from_answer(one) for one in (answer, *answer.get("more", ()))]
        found = [Suggested(s.params, s.origin, s.why) for s in made if s.params is not None]
        return Answer(study, way, results_of(study), found, len(found) < count, time.monotonic() - began)

    def forget(self, study_id: int) -> None:
        """The study is over or gone; the advisor hears of it before the next question."""
        if (fed := self._fed.pop(study_id, None)) is not None:
            self._ended.append(fed)

    async def _ready(self, study_id: int) -> tuple[Study, int, Due]:
        """The study as it stands, with its space refined where that is due, and its next number."""

        def look(conn: Connection) -> tuple[Study, int, Due]:
            study = settle_lag(conn, study_id, clock.now())
            return study, queries.next_number(conn, study_id), due_in(study)

        study, number, way = await self._database.writer.run(look)
        if way.refine and not too_early(study):
            study = await self._database.writer.run(lambda conn: refine_before(conn, study, way.phase, clock.now()))
        return study, number, way

    async def _drop_ended(self, advisor: AdvisorProcess) -> None:
        """Have the advisor let go of studies that are over; one that was started since never knew them."""
        over = [fed for fed in self._ended if fed.advisor is advisor]
        self._ended = [fed for fed in self._ended if fed.advisor is not advisor]
        for fed in over:
            if fed.generation == advisor.generation:
                await advisor.ask(to_request(Forget(fed.study_id)))

    async def _feed(self, study: Study, fed: _Fed) -> None:
        """Tell the advisor what it does not know yet."""
        advisor = fed.advisor
        if fed.generation != advisor.generation or fed.space != study.space:
            definition = DefineStudy(
                study.id,
                study.spec.space,
                _goals(study),
                study.spec.search.seed,
                study.spec.search.method,
                memory_limit(study.spec, self._slots),
                await asyncio.to_thread(self._prior, study),
            )
            await advisor.ask(to_request(definition))
            fed.generation, fed.space, fed.seq = advisor.generation, study.space, 0
        while True:
            rows, lines = await asyncio.to_thread(self._changed, study, fed.seq)
            if not rows:
                return
            told = tuple(lines)
            if told:
                await advisor.ask(to_request(UpdateTrials(study.id, told)))
            fed.seq = rows[-1][0]

    def _prior(self, study: Study) -> tuple[TrialLine, ...]:
        if not study.spec.search.sources:
            return ()
        with self._database.read() as conn:
            found = prior_trials(conn, study.spec, study.created_at)
        return tuple(replace(_line(trial, {}, None), number=-i) for i, trial in enumerate(found, 1))

    def _changed(self, study: Study, seq: int) -> tuple[list[tuple[int, Trial]], list[TrialLine]]:
        """Trials that moved since, and those of the search as the advisor takes them."""
        stops, objective = study.spec.early_stopping, study.spec.objective
        with self._database.read() as conn:
            rows = queries.changed_since(conn, study.id, seq, FEED_ROWS)
            ids = [trial.id for _, trial in rows]
            ended = [trial.id for _, trial in rows if trial.state in TERMINAL]
            peaks = queries.peak_memory(conn, ended, uses_gpu(study.spec, self._slots))
            rungs = queries.rung_values(conn, ids) if stops else {}
            folds = queries.fold_values(conn, ended, objective.metric) if stops and stops.folds and objective else {}
        return rows, [
            replace(_line(t, rungs.get(t.id, {}), peaks.get(t.id)), folds=folds.get(t.id, {}))
            for _, t in rows
            if t.stage == SEARCH
        ]


def _goals(study: Study) -> tuple[ObjectiveLine, ...]:
    """The objectives, and each bound of a constraint as one more that is to be kept."""
    goals = [ObjectiveLine(o.metric, o.direction) for o in study.spec.objectives]
    for c in study.spec.constraints:
        if c.at_most is not None:
            goals.append(ObjectiveLine(c.metric, "minimize", c.at_most))
        if c.at_least is not None:
            goals.append(ObjectiveLine(c.metric, "maximize", c.at_least))
    return tuple(goals)


def _line(trial: Trial, rungs: dict[int, float], memory: float | None) -> TrialLine:
    values = trial.values if trial.state in TERMINAL and trial.stopped_by != StoppedBy.DISK else {}
    told = TrialLine(trial.number, trial.params, trial.state, values, trial.failure, trial.origin, rungs, memory)
    return replace(told, stopped_by=trial.stopped_by)
