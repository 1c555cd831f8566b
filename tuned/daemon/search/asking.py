"""A conversation with the advisor about one study: what it does not know yet, then the question.

Owns what each study has told the advisor so far. The advisor holds only a cache: one that was started anew is told all
of it again. What becomes of an answer is `tuned.daemon.search.suggesting`'s.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from tuned.core.search.phases import Due
from tuned.core.states import TERMINAL
from tuned.core.study import SEARCH, Study
from tuned.core.trial import Trial
from tuned.daemon import clock
from tuned.daemon.machine.memory import memory_limit, uses_gpu
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.advisor_process import AdvisorProcess
from tuned.daemon.search.priors import prior_trials
from tuned.daemon.search.spaces import refine_before
from tuned.daemon.search.ways import due_in, reproducible, results_of

FEED_ROWS = 2000
"""Trials that are told in one request."""


@dataclass(slots=True)
class _Fed:
    """What an advisor has been told of a study: which start of it, which version of the space, up to which event."""

    generation: int = -1
    space: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the advisor said of a study.

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
    suggestions: list[dict[str, Any]]
    exhausted: bool
    seconds: float


class Asking:
    """Asks the advisor for points, one conversation at a time."""

    def __init__(self, database: Database, advisor: AdvisorProcess, slots: Slots) -> None:
        self._database = database
        self._advisor = advisor
        self._slots = slots
        self._fed: dict[int, _Fed] = {}

    async def ask(self, study_id: int, count: int, number: int | None = None) -> Answer:
        """The model's next points; with a number, one for that trial.

        Raises:
            AdvisorFailed: There is no answer.
        """
        async with await self._advisor.exclusive():
            began = time.monotonic()
            study, next_number, way = await self._ready(study_id)
            await self._feed(study)
            wanted = next_number if number is None else number
            request = {"op": "suggest", "study": study.id, "number": wanted, "method": way.way, "count": count}
            if reproducible(study):
                request["cut"] = wanted - 2
            answer = await self._advisor.ask(request)
        found = [] if answer.get("exhausted") else [answer, *answer.get("more", ())]
        return Answer(study, way, results_of(study), found, len(found) < count, time.monotonic() - began)

    def forget(self, study_id: int) -> None:
        """The study is gone."""
        self._fed.pop(study_id, None)

    async def _ready(self, study_id: int) -> tuple[Study, int, Due]:
        """The study as it stands, with its space refined where that is due, and its next number."""

        def look(conn: Connection) -> tuple[Study, int, Due]:
            study = queries.study_by_id(conn, study_id)
            return study, queries.next_number(conn, study_id), due_in(study)

        study, number, way = await self._database.ask(look)
        if way.refine:
            study = await self._database.writer.run(lambda conn: refine_before(conn, study, way.phase, clock.now()))
        return study, number, way

    async def _feed(self, study: Study) -> None:
        """Tell the advisor what it does not know yet."""
        await self._advisor.start()
        fed = self._fed.setdefault(study.id, _Fed())
        if fed.generation != self._advisor.generation or fed.space != study.space:
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
            fed.generation, fed.space, fed.seq = self._advisor.generation, study.space, 0
        while True:
            rows, rungs, peaks = await asyncio.to_thread(self._changed, study, fed.seq)
            if not rows:
                return
            told = [
                _advisor_row(trial, rungs.get(trial.id, {}), peaks.get(trial.id))
                for _, trial in rows
                if trial.stage == SEARCH
            ]
            if told:
                await self._advisor.ask({"op": "trials", "study": study.id, "rows": told})
            fed.seq = rows[-1][0]

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
