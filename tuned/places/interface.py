"""The seam between the daemon and an engine that starts processes elsewhere: its words, and the calls that it answers.

Every call is by the name of a submission, which its caller chooses and can compute again; numbers that an engine gives
are for people alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tuned.core.errors import InvalidInput, Unavailable

PREFIX = "tuned-"
"""Begins the names of our submissions, so that what a person runs there is never touched."""


class Refused(InvalidInput):
    """The engine will never take this submission: what it asks for does not exist there, or is not allowed."""


class Silent(Unavailable):
    """The engine did not answer. Nothing is known of what was asked, not even whether it was done."""


class Stage(StrEnum):
    """How far a submission has come."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class Why(StrEnum):
    """The engine's word on why a submission ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LIMIT = "limit"
    NODE = "node"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that an engine is asked to start.

    Attributes:
        name: Begins with `PREFIX`; nothing else was ever submitted under it.
        command: Argument list, of absolute paths; it carries no secret.
        log: File for what is printed before the command's own records begin.
        cpus, gpus: Cores and cards that it needs; 0: as many as the engine gives by default.
        lead: Seconds that the command is given between SIGTERM and the end of all its processes, also ahead of a limit.
    """

    name: str
    command: tuple[str, ...]
    log: str
    cpus: int
    gpus: int
    lead: int


@dataclass(frozen=True, slots=True)
class Job:
    """An engine's answer on one submission.

    Attributes:
        number: The engine's own number, for people.
        word: The engine's own word for its state; `reason`: why it waits, or ended; empty without one.
        node: Where it runs, or ran.
        why: Of an ended one.
    """

    name: str
    number: str
    stage: Stage
    word: str
    reason: str = ""
    node: str = ""
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a probe.

    Attributes:
        engine: Name and version of the engine.
        nodes: How many nodes would take work.
        kinds: Kinds of cards that they have, in the engine's words.
    """

    engine: str
    nodes: int
    kinds: tuple[str, ...]


class Engine(Protocol):
    """One engine. Each call may take seconds; none is repeated by the engine itself.

    Every call raises `Silent` where the engine does not answer.
    """

    async def probe(self) -> Seen:
        """Ask how the engine is."""

    async def submit(self, submission: Submission) -> str:
        """Have it started once there is room; the engine's number.

        Raises:
            Refused: It never will be.
        """

    async def list(self, wanted: Collection[str] = ()) -> Sequence[Job]:
        """All of our submissions that the engine remembers, in one call; of a name that was taken twice, both.

        Those that are `wanted` and that it has forgotten are looked for in its history, in one call more.
        """

    async def stop(self, names: Collection[str]) -> None:
        """Have those that wait removed, and tell those that run, by SIGTERM to the command alone.

        An engine that cannot signal the command alone tells none that runs: each looks for its `stop.json` by itself.
        """

    async def kill(self, names: Collection[str]) -> None:
        """End them now, with all that they have started."""

    async def engine_log(self, name: str, log: str) -> str:
        """The last of what was printed before the command's own records began; empty where there is nothing.

        Args:
            name: Of the submission.
            log: The file that it named for this.
        """

    async def forget(self, names: Collection[str]) -> None:
        """They have ended, as `list` says, and nobody will ask for them again."""


_ORDER = {Stage.RUNNING: 0, Stage.WAITING: 1, Stage.ENDED: 2}


def by_name(jobs: Sequence[Job]) -> dict[str, Job]:
    """Name -> its job; of a name that was taken twice the one that runs, else the one that waits, else the newest."""
    found: dict[str, Job] = {}
    for job in jobs:
        known = found.get(job.name)
        if known is None or _ORDER[job.stage] <= _ORDER[known.stage]:
            found[job.name] = job
    return found
