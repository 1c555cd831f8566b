"""Trials: lists, one in detail, its output, observations, the queue."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import InvalidInput, NotFound
from tuned.core.rungs import Decision
from tuned.core.states import LIVE, TrialState
from tuned.core.trial import Trial
from tuned.daemon import run_dirs, verbs
from tuned.daemon.api.context import Context, Given
from tuned.daemon.output import read_output
from tuned.daemon.rows import metric_row, rung_row, trial_row
from tuned.wire import LogChunk, MetricRow, TrialDetail, TrialRow

router = APIRouter(tags=["trials"])

LARGEST = 2**31
SHOWN_LINES = 20
"""Of those that could not be read."""
Number = Annotated[int, Path(ge=1, lt=LARGEST)]


@router.get("/studies/{name}/trials")
async def trials(
    name: str,
    given: Given,
    state: Annotated[list[TrialState] | None, Query()] = None,
    sort: str = "number",
    descending: bool = False,
    limit: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
    offset: Annotated[int, Query(ge=0, lt=LARGEST)] = 0,
) -> list[TrialRow]:
    """A study's trials.

    `sort` is number, value (or the objective's name), state, priority, created, started, ended or `params.NAME`.
    """
    study = await given.service.study(name)
    objective = study.spec.objective
    if objective is not None and sort == objective.metric:
        sort = "value"
    found = await given.service.read(
        lambda conn: queries.trials(
            conn, study.id, states=state, sort=sort, descending=descending, limit=limit, offset=offset
        )
    )
    return [trial_row(trial) for trial in found]


async def _trial(given: Context, name: str, number: int) -> Trial:
    study = await given.service.study(name)
    trial = await given.service.read(lambda conn: queries.trial(conn, study.id, number))
    if trial is None:
        raise NotFound("there is no such trial", where=f"{name}/{number}", hint=f"tunectl trials {name}")
    return trial


@router.get("/studies/{name}/trials/{number}")
async def detail(name: str, number: Number, given: Given) -> TrialDetail:
    """One trial with its folders, arguments and attempts."""
    trial = await _trial(given, name, number)
    study = await given.service.study(name)

    def more(conn: Connection) -> tuple[list[dict[str, object]], str, int, list[dict[str, object]], list[Decision]]:
        shown = [asdict(line) for line in queries.bad_lines(conn, trial.id)[:SHOWN_LINES]]
        attempts, traceback = queries.attempts(conn, trial.id), queries.traceback_of(conn, trial.id)
        return attempts, traceback, queries.bad_line_count(conn, trial.id), shown, queries.decisions(conn, trial.id)

    attempts, traceback, bad, unreadable, decisions = await given.service.read(more)
    objective = study.spec.objective
    return TrialDetail(
        trial=trial_row(trial),
        run_dir=str(attempts[-1]["run_dir"]) if attempts else None,
        checkpoint_dir=str(run_dirs.checkpoint_dir(given.service.runs, name, run_dirs.checkpoints_of(trial))),
        arguments=given.service.arguments(study, trial),
        traceback=traceback,
        bad_lines=bad,
        attempts=attempts,
        rungs=[rung_row(decision, objective.metric if objective else "") for decision in decisions],
        unreadable=unreadable,
    )


@router.get("/studies/{name}/trials/{number}/log")
async def log(
    name: str,
    number: Number,
    given: Given,
    offset: Annotated[int, Query(gt=-LARGEST, lt=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=2**22)] = 65536,
    attempt: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
) -> LogChunk:
    """A piece of an attempt's output; a negative offset counts from its end."""
    trial = await _trial(given, name, number)
    wanted = attempt or trial.attempt
    attempts = await given.service.read(lambda conn: queries.attempts(conn, trial.id))
    row = next((a for a in attempts if a["attempt"] == wanted), None)
    if row is None:
        if attempt is not None:
            raise NotFound("there is no such attempt", where=f"{name}/{number}")
        return LogChunk("", 0, 0, ended=False)
    ended = wanted < trial.attempt or trial.state not in LIVE
    text, following = await asyncio.to_thread(read_output, FilePath(str(row["run_dir"])), offset, limit)
    return LogChunk(text, wanted, following, ended)


@router.get("/metrics")
async def metrics(
    target: str,
    given: Given,
    name: str | None = None,
    limit: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
) -> list[MetricRow]:
    """Observations of the trials that a target names, by trial, name and step."""

    def find(conn: Connection) -> list[MetricRow]:
        rows: list[MetricRow] = []
        for study, parsed, found in verbs.resolve(conn, [target]):
            for trial in queries.trials(conn, study.id) if parsed.is_study else found:
                seen = queries.observations(conn, trial.id, name, limit)
                rows += [metric_row(study.name, trial.number, observation) for observation in seen]
        return rows

    if not target:
        raise InvalidInput("no target was given", where="target", hint="such as digits/7")
    return await given.service.read(find)


@router.get("/queue")
async def queue(given: Given) -> list[TrialRow]:
    """Live and queued trials of all studies, in running order."""

    def find(conn: Connection) -> list[Trial]:
        live = [attempt.trial for attempt in queries.live(conn)]
        return live + queries.queue_heads(conn, 1000)

    return [trial_row(trial) for trial in await given.service.read(find)]
