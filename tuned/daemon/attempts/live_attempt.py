"""One attempt that holds a slot, as the daemon knows it. Owns these fields; who may change which, `live` says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from asyncinotify import Watch

from tuned.core.errors import Unavailable
from tuned.core.trials.endings import Fate
from tuned.core.trials.wishes import Told, Wish
from tuned.daemon.attempts.placing import Placing
from tuned.protocol import PROTOCOL


@dataclass(slots=True)
class Overdue:
    """Signals that the daemon has sent itself after telling an end in vain; times of the monotonic clock."""

    told_at: float = 0.0
    terminated_at: float | None = None
    killed_at: float | None = None


@dataclass(eq=False)
class LiveAttempt:
    """One attempt that holds a slot.

    Attributes:
        port: The TCP port that is its alone; 0: none, or an adopted attempt's, which is not known.
        offset: Bytes of the metrics file whose observations are committed.
        next_steps: Metric name -> step of a line that has none; None until read from the database.
        running: Whether the row is known to say so, of an adopted attempt before its start record is read again.
        inode: The metrics file's when it was read last; 0 before.
        forked: Whether a supervisor may be alive: set once the launcher has answered, or at adoption.
        over: The verdict once nobody held the lock; `WAIT` until then.
        damaged: The reported fault of its directory, so that it is reported once.
        wish, told: How it is wanted to be, as its row said when it was read last, and what stands in its records.
        stood: Whether it stood still with its memory on the card before that was to be moved.
        asked: Whether its row may say something else by now; `unread`: whether the records were written by an earlier
            daemon and are to be read first.
        lock: Held by whoever tells it something.
        mover: Moves its GPU memory, while that lasts; `move_after` (of the monotonic clock) is when to try next.
        settled: Set while nothing is left to be told, or what is left waits for another try.
        problem: Why it could not be frozen when a request asked for that.
        told_at: When it was told something last, of the monotonic clock.
        protocol: Version of the records that its supervisor reads.
        overdue: Steps taken because its supervisor did not act; `waits_for` names the awaited event for people.
        lacks: The obstacle to its trial's fork, for people; empty when there is none.
        pidfd: The supervisor's; None while unknown or gone. `supervisor` is its process id, if it was ever known.
        doubtful: Whether a look failed, so that what was committed of it is to be read from the database.
        cut_off: Whether the attempt before it was given back because its launch was cut off.
        joules: Energy counters of its cards at its last sample, by card; `spent`: joules since it began.
        unsampled_since: The begin (unix seconds) of one whose earlier daemon never looked at its cards; until the
            first look.
        cpu: Seconds of processor time that its processes had taken at the last sample, and when (monotonic).
        samples: Measurements of the device that wait for the next commit.
        placing: Its way through its place; None of one on this machine.
    """

    trial_id: int
    study: str
    number: int
    attempt: int
    attempt_id: str
    run_dir: Path
    device: str
    port: int = 0
    started: bool = False
    offset: int = 0
    next_steps: dict[str, int] | None = None
    running: bool = False
    inode: int = 0
    forked: bool = False
    over: Fate = Fate.WAIT
    damaged: str = ""
    wish: Wish = field(default_factory=Wish)
    told: Told = field(default_factory=Told)
    stood: bool = False
    asked: bool = True
    unread: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    mover: asyncio.Task[None] | None = None
    move_after: float = 0.0
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    problem: Unavailable | None = None
    told_at: float = 0.0
    protocol: int = PROTOCOL
    overdue: Overdue = field(default_factory=Overdue)
    waits_for: str = ""
    lacks: str = ""
    pidfd: int | None = None
    supervisor: int | None = None
    supervisor_gone: bool = False
    doubtful: bool = False
    claimed_at: float = 0.0
    cut_off: bool = False
    joules: dict[str, float] = field(default_factory=dict)
    spent: float = 0.0
    unsampled_since: float | None = None
    cpu: tuple[float, float] | None = None
    samples: list[tuple[str, float, float, float | None]] = field(default_factory=list)
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    watches: list[Watch] = field(default_factory=list)
    placing: Placing | None = None

    @property
    def holder(self) -> str:
        """`STUDY/NUMBER`."""
        return f"{self.study}/{self.number}"
