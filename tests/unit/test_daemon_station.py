"""A place between its engine and the trials: what an answer says depends on when it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from tuned.core.errors import Unavailable
from tuned.core.places import Place
from tuned.daemon.attempts import placed
from tuned.daemon.attempts.placing import Placing
from tuned.daemon.places.station import Station
from tuned.places.interface import Job, Seen, Silent, Stage, Submission

NAME = "tuned-a1"
ASKED = Submission(NAME, ("true",), "/log", 0, 0, 1)


class Engine:
    """Jobs in memory; `list` and `submit` wait where a test holds them."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.deaf = False
        self.told: list[str] = []
        self.held: asyncio.Event | None = None
        self.listing = asyncio.Event()

    async def probe(self) -> Seen:
        return Seen("made up", 1, ())

    async def submit(self, submission: Submission) -> str:
        self.jobs.append(submission.name)
        if self.deaf:
            raise Silent("timed out")
        return str(len(self.jobs))

    async def list(self, wanted: Collection[str] = ()) -> Sequence[Job]:
        found = [Job(name, str(i), Stage.WAITING, "PENDING") for i, name in enumerate(self.jobs, start=1)]
        self.listing.set()
        if self.held is not None:
            await self.held.wait()
        return found

    async def stop(self, names: Collection[str]) -> None:
        self.told += names

    async def kill(self, names: Collection[str]) -> None:
        self.told += names

    async def engine_log(self, submission_log: str) -> str:
        return ""

    async def forget(self, names: Collection[str]) -> None:
        """Nothing is kept."""


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def station(engine: Engine) -> Station:
    return Station(Place("lab", "slurm", "/shared"), engine, lambda: None, lambda: None)


async def test_an_answer_that_was_asked_for_before_a_submission_says_nothing_of_it(
    engine: Engine, station: Station
) -> None:
    """An engine that took it and did not say so had the same attempt submitted twice."""
    station.follow(NAME, lambda: None)
    await station.look()
    assert station.absent_s(NAME) == 0.0
    engine.deaf, engine.held = True, asyncio.Event()
    engine.listing.clear()
    look = asyncio.create_task(station.look())
    await engine.listing.wait()
    with pytest.raises(Silent):
        await station.submit(ASKED)
    assert station.absent_s(NAME) is None, "nobody knows of it yet"
    engine.held.set()
    await look
    assert station.job(NAME) is None and station.absent_s(NAME) is None
    await station.look()
    assert station.job(NAME) is not None


async def test_one_that_waited_long_for_its_turn_is_not_taken_for_lost(engine: Engine, station: Station) -> None:
    station.follow(NAME, lambda: None)
    await station.look()
    station._followed[NAME].absent_since = station.answered_at - 2 * placed.UNKNOWN_S
    await station.submit(ASKED)
    assert station.absent_s(NAME) is None
    engine.jobs.clear()
    await station.look()
    assert station.absent_s(NAME) == 0.0, "counted from the first answer without it"


async def test_an_attempt_whose_submission_was_not_answered_waits_for_a_look(
    engine: Engine, station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec: dict[str, Any] = {"bundle": "/b", "python": "python3", "grace": 1.0}
    monkeypatch.setattr("tuned.daemon.attempts.placed.run_dirs.spec", lambda _: spec)
    attempt: Any = Attempt(tmp_path)
    attempt.placing = placing = Placing(station, fresh=True)
    placed.begin(attempt)
    await station.look()  # it waits for its turn meanwhile
    engine.deaf = True
    for _ in range(3):
        await placed.advance(attempt, placing)
    assert engine.jobs == [NAME]
    engine.deaf = False
    await station.look()
    await placed.advance(attempt, placing)
    assert engine.jobs == [NAME] and placing.submitted


async def test_a_folder_that_cannot_be_used_is_tried_more_and_more_seldom_whatever_the_engine_answers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer of the engine had all that waited begin anew: an attempt of each trial a second, all night long."""
    now, full = 1000.0, "less than 1 GB is free"
    room, news, tried = False, 0, []
    monkeypatch.setattr("tuned.daemon.places.station.time.monotonic", lambda: now)

    def usable() -> None:
        tried.append(now)
        if not room:
            raise Unavailable(full)

    def count() -> None:
        nonlocal news
        news += 1

    station = Station(Place("lab", "slurm", "/shared"), engine, count, usable)
    for _ in range(4):
        station.fail(full)  # as many as are started at once
    station.follow(NAME, lambda: None)
    for _ in range(200):
        await station.look()
        if station._trying is not None:
            await station._trying
        now += 1.0
    assert tried == [1005.0, 1025.0, 1085.0, 1145.0]
    assert station.trouble == full and news == 0
    room, now = True, 1205.0
    await station.look()
    assert station._trying is not None
    await station._trying
    assert station.trouble == "" and news == 1


class Told:
    stop = None


class Attempt:
    """The fields of a live attempt that are read here."""

    def __init__(self, run_dir: Path) -> None:
        self.attempt_id, self.holder, self.attempt, self.run_dir = "a1", "s/1", 1, run_dir
        self.dirty, self.told, self.told_at = asyncio.Event(), Told(), 0.0
        self.started = self.running = False
        self.over: Any = None
        self.waits_for = ""
