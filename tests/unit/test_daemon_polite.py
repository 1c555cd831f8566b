"""Polite mode and a person's switch: whichever comes last holds, whatever is under way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tuned.core.cards.polite import Presence
from tuned.core.errors import Conflict
from tuned.daemon import clock
from tuned.daemon.cards.polite import Polite
from tuned.wire import GpuYield

CARD = SimpleNamespace(id="GPU-1", index=0, label="gpu:0")
SIZE = 2 * 2**30


class Yields:
    """Leaves a card when it is let, and takes it back at once."""

    def __init__(self, slots: Any) -> None:
        self.slots = slots
        self.inside, self.go_on = asyncio.Event(), asyncio.Event()

    async def yield_(self, request: GpuYield, text: str = "", since: float = 0.0) -> None:
        if request.seconds is None:
            if self.slots.yielded.get(CARD.id, 0.0) <= clock.now():
                raise Conflict("is not left to anybody")
            self.slots.yielded[CARD.id] = 0.0
            return
        self.inside.set()
        await self.go_on.wait()
        self.slots.yielded[CARD.id] = clock.now() + request.seconds


async def _written(change: Any) -> None:
    return None


@pytest.fixture
async def polite() -> Polite:
    slots: Any = SimpleNamespace(
        gpus=[CARD],
        judgements={CARD.id: SimpleNamespace(others=(1,), foreign=SIZE)},
        samples={CARD.id: SimpleNamespace(busy={}, processes={1: SIZE})},
        yielded={},
        left_to={},
        unavailable=lambda _: "process 1 of somebody else holds 2 GiB",
    )
    database: Any = SimpleNamespace(writer=SimpleNamespace(run=_written))
    found = Polite(database, slots, Yields(slots), lambda: {"whose": "all"})  # type: ignore[arg-type]
    found.on = True
    return found


async def test_polite_mode_that_is_turned_off_while_trials_leave_leaves_no_card_behind(polite: Polite) -> None:
    """The card was left for thirty days, and nothing looked at it any more."""
    yields: Any = polite._yields
    polite._presences[CARD.id] = Presence(since=clock.now() - 3600)
    look = asyncio.create_task(polite.look())
    await yields.inside.wait()
    off = asyncio.create_task(polite.switch(False))
    await asyncio.sleep(0.05)
    yields.go_on.set()
    await asyncio.gather(look, off)
    assert yields.slots.yielded[CARD.id] <= clock.now() and not polite._presences


async def test_a_card_that_a_person_took_back_is_no_reason_to_refuse_the_switch(polite: Polite) -> None:
    polite._presences[CARD.id] = Presence(since=clock.now() - 3600, left=True)
    await polite.switch(False)
    assert not polite.on and not polite._presences
