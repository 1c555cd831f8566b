"""How well silent trials share a card, by their lengths, where one of them was alone there for a while."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from storage import queries, repository
from tests.db.conftest import NOW
from tuned.core.states import Actor
from tuned.daemon import clock
from tuned.daemon.cards.packing import Packing

if TYPE_CHECKING:
    from conftest import Lab


class Day:
    """One card, a study whose trials take 10 s alone, and a daemon that looks at it."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab, self.study, self.at = lab, lab.study(), 0.0
        self.slots = SimpleNamespace(gpus=[1], leases={"GPU-a": {}}, beside={}, leasable_gpus=lambda: ["GPU-a"])
        monkeypatch.setattr(clock, "now", lambda: NOW + self.at)
        self.start_daemon()

    def start_daemon(self) -> None:
        hub = SimpleNamespace(scheduler=asyncio.Event())
        self.packing = Packing(self.lab.database, cast("Any", hub), cast("Any", self.slots), cast("Any", None))

    def name(self, trial: int) -> str:
        return str(self.lab.by_id(trial).name)

    async def starts(self, trial: int, at: float) -> None:
        self.lab.claim(trial, now=NOW + at, device="GPU-a")
        for name, value in (("gpu/memory_bytes", 5.0), ("gpu/utilisation", 30.0)):
            self.lab.report(trial, (name, 0, value))
        holders = self.slots.leases["GPU-a"]
        holders[self.name(trial)] = 1.0
        if len(holders) > 1:
            self.slots.beside = dict.fromkeys(holders, NOW + at) | self.slots.beside
        await self.look(at)

    async def ends(self, trial: int, at: float, event: str = "exit_ok") -> None:
        self.lab.end(trial, event, now=NOW + at)
        del self.slots.leases["GPU-a"][self.name(trial)]
        self.slots.beside.pop(self.name(trial), None)
        await self.look(at)

    async def stands_still(self, trial: int, still: bool, at: float) -> None:
        self.lab.do(repository.set_frozen, trial, still, "freeze", Actor.USER, NOW + at)
        await self.look(at)

    async def look(self, at: float) -> None:
        self.at = at + 0.1
        await self.packing.look()

    @property
    def gain(self) -> float | None:
        return self.packing._gains.get((self.study,), {}).get(2)


async def pair(day: Day) -> tuple[int, int]:
    """One has run alone; two share the card from 21 s on, the first of them began at 20 s."""
    alone, first, second = day.lab.queue(day.study, 3)
    await day.starts(alone, 0)
    await day.ends(alone, 10)
    await day.starts(first, 20)
    await day.starts(second, 21)
    return first, second


async def test_two_that_shared_the_card_throughout_are_judged_by_their_length(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(lab, monkeypatch)
    first, _ = await pair(day)
    await day.ends(first, 39)
    assert day.gain == pytest.approx(1.0), "half as fast each"


async def test_a_rival_that_stood_still_does_not_make_sharing_look_better(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = Day(lab, monkeypatch)
    first, second = await pair(day)
    await day.stands_still(second, True, 22)
    await day.stands_still(second, False, 29)
    await day.ends(first, 31)
    assert day.gain is None, "for most of its length it was alone"


async def test_nor_does_one_that_stood_still_between_two_looks(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(lab, monkeypatch)
    first, second = await pair(day)
    for at, still in ((22, True), (26, False)):
        lab.do(repository.set_frozen, second, still, "freeze", Actor.USER, NOW + at)
    await day.look(27)
    await day.ends(first, 35)
    assert day.gain is None


async def test_nor_one_that_came_after_another_had_gone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(lab, monkeypatch)
    first, second = await pair(day)
    await day.ends(second, 22, "exit_pruned")
    (third,) = day.lab.queue(day.study, 1)
    await day.starts(third, 29)
    await day.ends(first, 31)
    assert day.gain is None


async def test_nor_one_whose_daemon_has_ended_meanwhile(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(lab, monkeypatch)
    alone, first, second = day.lab.queue(day.study, 3)
    await day.starts(alone, 0)
    await day.ends(alone, 10)
    await day.starts(first, 20)
    await day.starts(second, 28)
    day.start_daemon()
    with lab.database.read() as conn:
        day.slots.beside = {row.trial.name: row.claimed_at for row in queries.live(conn)}  # as adoption does
    await day.packing.begin()
    await day.look(29)
    await day.ends(first, 32)
    assert day.gain is None, "since when they share the card is not known"
