"""Observations for charts: of single trials, of a whole study, and the best value so far."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Annotated

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import InvalidInput
from tuned.core.targets import LARGEST
from tuned.core.trials.trial import Observation
from tuned.daemon import resolving
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.rows import metric_row
from tuned.protocol import encode_number
from tuned.wire import BestSoFar, BestStep, MetricRow

router = make_router("trials")


@router.get("/studies/{name}/best-so-far")
async def best_so_far(name: str, given: Given) -> BestSoFar:
    """How the best value of the first objective came down (or up) over the completed trials."""
    study = await given.study(name)
    total, steps = await given.database.ask(lambda conn: queries.best_so_far(conn, study))
    return BestSoFar(total, [BestStep(count, number, encode_number(value)) for count, number, value in steps])


@router.get("/studies/{name}/trends")
async def trends(
    name: str,
    given: Given,
    number: Annotated[list[Annotated[int, Field(ge=1, lt=LARGEST)]], Query(max_length=200)],
    points: Annotated[int, Query(ge=4, le=1000)] = 24,
) -> list[MetricRow]:
    """The first objective of several trials in about so many points each, for small pictures."""
    study = await given.study(name)
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

    return await given.database.ask(find)


@router.get("/metrics", response_model=list[MetricRow])
async def metrics(
    target: str,
    given: Given,
    name: str | None = None,
    limit: Annotated[int | None, Query(ge=1, lt=LARGEST)] = None,
    points: Annotated[int | None, Query(ge=4, lt=LARGEST)] = None,
) -> Response:
    """Observations of the trials that a target names, by trial, name and step.

    `limit`: the latest so many of each metric. `points`: of a metric with more, about so many: the least and the
    greatest of each stretch, for charts.
    """

    def find(conn: Connection) -> bytes:
        texts: list[str] = []
        for study, parsed, found in resolving.resolve(conn, [target]):
            for trial in queries.trials(conn, study.id) if parsed.is_study else found:
                if points is None:
                    seen = queries.observations(conn, trial.id, name, limit)
                else:
                    seen = queries.thinned(conn, trial.id, name, points)
                texts += _as_json(study.name, trial.number, seen)
        return f"[{','.join(texts)}]".encode()

    if not target:
        raise InvalidInput("no target was given", where="target", hint="such as digits/7")
    # Written here, in the reading thread: half a million rows would hold up the event loop for seconds.
    return Response(await given.database.ask(find), media_type="application/json")


def _as_json(study: str, number: int, seen: Iterable[Observation]) -> Iterator[str]:
    """Each observation as the JSON of its `MetricRow`; texts that all share are encoded once."""
    begin = f'{{"study":{json.dumps(study)},"number":{number},"step":'
    names: dict[str, str] = {}
    for step, name, value, at, attempt in ((o.step, o.name, o.value, o.time, o.attempt) for o in seen):
        known = names.get(name)
        if known is None:
            known = names[name] = f',"name":{json.dumps(name)},"value":'
        whole = int(step) if step == int(step) else step
        text = repr(value) if math.isfinite(value) else f'"{value}"'
        yield f'{begin}{whole!r}{known}{text},"time":{"null" if at is None else repr(at)},"attempt":{attempt}}}'
