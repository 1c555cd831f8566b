"""Opening the database: one connection that writes, a few that read.

Owns connections and their pragmas. Writing is the repository's work, on the writer's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from storage import problems, schema
from storage.guard import FileGuard
from storage.writer import Writer
from tuned.core.errors import TunedError, Unavailable
from tuned.core.events import Event

T = TypeVar("T")

READERS = 4
BUSY_MS = 5000
CACHE_KIB = 4096
"""Page cache of the writing connection; a reader keeps a quarter of it."""


class Database:
    """An open database file. Safe to use from any thread.

    Paths in its rows are relative to the folder it lies in, so that the folder can be moved.

    Attributes:
        path: The file.
        writer: The thread through which everything is written.
    """

    def __init__(self, path: Path, writing: Engine, reading: Engine, writer: Writer, guard: FileGuard) -> None:
        self.path = path
        self._guard = guard
        self.writer = writer
        self._writing = writing
        self._reading = reading

    def stored(self, path: Path) -> str:
        """A path below the database's folder as rows hold it."""
        return str(path.relative_to(self.path.parent))

    def located(self, stored: str) -> Path:
        """Where the path of a row leads now."""
        return self.path.parent / stored

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only connection on which everything is seen as of one moment.

        Raises:
            Unavailable: The file cannot be read, or is not the one that was opened.
        """
        self.writer.ask_guard()
        try:
            with self._reading.connect() as conn:
                try:
                    yield conn
                except TunedError:
                    raise
                except Exception:
                    # A query that was left half read, as at a damaged row, holds its connection at that moment.
                    conn.invalidate()
                    raise
        except Exception as error:
            explained = self.writer.explain(error)
            if explained is error:
                raise
            raise explained from error

    async def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a read-only connection, in a thread, so that an event loop goes on meanwhile.

        Raises:
            Unavailable: The file cannot be read.
        """

        def run() -> T:
            with self.read() as conn:
                return query(conn)

        return await asyncio.to_thread(run)

    def close(self) -> None:
        """Finish what was submitted, note a clean end, close every connection. May be called twice."""
        self.writer.close()
        self._reading.dispose()
        self._writing.dispose()
        self._guard.close()


def open_database(
    path: Path, on_events: Callable[[list[Event]], None] | None = None, *, check_wholly: bool = False
) -> Database:
    """Open the file, making or upgrading it as needed. The caller sees to it that no other process does.

    Args:
        path: The file; its folder exists.
        on_events: Called on the writer's thread after each commit that left events, with all of them in order.
        check_wholly: Look at every page of the file for damage, however long that takes.

    Raises:
        Damaged: It is no sound database.
        Unavailable: It cannot be used, with what to do about it.
    """
    with contextlib.suppress(FileNotFoundError):
        problems.refuse_network(path, Path("/proc/mounts").read_text(encoding="utf-8", errors="replace"))
    writing = _engine(path, write=True)
    try:
        make_private(path)
        conn = writing.connect()
        try:
            schema.prepare(conn, path, check_wholly=check_wholly)
        except BaseException:
            conn.close()
            raise
    except Unavailable:
        writing.dispose()
        raise
    except OSError as error:
        writing.dispose()
        raise problems.unopened(error, path) from error
    except Exception as error:
        writing.dispose()
        explained = problems.explain(error, path)
        if explained is error:
            raise
        raise explained from error
    guard = FileGuard(path)
    writer = Writer(conn, path, guard, on_events)
    return Database(path, writing, _engine(path, write=False), writer, guard)


def make_private(path: Path) -> None:
    """Make the file if it is missing, for this user alone: it holds captured environments."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _engine(path: Path, *, write: bool) -> Engine:
    uri = path.absolute().as_uri() + ("" if write else "?mode=ro")

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _set_up(connection, path, write=write)
        except BaseException:
            connection.close()
            raise
        return connection

    pool: dict[str, Any] = (
        {"poolclass": NullPool}
        if write
        else {"poolclass": QueuePool, "pool_size": READERS, "max_overflow": READERS, "pool_timeout": 30}
    )
    engine = create_engine("sqlite://", creator=connect, **pool)
    begin = "BEGIN IMMEDIATE" if write else "BEGIN"

    @event.listens_for(engine, "begin")
    def begin_transaction(conn: Connection) -> None:
        # The driver begins none by itself (isolation_level=None): a read block, too, is one snapshot.
        conn.exec_driver_sql(begin)

    return engine


def _set_up(connection: sqlite3.Connection, path: Path, *, write: bool) -> None:
    execute = connection.execute
    execute("PRAGMA foreign_keys = ON")
    execute("PRAGMA trusted_schema = OFF")
    execute(f"PRAGMA cache_size = -{CACHE_KIB if write else CACHE_KIB // 4}")
    if write:
        mode = execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise Unavailable(
                f"this file system offers no shared memory (journal mode {mode})",
                where=str(path),
                hint="set TUNED_HOME to a folder on a local disk",
            )
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA wal_autocheckpoint = 1000")
        execute(f"PRAGMA journal_size_limit = {64 * 2**20}")
    else:
        execute("PRAGMA query_only = ON")
        execute("PRAGMA wal_autocheckpoint = 0")
