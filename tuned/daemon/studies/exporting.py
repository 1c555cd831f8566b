"""`export`: a study in another program's format, streamed a page of trials at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import InvalidInput
from tuned.core.study import Study
from tuned.core.trials import exporting
from tuned.core.trials.exporting import Format
from tuned.core.trials.trial import Observation, Trial
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router

router = make_router("studies")

PAGE = 500
_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl", "optuna": "application/jsonl"}


@router.get("/studies/{name}/export", response_class=StreamingResponse)
async def export(name: str, given: Given, format: Format = "csv") -> StreamingResponse:
    """The study's trials as `csv` or `jsonl`, or as the journal that Optuna's JournalStorage reads."""
    study = await given.study(name)
    if format == "optuna" and not study.spec.objectives:
        raise InvalidInput("has no objective, and Optuna needs one", where=name, hint="export csv or jsonl")
    return StreamingResponse(_lines(given, study, format), media_type=f"{_TYPES[format]}; charset=utf-8")


async def _lines(given: Context, study: Study, kind: Format) -> AsyncIterator[str]:
    offset, first = 0, True
    names = await given.database.ask(lambda conn: queries.study_metrics(conn, study.id)) if kind == "csv" else []
    while True:
        page = await given.database.ask(lambda conn, offset=offset: _page(conn, study, kind, offset))  # type: ignore[misc]
        text = await asyncio.to_thread(_text, study, kind, page, names)
        # Each page makes a head; only the first one's is sent.
        yield text if first else _without_head(study, kind, text, names)
        offset, first = offset + len(page), False
        if len(page) < PAGE:
            return


Row = tuple[Trial, Sequence[Observation], Mapping[str, float]]
"""A trial with its curve, for Optuna, or with the last value of every metric, for tables."""


def _page(conn: Connection, study: Study, kind: Format, offset: int) -> list[Row]:
    found = queries.trials(conn, study.id, limit=PAGE, offset=offset)
    objective = study.spec.objective
    if kind != "optuna" or objective is None:
        return [(trial, (), queries.last_values(conn, trial.id)) for trial in found]
    return [(trial, queries.observations(conn, trial.id, objective.metric), {}) for trial in found]


def _text(study: Study, kind: Format, page: list[Row], names: Sequence[str]) -> str:
    lines: Iterator[str]
    if kind == "optuna":
        lines = exporting.optuna_lines(study.spec, ((trial, seen) for trial, seen, _ in page))
    elif kind == "csv":
        lines = exporting.csv_lines(study.spec, ((trial, last) for trial, _, last in page), names)
    else:
        lines = exporting.json_lines(study.spec, ((trial, last) for trial, _, last in page))
    return "".join(lines)


def _without_head(study: Study, kind: Format, text: str, names: Sequence[str]) -> str:
    head = _text(study, kind, [], names)
    return text[len(head) :]
