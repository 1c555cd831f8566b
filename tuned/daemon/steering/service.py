"""The use cases on studies and trials that are there: enqueue, set, the verbs, delete; one transaction each.

Owns the way from a request to the writer and back, and telling live trials what was decided. Rules live in `core`, the
meaning of verbs in `tuned.daemon.steering.verbs`; taking studies in is `tuned.daemon.studies.submitting`'s work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from tuned.core.errors import Conflict
from tuned.core.states import STUDY_ENDED, StudyState
from tuned.core.study import Study
from tuned.daemon import clock, failpoints, resolving
from tuned.daemon.attempts.gpu_memory import cuda_tool
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.files import run_dirs
from tuned.daemon.files.pretrained import needed
from tuned.daemon.search.suggesting import Suggesting
from tuned.daemon.steering import pausing, verbs
from tuned.daemon.studies import changing
from tuned.daemon.trials import enqueuing
from tuned.wire import Changed, Enqueue, Enqueued, SettingsChanged

T = TypeVar("T")


class Service:
    """What the API can do. All methods are for the event loop."""

    def __init__(
        self,
        database: Database,
        attempts: Attempts,
        suggesting: Suggesting,
        runs: Path,
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._suggesting = suggesting
        self.runs = runs

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a read-only connection."""
        return await self._database.ask(query)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction in the writer's thread."""
        return await self._database.writer.run(work)

    async def enqueue(self, name: str, request: Enqueue) -> Enqueued:
        """Queue points of the user's own; an ended study runs again.

        Raises:
            NotFound: There is no such study.
            InvalidInput: A point is not in the space; none is queued then.
        """

        def add(conn: Connection) -> list[int]:
            return enqueuing.enqueue(conn, resolving.named(conn, name), request, clock.now())

        numbers = await self._database.writer.run(add)
        failpoints.reach("enqueue.committed")
        return Enqueued(numbers)

    async def study(self, name: str) -> Study:
        """The study of this name.

        Raises:
            NotFound: There is none.
        """
        return await self.read(lambda conn: resolving.named(conn, name))

    async def set(self, name: str, values: Mapping[str, Any]) -> SettingsChanged:
        """Change keys of a submitted study.

        Raises:
            NotFound: There is no such study.
            InvalidInput, Conflict: See `changing.change`; nothing has changed.
        """
        return await self._database.writer.run(
            lambda conn: changing.change(conn, resolving.named(conn, name), values, clock.now())
        )

    async def act(self, verb: str, targets: list[str]) -> Changed:
        """Do a verb to its targets; live trials are told before this returns."""
        effect = await self._database.writer.run(lambda conn: verbs.act(conn, verb, targets, clock.now()))
        failpoints.reach("stop.committed")
        return await self._told(effect)

    async def undo_retry(self, targets: list[str]) -> Changed:
        """Take back retries that have not begun; see `verbs.undo_retry`."""
        return await self._told(
            await self._database.writer.run(lambda conn: verbs.undo_retry(conn, targets, clock.now()))
        )

    async def pause(self, targets: list[str], level: str | None = None, leaves_card: bool = False) -> Changed:
        """Pause studies and trials; see `pausing.pause`."""
        tool = cuda_tool() is not None
        effect = await self._database.writer.run(
            lambda conn: pausing.pause(conn, targets, level, tool, clock.now(), leaves_card)
        )
        failpoints.reach("stop.committed")
        return await self._told(effect)

    async def _told(self, effect: verbs.Effect) -> Changed:
        """Wake the attempts that a verb is about, and wait until they were told.

        Raises:
            Unavailable: No target could be made to stand still; all of them run on.
        """
        failed = await self._attempts.steering.settle(effect.told)
        for error in failed.values():
            effect.changed = [name for name in effect.changed if name != error.where]
            effect.skipped.append(str(error))
        if failed and not effect.changed:
            raise next(iter(failed.values()))
        return Changed(effect.changed, effect.skipped, effect.effects)

    async def reprioritise(self, targets: list[str], value: int, relative: bool) -> Changed:
        """Set or shift priorities."""
        effect = await self._database.writer.run(
            lambda conn: verbs.reprioritise(conn, targets, value, relative, clock.now())
        )
        return Changed(effect.changed, effect.skipped)

    async def delete(self, name: str) -> Changed:
        """Delete a study with its trials and run directories.

        Raises:
            Conflict: A trial of it is running.
        """

        def remove(conn: Connection) -> int:
            study = resolving.named(conn, name)
            if study.state not in STUDY_ENDED and study.state is not StudyState.PAUSED:
                raise Conflict(f"{name} is {study.state}", hint=f"tunectl cancel {name} first")
            others = {s.name: s.spec for s in queries.studies(conn, active_only=True) if s.id != study.id}
            users = [other for other, spec in others.items() if any(n == name for n, _ in needed({other: spec}))]
            if users:
                hint = f"wait for it, or tunectl cancel {users[0]}"
                raise Conflict(f"{users[0]} begins from its checkpoints", where=name, hint=hint)
            repository.delete_study(conn, study.id, clock.now())
            graves.extend(filter(None, [run_dirs.bury(self.runs, name)]))
            return study.id

        graves: list[Path] = []
        try:
            study_id = await self._database.writer.run(remove)
        except Exception:
            for grave in graves:
                run_dirs.give_back(grave)
            raise
        failpoints.reach("delete.committed")
        self._suggesting.forget(study_id)
        for grave in graves:
            await asyncio.to_thread(run_dirs.remove_grave, grave)
        return Changed([name])
