"""Observations for charts: of single trials, of a whole study, and the best value so far."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import InvalidInput
from tuned.daemon import resolving
from tuned.daemon.http.context import Given
from tuned.daemon.rows import metric_row
from tuned.protocol import encode_number
from tuned.wire import BestSoFar, BestStep, MetricRow

router = APIRouter(tags=["trials"])

LARGEST = 2**31

_as_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_FIELDS = tuple(entry.name for entry in fields(MetricRow))


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
                rows = (metric_row(study.name, trial.number, observation) for observation in seen)
                texts += [_as_text({name: getattr(row, name) for name in _FIELDS}) for row in rows]
        return f"[{','.join(texts)}]".encode()

    if not target:
        raise InvalidInput("no target was given", where="target", hint="such as digits/7")
    # Written here, in the reading thread: checking each of half a million rows takes a minute of the event loop.
    return Response(await given.database.ask(find), media_type="application/json")
