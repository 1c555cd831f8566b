"""One place as the daemon sees it: what was asked of its engine, and what the engine said last.

Owns the pace of looks, one `list` for all trials of the place, and the difference between an engine that knows nothing
of a job and one that does not answer. `tuned.daemon.attempts.placed` says what each means for a trial.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tuned.core.errors import TunedError
from tuned.core.places import Place
from tuned.places.interface import Engine, Job, Silent, Stage, Submission, by_name

log = logging.getLogger(__name__)

QUICK_S = 1.0
"""Between two looks at an engine that was just asked for something, or has just said something new."""
SLOW_S = 10.0
"""Between two looks where nothing happens."""
_SLOWER = 1.5
AT_ONCE = 4
"""Submissions under way at the same time."""
FOLDER_S = (5.0, 20.0, 60.0)
"""Between two tries of a folder that could not be used: the first, the second, all others."""


@dataclass(slots=True)
class Followed:
    """A submission that somebody waits for.

    Attributes:
        wake: Called when the engine says something new of it.
        since: When it was followed or submitted last, of the monotonic clock: an answer that was asked for before says
            nothing of it.
        job: The engine's last word; None where it has none.
        absent_since: Time of the first answer in a row without it, of the monotonic clock; None while it is known.
    """

    wake: Callable[[], None]
    since: float
    job: Job | None = None
    absent_since: float | None = None


@dataclass(slots=True)
class Counts:
    """Requests to a place's engine, by kind."""

    looks: int = 0
    submits: int = 0
    stops: int = 0
    failures: int = 0


class Station:
    """A place and its engine.

    Args:
        place: As `config.toml` says now.
        engine: None where the place is not known any more.
        news: Called when it answers again, or its folder can be used again, so that waiting trials can start.
        usable: Blocks; raises while nothing can be written into the place's folder.

    Attributes:
        silence: Why its engine cannot be asked; empty while it answers.
    """

    def __init__(
        self, place: Place, engine: Engine | None, news: Callable[[], None], usable: Callable[[], object]
    ) -> None:
        self.place = place
        self.engine = engine
        self.silence = ""
        self.counts = Counts()
        self._news = news
        self._usable = usable
        self._unusable = ""
        self._refusals = 0
        self._try_again_at = 0.0
        self._trying: asyncio.Task[None] | None = None
        self._followed: dict[str, Followed] = {}
        self._to_stop: set[str] = set()
        self._to_kill: set[str] = set()
        self._over: set[str] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._pause = QUICK_S
        self._next = 0.0
        self.answered_at = 0.0
        """When the last answer to a look had been asked for, of the monotonic clock."""
        self.changed = asyncio.Event()

    @property
    def trouble(self) -> str:
        """Why nothing starts here; empty when there is no reason."""
        return self.silence or self._unusable

    @property
    def following(self) -> bool:
        """Whether anybody waits for something here."""
        return bool(self._followed or self._over or self.trouble)

    @property
    def due_in(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._next - time.monotonic())

    def follow(self, name: str, wake: Callable[[], None]) -> None:
        """Tell of this submission from now on."""
        self._followed[name] = Followed(wake, time.monotonic())
        self.hurry()

    def leave(self, name: str) -> None:
        """Nobody waits for it any more: its end is committed, and the engine may forget it."""
        if self._followed.pop(name, None) is not None:
            self._over.add(name)
        self._to_stop.discard(name)
        self._to_kill.discard(name)

    def job(self, name: str) -> Job | None:
        """The engine's last word on it."""
        found = self._followed.get(name)
        return None if found is None else found.job

    def absent_s(self, name: str) -> float | None:
        """For how long the engine has answered without this one; None where it knows it, or has not answered yet."""
        found = self._followed.get(name)
        if found is None or found.absent_since is None:
            return None
        return self.answered_at - found.absent_since

    def states(self) -> tuple[int, int]:
        """How many wait in the engine's queue, and how many run."""
        stages = [entry.job.stage for entry in self._followed.values() if entry.job is not None]
        return stages.count(Stage.WAITING), stages.count(Stage.RUNNING)

    def stop(self, name: str) -> None:
        """Have this one told soon, together with others."""
        self._to_stop.add(name)
        self.hurry()

    def kill(self, name: str) -> None:
        """Have this one ended soon."""
        self._to_kill.add(name)
        self.hurry()

    def become(self, place: Place, engine: Engine) -> None:
        """`config.toml` says something else of it: what was wrong before may be right now."""
        self.place, self.engine, self.silence, self._unusable = place, engine, "", ""
        self._refusals, self._try_again_at = 0, 0.0
        self.hurry()

    def fail(self, why: str) -> None:
        """Its folder cannot be used: nothing starts here until it was tried again, whatever its engine says."""
        if not self._unusable:
            log.warning("place %s: %s", self.place.name, why)
        now = time.monotonic()
        if now >= self._try_again_at:  # of several that fail at once, one counts
            self._try_again_at = now + FOLDER_S[min(self._refusals, len(FOLDER_S) - 1)]
            self._refusals += 1
        self._unusable = why
        self.changed.set()

    def _try_folder(self) -> None:
        """Have the folder tried when it is time; a file system that hangs holds up this alone, and one thread."""
        waits = self._trying is not None and not self._trying.done()
        if self._unusable and not waits and time.monotonic() >= self._try_again_at:
            self._trying = asyncio.create_task(self._try())

    async def _try(self) -> None:
        try:
            await asyncio.to_thread(self._usable)
        except (OSError, TunedError) as error:
            self.fail(str(error))
            return
        log.info("the folder of place %s can be used again", self.place.name)
        self._unusable = ""
        self._news()

    def hurry(self) -> None:
        """Look soon."""
        self._pause = QUICK_S
        self._next = min(self._next, time.monotonic() + QUICK_S)
        self.changed.set()

    async def submit(self, submission: Submission) -> str:
        """Submit; the engine's number.

        Raises:
            Refused: It will never be taken.
            Silent: The engine does not answer; nobody knows whether it was taken.
        """
        if self.engine is None:
            raise Silent(self.silence or "is not known", where=f"place {self.place.name}")
        async with self._room:
            self.counts.submits += 1
            try:
                number = await self.engine.submit(submission)
            except Silent as error:
                self._silent(error)
                raise
            finally:
                self._ask_anew(submission.name)
        self._refusals = 0
        self.hurry()
        return number

    def _ask_anew(self, name: str) -> None:
        """Nothing is known of one that was just submitted; the engine may have taken it without saying so."""
        entry = self._followed.get(name)
        if entry is not None:
            entry.since, entry.absent_since = time.monotonic(), None

    async def look(self) -> None:
        """Ask what is to be asked, and tell who waits."""
        self._try_folder()
        if self.engine is None:
            self._next = time.monotonic() + SLOW_S
            return
        asked_at = time.monotonic()
        try:
            await self._steer(self.engine)
            asked_at = time.monotonic()
            self.counts.looks += 1
            jobs = by_name(await self.engine.list(tuple(self._followed)))
            await self._forget(self.engine, jobs)
        except TunedError as error:
            self._silent(error)
            return
        if self.silence:
            log.info("place %s answers again", self.place.name)
            self.silence = ""
            self._news()
        self.answered_at = asked_at
        moved = [self._note(entry, jobs.get(name)) for name, entry in list(self._followed.items())]
        self._pause = QUICK_S if any(moved) else min(SLOW_S, self._pause * _SLOWER)
        self._next = time.monotonic() + self._pause

    def _note(self, entry: Followed, job: Job | None) -> bool:
        """Keep the engine's word on one; whether it is another than before."""
        before = entry.job
        if job is None and self.answered_at <= entry.since:
            return False
        if job is None:
            entry.absent_since = self.answered_at if entry.absent_since is None else entry.absent_since
            if before is None or before.why is None:
                entry.job = None  # an end stays known
            entry.wake()
            return before is not None
        entry.absent_since, entry.job = None, job
        if job != before or job.why is not None:
            entry.wake()
        return job != before

    async def _forget(self, engine: Engine, jobs: Mapping[str, Job]) -> None:
        """Let the engine forget those that are over there as well as here; one that is just ending has time."""
        self._over &= jobs.keys()
        ended = {name for name in self._over if jobs[name].stage is Stage.ENDED}
        if ended:
            await engine.forget(ended)
            self._over -= ended

    async def _steer(self, engine: Engine) -> None:
        """Stops and kills of all trials, in as few calls as the engine has."""
        stops, self._to_stop = self._to_stop, set()
        kills, self._to_kill = self._to_kill, set()
        try:
            if stops:
                self.counts.stops += 1
                await engine.stop(stops)
            if kills:
                self.counts.stops += 1
                await engine.kill(kills)
        except Silent:
            self._to_stop |= stops & self._followed.keys()
            self._to_kill |= kills & self._followed.keys()
            raise

    def _silent(self, error: TunedError) -> None:
        if not self.silence:
            log.warning("%s", error)
        self.silence = str(error)
        self.counts.failures += 1
        self._pause = min(SLOW_S, self._pause * 2)
        self._next = time.monotonic() + self._pause
        for entry in list(self._followed.values()):
            entry.wake()

    async def last_words(self, name: str, path: str) -> str:
        """The last line that the engine kept of a command; empty where there is none, or it does not answer."""
        if self.engine is None:
            return ""
        with contextlib.suppress(TunedError):
            lines = [line.strip() for line in (await self.engine.engine_log(name, path)).splitlines() if line.strip()]
            return lines[-1] if lines else ""
        return ""
