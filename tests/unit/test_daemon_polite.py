"""Polite mode, quiet hours and a person's switch and yields: each holds for its own time, whatever is under way."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tuned.core.cards.polite import Presence
from tuned.core.errors import InvalidInput
from tuned.daemon import clock
from tuned.daemon.cards.polite import Polite
from tuned.daemon.cards.yields import Yields
from tuned.daemon.hub import Hub
from tuned.wire import Changed, GpuYield

CARD = SimpleNamespace(id="GPU-1", index=0, label="gpu:0")
SIZE = 2 * 2**30
HOUR = 3600.0


class Day:
    """A card with a trial, by a clock that the test sets."""

    def __init__(self) -> None:
        self.now = time.mktime((2026, 6, 1, 12, 0, 0, 0, 0, -1))
        self.table: dict[str, Any] = {"whose": "all", "after": 0, "back_after": 0}
        self.broken = False
        self.inside, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self.slots: Any = SimpleNamespace(
            gpus=[CARD],
            samples={CARD.id: SimpleNamespace(busy={}, processes={1: SIZE})},
            leases={CARD.id: {"s/1": 1.0}},
            lost={},
            yielded={},
            left_to={},
            blocked=lambda _: "",
        )
        database: Any = SimpleNamespace(writer=SimpleNamespace(run=self._written))
        self.yields = Yields(database, Hub(asyncio.get_running_loop()), self.slots, self._paused, self._paused)
        self.yields._trials = lambda _: {}  # type: ignore[method-assign, misc]
        self.polite = Polite(database, self.slots, self.yields, self._settings)
        self.polite.on = True
        self.somebody(True)

    def _settings(self) -> dict[str, Any]:
        if self.broken:
            raise InvalidInput("is not TOML", where="config.toml")
        return self.table

    async def _written(self, change: Any) -> None:
        await asyncio.sleep(0)

    async def _paused(self, *_: Any) -> Changed:
        self.inside.set()
        await self.go_on.wait()
        return Changed([])

    def somebody(self, there: bool) -> None:
        """Let somebody else work on the card, or not."""
        found = SimpleNamespace(others=(1,) if there else (), foreign=SIZE * there)
        self.slots.judgements = {CARD.id: found}

    @property
    def left(self) -> bool:
        """Whether the card is left to others."""
        return bool(self.slots.yielded.get(CARD.id, 0.0) > self.now)

    async def at(self, hours: float) -> bool:
        """Look at so many hours after noon; whether the card is left then."""
        self.now = time.mktime((2026, 6, 1, 12, 0, 0, 0, 0, -1)) + hours * HOUR
        await self.yields._let_go_on()
        await self.polite.look()
        return self.left


@pytest.fixture
async def day(monkeypatch: pytest.MonkeyPatch) -> Day:
    found = Day()
    monkeypatch.setattr(clock, "now", lambda: found.now)
    return found


QUIET = [{"from": "12:00", "to": "18:00"}]


async def test_polite_mode_that_is_turned_off_while_trials_leave_leaves_no_card_behind(day: Day) -> None:
    """The card was left for thirty days, and nothing looked at it any more."""
    day.go_on.clear()
    look = asyncio.create_task(day.polite.look())
    await day.inside.wait()
    off = asyncio.create_task(day.polite.switch(False))
    await asyncio.sleep(0.05)
    day.go_on.set()
    await asyncio.gather(look, off)
    assert not day.left and not day.polite._presences


async def test_a_card_that_a_person_took_back_is_no_reason_to_refuse_the_switch(day: Day) -> None:
    day.polite._presences[CARD.id] = Presence(since=day.now - HOUR, left=True)
    await day.polite.switch(False)
    assert not day.polite.on and not day.polite._presences


async def test_polite_mode_is_turned_off_for_a_card_of_a_driver_that_is_not_loaded_yet(day: Day) -> None:
    assert await day.at(0)
    day.slots.gpus = []
    await day.polite.switch(False)
    assert not day.left


async def test_a_person_has_left_a_card_for_longer_than_somebody_works_on_it(day: Day) -> None:
    """Polite mode gave the card back when it was quiet, hours before the time that the person had said."""
    await day.yields.yield_(GpuYield("0", 2 * HOUR))
    assert await day.at(0.1) and day.slots.left_to
    day.somebody(False)
    await day.at(0.2)
    assert await day.at(1.9) and not day.slots.left_to
    assert not await day.at(2.1)


async def test_a_person_leaves_a_card_for_a_shorter_time_than_somebody_works_on_it(day: Day) -> None:
    """The end of that time counted as if the person had taken the card back."""
    assert await day.at(0)
    await day.yields.yield_(GpuYield("0", HOUR))
    assert await day.at(1.1) and not day.polite._presences[CARD.id].kept
    await day.yields.yield_(GpuYield("0"))
    assert not await day.at(1.2)


@pytest.mark.parametrize(("asked_at", "hours", "ends"), [(1.0, 1.0, 6.0), (1.0, 8.0, 9.0), (-1.0, 2.0, 6.0)])
async def test_a_person_leaves_a_card_beside_its_quiet_hours(
    day: Day, asked_at: float, hours: float, ends: float
) -> None:
    """Within them, beyond them, and from before them."""
    day.table["quiet"] = QUIET
    day.somebody(False)
    await day.at(asked_at)
    await day.yields.yield_(GpuYield("0", hours * HOUR))
    for moment in sorted((asked_at + hours / 2, asked_at + hours + 0.1, ends - 0.1)):
        assert await day.at(moment) == (moment < ends)
    assert not await day.at(ends + 0.1)


async def test_a_file_that_is_being_edited_ends_no_quiet_hours(day: Day) -> None:
    """A slip of the pen sent trials onto a card in its quiet hours."""
    day.table["quiet"] = QUIET
    day.somebody(False)
    assert await day.at(1)
    day.table["aftr"] = day.table.pop("after")
    assert await day.at(2)
    assert day.polite.trouble.startswith("polite mode goes by what stood in the file before: gpu.aftr: is no setting")
    day.broken = True
    assert await day.at(3)
    assert not await day.at(6.1), "what the file said before also says when they end"
    # A daemon that has never read it leaves such a card as it is.
    assert await day.at(24 + 1)
    day.polite._rules = None
    assert await day.at(24 + 2)
    day.broken, day.table = False, {}
    assert not await day.at(24 + 3)
    assert not day.polite.trouble
