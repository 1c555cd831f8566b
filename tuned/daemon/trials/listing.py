"""Trials: lists, one in detail, its output, observations, the queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from sqlalchemy import Connection

from storage import queries
from storage.queries import Order
from tuned.core.errors import InvalidInput, NotFound
from tuned.core.names import nearest
from tuned.core.search.rungs import Decision
from tuned.core.states import LIVE, TrialState
from tuned.core.study import Study
from tuned.core.trials.filter import Columns, InStates, TrialFilter, parse
from tuned.core.trials.trial import Trial
from tuned.daemon import resolving
from tuned.daemon.estimates.starts import Lane, Running, start_estimates
from tuned.daemon.files import run_dirs
from tuned.daemon.files.output import missing_output, read_output
from tuned.daemon.http.context import Context, Given
from tuned.daemon.launch.trial_spec import shown_arguments, shown_command
from tuned.daemon.rows import metric_row, rung_row, trial_row
from tuned.protocol import encode_number
from tuned.wire import BestSoFar, BestStep, LogChunk, MetricRow, TrialDetail, TrialNumbers, TrialRow

router = APIRouter(tags=["trials"])

LARGEST = 2**31
SHOWN_LINES = 20
"""Of those that could not be read."""
Number = Annotated[int, Path(ge=1, lt=LARGEST)]


Filter = Annotated[str, Query(alias="filter", max_length=4000)]


def _order(study: Study, text: str, state: Sequence[str] | None, sort: str, descending: bool) -> Order:
    """The order that a request means; `sort` may be the first objective's name."""
    found = parse(text)
    if state is not None:
        found = TrialFilter(found.text, (InStates(frozenset(state)), *found.terms))
    objective, spec = study.spec.objective, study.spec
    if objective is not None and sort == objective.metric:
        sort = "value"
    named, known = sort.removeprefix("params."), (*spec.space.names, *dict(spec.space.gone))
    if named != sort and named not in known:
        raise InvalidInput(f"trials have no parameter {named!r}", where="sort", hint=nearest(named, known))
    columns = Columns(spec.space.names, tuple(measured.metric for measured in spec.measured))
    return Order(study.id, columns, found, sort, descending, time.time())


@router.get("/studies/{name}/trials")
async def trials(
    name: str,
    given: Given,
    state: Annotated[list[TrialState] | None, Query()] = None,
    filter: Filter = "",
    sort: str = "number",
    descending: bool = False,
    limit: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
    offset: Annotated[int, Query(ge=0, lt=LARGEST)] = 0,
) -> list[TrialRow]:
    """A study's trials.

    `filter` is such as `state:run lr<1e-3 act=relu text`; `sort` is number, value (or the objective's name), state,
    priority, step, created, started, ended, elapsed, attempt, origin, device or `params.NAME`.
    """
    study = await given.service.study(name)
    order = _order(study, filter, state, sort, descending)
    found = await given.service.read(lambda conn: queries.trial_page(conn, order, limit, offset))
    return [trial_row(trial) for trial in found]


@router.get("/studies/{name}/trial-numbers")
async def trial_numbers(
    name: str,
    given: Given,
    state: Annotated[list[TrialState] | None, Query()] = None,
    filter: Filter = "",
    sort: str = "number",
    descending: bool = False,
    limit: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
    offset: Annotated[int, Query(ge=0, lt=LARGEST)] = 0,
) -> TrialNumbers:
    """The numbers of trials alone, in order, and how many pass the filter; see `trials`."""
    study = await given.service.study(name)
    order = _order(study, filter, state, sort, descending)
    return await given.service.read(
        lambda conn: TrialNumbers(queries.trial_numbers(conn, order, limit, offset), queries.trial_count(conn, order))
    )


@router.get("/studies/{name}/best-so-far")
async def best_so_far(name: str, given: Given) -> BestSoFar:
    """How the best value of the first objective came down (or up) over the completed trials."""
    study = await given.service.study(name)
    total, steps = await given.service.read(lambda conn: queries.best_so_far(conn, study))
    return BestSoFar(total, [BestStep(count, number, encode_number(value)) for count, number, value in steps])


@router.get("/studies/{name}/trends")
async def trends(
    name: str,
    given: Given,
    number: Annotated[list[Annotated[int, Field(ge=1, lt=LARGEST)]], Query(max_length=200)],
    points: Annotated[int, Query(ge=4, le=1000)] = 24,
) -> list[MetricRow]:
    """The first objective of several trials in about so many points each, for small pictures."""
    study = await given.service.study(name)
    objective = study.spec.objective
    if objective is None:
        return []

    def find(conn: Connection) -> list[MetricRow]:
        rows: list[MetricRow] = []
        for one in number:
            trial = queries.trial(conn, study.id, one)
            seen = [] if trial is None else queries.thinned(conn, trial.id, objective.metric, points)
            rows += [metric_row(study.name, one, observation) for observation in seen]
        return rows

    return await given.service.read(find)


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
        rows, traceback = queries.attempts(conn, trial.id), queries.traceback_of(conn, trial.id)
        attempts = [{**row, "run_dir": str(given.database.located(row["run_dir"]))} for row in rows]
        return attempts, traceback, queries.bad_line_count(conn, trial.id), shown, queries.decisions(conn, trial.id)

    attempts, traceback, bad, unreadable, decisions = await given.service.read(more)
    objective = study.spec.objective
    return TrialDetail(
        trial=trial_row(trial),
        run_dir=str(attempts[-1]["run_dir"]) if attempts else None,
        checkpoint_dir=str(run_dirs.checkpoint_dir(given.service.runs, name, run_dirs.checkpoints_of(trial))),
        arguments=shown_arguments(study, trial, given.service.runs),
        traceback=traceback,
        bad_lines=bad,
        attempts=attempts,
        rungs=[rung_row(decision, objective.metric if objective else "") for decision in decisions],
        unreadable=unreadable,
        command=await asyncio.to_thread(shown_command, study, trial, given.service.runs),
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
    run_dir = given.database.located(row["run_dir"])
    text, following = await asyncio.to_thread(read_output, run_dir, offset, limit)
    note = "" if text or not ended else await asyncio.to_thread(missing_output, run_dir)
    return LogChunk(text, wanted, following, ended, note)


@router.get("/metrics")
async def metrics(
    target: str,
    given: Given,
    name: str | None = None,
    limit: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
    points: Annotated[int | None, Query(ge=4, lt=LARGEST)] = None,
) -> list[MetricRow]:
    """Observations of the trials that a target names, by trial, name and step.

    `limit`: the latest so many of each metric. `points`: of a metric with more, about so many: the least and the
    greatest of each stretch, for charts.
    """

    def find(conn: Connection) -> list[MetricRow]:
        rows: list[MetricRow] = []
        for study, parsed, found in resolving.resolve(conn, [target]):
            for trial in queries.trials(conn, study.id) if parsed.is_study else found:
                if points is None:
                    seen = queries.observations(conn, trial.id, name, limit)
                else:
                    seen = queries.thinned(conn, trial.id, name, points)
                rows += [metric_row(study.name, trial.number, observation) for observation in seen]
        return rows

    if not target:
        raise InvalidInput("no target was given", where="target", hint="such as digits/7")
    return await given.service.read(find)


@router.get("/queue")
async def queue(given: Given) -> list[TrialRow]:
    """Live and queued trials of all studies, in running order, with an estimate of when they start."""

    def find(conn: Connection) -> tuple[list[Trial], list[Trial], list[Study]]:
        live = [attempt.trial for attempt in queries.live(conn)]
        return live, queries.queue_heads(conn, 1000), queries.studies(conn, active_only=True)

    live, waiting, studies = await given.service.read(find)
    lanes = {study.id: _lane(given, study) for study in studies}
    now = time.time()
    running = [Running(t.study_id, now - (t.started_at or now)) for t in live if t.study_id in lanes]
    known = [trial for trial in waiting if trial.study_id in lanes]
    gpus = len(given.slots.leasable_gpus())
    starts = start_estimates(len(given.slots.cpus), gpus, running, [trial.study_id for trial in known], lanes)
    by_id = dict(zip((trial.id for trial in known), starts, strict=True))
    rows = [trial_row(trial) for trial in live]
    return rows + [replace(trial_row(trial), starts_in_s=by_id.get(trial.id)) for trial in waiting]


def _lane(given: Context, study: Study) -> Lane:
    wanted = study.spec.run.gpus
    parallel = study.spec.search.parallel or max(1, given.slots.capacity(wanted))
    return Lane(
        given.suggesting.pace(study.id).trial_s, parallel, given.slots.default_gpus if wanted is None else wanted
    )
