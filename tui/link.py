"""The link between daemon and store: snapshot, event stream, the store's fetches, and reconnecting for ever.

Owns the order that makes the picture whole: the stream is opened first, then the snapshot is taken, then events are
applied; so an event is seen twice rather than missed. It touches the store alone, never a widget.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from tui.advice import KINDS
from tui.log_window import START
from tui.needs import Need
from tui.pages import PAGE_ROWS
from tui.store import ANSWERS_EVERY, Store
from tuned.client import api, api_steering
from tuned.client.reader import reader
from tuned.core.errors import NotFound, TunedError, Unavailable

if TYPE_CHECKING:
    from tuned.client.aio import AsyncClient

PAST_EVENTS = 300
REQUESTS_AT_ONCE = 4
RETRY = (0.3, 1.0, 2.0, 4.0)
LOG_PIECE = 65_536
CURVE_POINTS = 1000
"""Of a metric with more, the daemon sends the least and the greatest of each stretch: a chart has 160 columns."""


class Link:
    """Keeps a store like the daemon.

    Args:
        client: One client for the life of the UI.
        store: Filled and kept fresh.

    Attributes:
        serving: Requests that are under way.
        looked: Whether the summary of the time before was asked for.
    """

    def __init__(self, client: AsyncClient, store: Store) -> None:
        self.client = client
        self.store = store
        self.serving = 0
        self.looked = False
        self._wake = asyncio.Event()
        store.needs.wake = self._wake.set

    async def run(self) -> None:
        """Follow the daemon until cancelled; when it goes away, say so in the store and try again."""
        failures = 0
        while True:
            problem = "the daemon ended the event stream"
            try:
                await self._session()
            except* TunedError as group:
                problem = first_of(group).what
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # A task group whose member fails in the moment of its own cancellation forgets the latter.
                raise asyncio.CancelledError
            failures = 0 if self.store.connected else failures + 1
            self.store.went_stale(problem)
            await asyncio.sleep(RETRY[min(failures, len(RETRY) - 1)])

    def retry_now(self) -> None:
        """Fetch everything that is shown again."""
        self._ask_for_all()

    async def _session(self) -> None:
        """One connection's life: ends by an exception, whichever part of it meets the failure."""
        opened = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(opened))
            await opened.wait()
            await self._snapshot()
            await self._fetch(tasks)

    async def _follow(self, opened: asyncio.Event) -> None:
        async for event in self.client.events(opened=opened.set):
            self.store.apply(event)
        raise Unavailable("the daemon ended the event stream")

    async def _snapshot(self) -> None:
        status, studies, past = await asyncio.gather(
            self.client.send(api.status()),
            self.client.send(api.studies()),
            self.client.send(api.events_list(limit=PAST_EVENTS, latest=True)),
        )
        self.store.put_status(status)
        self.store.put_events(past)
        self.store.put_studies(studies)
        self._ask_for_all()
        self.store.went_live()
        self.store.hurry()
        if not self.looked:
            self.looked = True
            self.store.need("summary")

    def _ask_for_all(self) -> None:
        store = self.store
        store.need("studies")
        store.need("status")
        if store.study is not None:
            store.need("stairs", store.study)
            store.want_order(store.study)
            for number in {store.selected, store.best, *store.pinned} - {None}:
                store.need("curve", store.study, number or 0)
            if store.selected is not None and store.log_wanted:
                store.need("log", store.study, store.selected)
            if store.selected is not None and store.detail_wanted:
                store.need("detail", store.study, store.selected)
        if store.queue_wanted:
            store.need("queue")
        if store.study is not None and store.space_wanted:
            store.need("space", store.study)
        if store.study is not None and store.insight_wanted:
            for kind in KINDS:
                store.need(kind, store.study)

    async def _fetch(self, tasks: asyncio.TaskGroup) -> None:
        """Serve the fetches that the store asks for, a few at a time."""
        gate = asyncio.Semaphore(REQUESTS_AT_ONCE)
        analyses: set[Need] = set()
        while True:
            for need in self.store.needs.due():
                if need.kind in KINDS:
                    # It may be computed for a minute, and nothing that is quick waits behind it.
                    self._analyse(tasks, need, analyses)
                    continue
                await gate.acquire()
                tasks.create_task(self._serve(need)).add_done_callback(lambda _: gate.release())
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.store.needs.next_due()):
                    await self._wake.wait()

    def _analyse(self, tasks: asyncio.TaskGroup, need: Need, under_way: set[Need]) -> None:
        """Ask for an analysis; while the same one is under way, later."""
        if need in under_way:
            self.store.needs.add(need, ANSWERS_EVERY)
            return
        under_way.add(need)
        tasks.create_task(self._serve(need)).add_done_callback(lambda _: under_way.discard(need))

    async def _serve(self, need: Need) -> None:
        store, client = self.store, self.client
        self.serving += 1
        try:
            match need.kind:
                case "status":
                    store.put_status(await client.send(api.status()))
                case "studies":
                    store.put_studies(await client.send(api.studies()))
                case "page":
                    await self._page(need)
                case "count":
                    await self._count(need)
                case "place":
                    await self._place(need)
                case "stairs":
                    store.put_best_so_far(need.study, await client.send(api.best_so_far(need.study)))
                case "front":
                    store.put_front(need.study, await client.send(api.best(need.study)))
                case "detail":
                    store.put_detail(await client.send(api.trial(need.study, need.number)))
                case "curve":
                    rows = await client.send(api.metrics(f"{need.study}/{need.number}", points=CURVE_POINTS))
                    store.put_curve(need.study, need.number, rows)
                case "log":
                    await self._log(need)
                case "log-before":
                    await self._log_before(need)
                case "trends":
                    numbers = store.take_trends(need.study)
                    if numbers:
                        store.put_trends(need.study, numbers, await client.send(api.trends(need.study, numbers)))
                case "space":
                    store.put_space(await client.send(api.space(need.study)))
                case kind if kind in KINDS:
                    await self._answer(need)
                case "summary":
                    store.put_summary(await client.send(api_steering.summary(reader(), keep=True)))
                case "queue":
                    store.put_queue(await client.send(api.queue()))
        except Unavailable:
            raise
        except NotFound:
            store.need("studies")
        except TunedError as error:
            store.problem = error.what
        finally:
            self.serving -= 1

    async def _page(self, need: Need) -> None:
        pages = self.store.pages
        if pages is not None and pages.query.study == need.study:
            rows = await self.client.send(pages.query.rows(need.number * PAGE_ROWS, PAGE_ROWS))
            self.store.put_page(pages.query, need.number, rows)

    async def _answer(self, need: Need) -> None:
        try:
            answer = await self.client.send(api.analysis(need.study, need.kind))
        except Unavailable:
            raise
        except TunedError as error:
            self.store.put_answer(need.study, need.kind, None, error.what)
        else:
            self.store.put_answer(need.study, need.kind, answer)

    async def _count(self, need: Need) -> None:
        pages = self.store.pages
        if pages is not None and pages.query.study == need.study:
            found = await self.client.send(pages.query.count())
            self.store.put_count(pages.query, found.total)

    async def _place(self, need: Need) -> None:
        pages = self.store.pages
        if pages is not None and pages.query.study == need.study:
            numbers = (await self.client.send(pages.query.numbers())).numbers
            place = numbers.index(need.number) if need.number in numbers else None
            self.store.put_place(pages.query, need.number, place)

    async def _log(self, need: Need) -> None:
        tail, store = self.store.log, self.store
        row = store.trial(need.number)
        if row is not None and row.attempt == 0:
            return
        same = tail is not None and tail.is_of(need.study, need.number)
        known = same and tail is not None and (row is None or row.attempt == tail.attempt)
        offset = tail.offset if tail is not None and known else -START
        store.put_log(
            need.study,
            need.number,
            await self.client.send(api.log(need.study, need.number, offset=offset, limit=LOG_PIECE)),
        )

    async def _log_before(self, need: Need) -> None:
        window = self.store.log
        if window is not None and window.is_of(need.study, need.number) and window.begin:
            call = api.log(need.study, need.number, before=window.begin, limit=LOG_PIECE, attempt=window.attempt)
            self.store.put_log_before(need.study, need.number, await self.client.send(call))


def first_of(group: BaseExceptionGroup[TunedError]) -> TunedError:
    """The first of the errors of a task group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, TunedError)
    return error
