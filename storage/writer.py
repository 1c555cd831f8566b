"""The one thread that writes.

Owns the write connection, its transactions, and the order commit, answer, events. It knows nothing of what is written.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from storage.guard import FileGuard
from storage.rescue import MOVED, leave
from tuned.core.errors import Unavailable
from tuned.core.events import Event

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP = 64
"""At most this many functions share a commit, so that the first is not kept waiting by the last."""

CALLER = "caller"
"""Key of the connection's `info`: who asked for the transaction; missing: a person, or the daemon by itself."""
EVENTS = "events"
"""Key of `Connection.info` under which the transaction's events are collected."""


@dataclass(slots=True)
class _Job:
    fn: Callable[[Connection], Any]
    future: Future[Any]
    result: Any = None


class _RolledBack(Exception):
    """SQLite has given up the whole transaction."""


class _FileGone(Exception):
    """The file is not the one that was opened: nothing that is committed now would be found again."""


class Writer:
    """Runs functions on the write connection, several in one transaction when they wait for each other.

    Each function has a savepoint of its own: one that raises leaves nothing behind and does not touch its neighbours.
    A future is resolved only once its writes are durable.

    Args:
        conn: The write connection; the writer closes it.
        path: The file, for error messages.
        guard: Says whether the file is still there.
        on_events: Called on the writer's thread after a commit, when the futures have been resolved.
    """

    def __init__(
        self,
        conn: Connection,
        path: Path,
        guard: FileGuard,
        on_events: Callable[[list[Event]], None] | None = None,
    ) -> None:
        self._conn = conn
        self._path = path
        self._on_events = on_events
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._guard = guard
        self._refusal: Unavailable | None = None
        self.damage = ""
        self._lost = False
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
                raise _again(self._refusal)
            self._jobs.put(_Job(fn, future))
        return future

    def ask_guard(self) -> None:
        """Make sure that the file is still the one that was opened.

        Raises:
            Unavailable: It is not; nothing is written any more.
        """
        if self._refusal is None and self._guard.replaced():
            with contextlib.suppress(Unavailable):
                self.submit(lambda _: None).result()
        if self._lost and self._refusal is not None:
            raise _again(self._refusal)

    async def run(self, fn: Callable[[Connection], T]) -> T:
        """`submit`, awaited."""
        return await asyncio.wrap_future(self.submit(fn))

    def close(self) -> None:
        """Run what was submitted, then end the thread. May be called twice, not from within a function."""
        with self._gate:
            first = self._refusal is None
            if first:
                self._refusal = self._unavailable("the database is closed", "start the daemon again")
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._turn() and not self._lost:
                pass
            if self._lost:
                self._refuse_rest()
            else:
                self._say_goodbye()
        except BaseException as error:
            log.critical("the writer of %s has died", self._path, exc_info=error)
            with self._gate:
                self._refusal = self._unavailable(f"the writer has died: {error!r}", "start the daemon again")
            self._refuse_rest()
        finally:
            if not self._lost:
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
            if running and self._guard.changed():
                self._lose(running)
                return False
            while running and not self._lost:
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
                if self._guard.replaced():
                    raise _FileGone
        except _FileGone:
            self._lose(group)
            return []
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the waiting callers' to know
            cause = error.__cause__ if isinstance(error, _RolledBack) and error.__cause__ else error
            self._give_up(done if left or isinstance(error, _RolledBack) else group, cause)
            return left
        self._guard.wrote()
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
            explained = self.explain(error)
            job.future.set_exception(explained)
            if not driver.in_transaction:
                raise _RolledBack from explained
            driver.execute("ROLLBACK TO job")
            return False
        finally:
            if driver.in_transaction:
                driver.execute("RELEASE job")
        return True

    def _unavailable(self, what: str, hint: str) -> Unavailable:
        return Unavailable(what, where=str(self._path), hint=hint)

    def _lose(self, jobs: list[_Job]) -> None:
        """Take nothing in any more, and save what the connection still holds."""
        with self._gate:
            self._refusal = self._unavailable(MOVED, "see: tunectl daemon logs")
        self._lost = True
        what, hint = leave(self._conn, self._path, self._guard)
        with self._gate:
            self._refusal = self._unavailable(what, hint)
        log.critical("%s", self._refusal)
        for job in jobs:
            if not job.future.done():
                job.future.set_exception(_again(self._refusal))

    def explain(self, error: BaseException) -> BaseException:
        """`problems.explain`; damage is remembered in `damage`."""
        explained = problems.explain(error, self._path)
        if isinstance(explained, problems.Damaged):
            self.note_damage(explained)
        return explained

    def note_damage(self, error: problems.Damaged) -> None:
        """Remember that the file is damaged, for whoever asks how the daemon is."""
        if not self.damage:
            log.critical("%s", error)
        self.damage = str(error)

    def _give_up(self, jobs: list[_Job], error: BaseException) -> None:
        explained = self.explain(error)
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
                with self._gate:
                    refusal = self._refusal or self._unavailable("the writer has died", "start the daemon again")
                job.future.set_exception(_again(refusal))


def _again(refusal: Unavailable) -> Unavailable:
    """The same refusal for another caller: an exception that is raised twice collects both tracebacks."""
    return Unavailable(refusal.what, where=refusal.where, hint=refusal.hint)
