"""The one thread that writes.

Owns the write connection, its transactions, and the order commit, answer, events. It knows nothing of what is written.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from storage import problems, schema
from storage.driver import driver_of
from tuned.core.errors import Unavailable
from tuned.core.events import Event

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP = 64
"""At most this many functions share a commit, so that the first is not kept waiting by the last."""

EVENTS = "events"
"""Key of `Connection.info` under which the transaction's events are collected."""


@dataclass(slots=True)
class _Job:
    fn: Callable[[Connection], Any]
    future: Future[Any]
    result: Any = None


class _RolledBack(Exception):
    """SQLite has given up the whole transaction."""


class Writer:
    """Runs functions on the write connection, several in one transaction when they wait for each other.

    Each function has a savepoint of its own: one that raises leaves nothing behind and does not touch its neighbours.
    A future is resolved only once its writes are durable.

    Args:
        conn: The write connection; the writer closes it.
        path: The file, for error messages.
        on_events: Called on the writer's thread after a commit, when the futures have been resolved.
    """

    def __init__(self, conn: Connection, path: Path, on_events: Callable[[list[Event]], None] | None = None) -> None:
        self._conn = conn
        self._path = path
        self._on_events = on_events
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._refusal: str | None = None
        self._thread = threading.Thread(target=self._run, name="storage-writer", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        """Have `fn` run in a transaction.

        Returns:
            Its result once that is durable, or its exception; `Unavailable` when the transaction cannot be committed.

        Raises:
            Unavailable: The database is closed, or the writer is dead.
        """
        future: Future[T] = Future()
        with self._gate:
            if self._refusal is not None:
                raise Unavailable(self._refusal, where=str(self._path), hint="start the daemon again")
            self._jobs.put(_Job(fn, future))
        return future

    async def run(self, fn: Callable[[Connection], T]) -> T:
        """`submit`, awaited."""
        return await asyncio.wrap_future(self.submit(fn))

    def close(self) -> None:
        """Run what was submitted, then end the thread. May be called twice, not from within a function."""
        with self._gate:
            first = self._refusal is None
            if first:
                self._refusal = "the database is closed"
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._turn():
                pass
            self._say_goodbye()
        except BaseException as error:
            log.critical("the writer of %s has died", self._path, exc_info=error)
            with self._gate:
                self._refusal = f"the writer has died: {error!r}"
            self._refuse_rest()
        finally:
            self._conn.close()

    def _say_goodbye(self) -> None:
        try:
            schema.closed_cleanly(self._conn)
        except Exception as error:  # noqa: BLE001 - the file is then merely checked when it is opened again
            log.warning("%s", problems.explain(error, self._path))

    def _turn(self) -> bool:
        """Take what waits, commit it; False once there is nothing more to come."""
        group, more = self._take()
        running = [job for job in group if job.future.set_running_or_notify_cancel()]
        try:
            while running:
                running = self._commit(running)
        except BaseException:
            for job in running:
                if not job.future.done():
                    job.future.set_exception(Unavailable("the writer has died", where=str(self._path)))
            raise
        return more

    def _take(self) -> tuple[list[_Job], bool]:
        job = self._jobs.get()
        group: list[_Job] = []
        while job is not None:
            group.append(job)
            if len(group) == GROUP:
                return group, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Job]) -> list[_Job]:
        """Run a group in one transaction.

        Returns:
            The jobs that are still to be run: those behind one with which SQLite gave up the transaction.
        """
        events: list[Event] = []
        self._conn.info[EVENTS] = events
        done: list[_Job] = []
        left: list[_Job] = []
        try:
            with self._conn.begin():
                for position, job in enumerate(group):
                    try:
                        if self._attempt(job, events):
                            done.append(job)
                    except _RolledBack:
                        left = group[position + 1 :]
                        raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the waiting callers' to know
            cause = error.__cause__ if isinstance(error, _RolledBack) and error.__cause__ else error
            self._give_up(done if left or isinstance(error, _RolledBack) else group, cause)
            return left
        for job in done:
            job.future.set_result(job.result)
        if events and self._on_events is not None:
            self._tell(events)
        return []

    def _attempt(self, job: _Job, events: list[Event]) -> bool:
        driver = driver_of(self._conn)
        before = len(events)
        driver.execute("SAVEPOINT job")
        try:
            job.result = job.fn(self._conn)
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            del events[before:]
            explained = problems.explain(error, self._path)
            job.future.set_exception(explained)
            if not driver.in_transaction:
                raise _RolledBack from explained
            driver.execute("ROLLBACK TO job")
            return False
        finally:
            if driver.in_transaction:
                driver.execute("RELEASE job")
        return True

    def _give_up(self, jobs: list[_Job], error: BaseException) -> None:
        explained = problems.explain(error, self._path)
        if not isinstance(explained, Unavailable):
            explained = Unavailable(f"it could not be written: {error}", where=str(self._path))
        for job in jobs:
            if not job.future.done():
                job.future.set_exception(explained)

    def _tell(self, events: list[Event]) -> None:
        assert self._on_events is not None
        try:
            self._on_events(events)
        except Exception:
            log.exception("a listener to events failed; the events are stored")

    def _refuse_rest(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(Unavailable("the writer has died", where=str(self._path)))
