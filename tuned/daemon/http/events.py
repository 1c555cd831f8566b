"""The event stream (server-sent events, resumable), and the event list.

The event table is the outbox: a follower reads there what is new after each wake-up, so nothing is lost or doubled
however slow it is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, fields
from functools import partial
from typing import Annotated

from fastapi import Header, HTTPException, Query
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from storage import queries
from tuned.core.events import Event
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.wire import EventRow

router = make_router("events")

PAGE = 500
REST_S = 0.05
"""Between two pages of a busy stream: events that come close together travel together."""
KEEP_ALIVE_S = 15.0
GONE = 410
_FIELDS = tuple(field.name for field in fields(EventRow))
LARGEST = 2**62


@router.get("/events/list")
async def listing(
    given: Given,
    study: str | None = None,
    after: Annotated[int, Query(ge=0, lt=LARGEST)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    latest: bool = False,
    since: Annotated[float | None, Query(ge=0, lt=2**53, allow_inf_nan=False)] = None,
) -> list[EventRow]:
    """Events after a sequence number, oldest first; with `latest`, the last ones instead.

    `since` (unix seconds) leaves out what happened before.
    """

    def find(conn: Connection) -> list[Event]:
        begin = after if since is None else max(after, queries.seq_before(conn, since))
        if latest:
            return [event for event in queries.latest_events(conn, limit, study=study) if event.seq > begin]
        return queries.events_since(conn, begin, study=study, limit=limit)

    found = await given.database.ask(find)
    return [EventRow(**asdict(event)) for event in found]


@router.get("/events", response_class=StreamingResponse)
async def stream(
    given: Given,
    study: str | None = None,
    after: Annotated[int | None, Query(ge=0, lt=LARGEST)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Events as they are committed, from `Last-Event-ID` or `after` on, else from now on.

    Raises:
        HTTPException: 410 when the events asked for are no longer kept: take a snapshot and begin from now.
    """
    first, last = await given.database.ask(lambda c: (queries.first_event_seq(c), queries.last_event_seq(c)))
    start = int(last_event_id) if last_event_id and last_event_id.isdigit() else after
    if start is None:
        start = last
    elif (first and start + 1 < first) or start > last:
        raise HTTPException(GONE, f"events after {start} are not kept; the first is {first}, the last {last}")
    return StreamingResponse(_follow(given, study, start), media_type="text/event-stream")


async def _follow(given: Context, study: str | None, after: int) -> AsyncIterator[str]:
    with given.hub.follow() as news:
        # The id alone, so that a stream that breaks before its first event resumes here and not from then on.
        yield f"id: {after}\n\n"
        while not given.hub.closed:
            news.clear()
            page = await given.database.ask(partial(queries.events_since, seq=after, study=study, limit=PAGE))
            if page:
                after = page[-1].seq
                yield "".join(_message(event) for event in page)
                await asyncio.sleep(0 if len(page) == PAGE else REST_S)
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await news.wait()
            except TimeoutError:
                yield ": still here\n\n"


def _message(event: Event) -> str:
    # Not `asdict`, which copies the data of every event for every follower.
    row = {name: getattr(event, name) for name in _FIELDS}
    return f"id: {event.seq}\nevent: {event.type}\ndata: {json.dumps(row)}\n\n"
