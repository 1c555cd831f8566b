"""Cards that are left to others for a while: what a request says holds whatever is under way."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from tuned.cli.verbs.gpu import _tell
from tuned.core.errors import Conflict
from tuned.daemon import clock
from tuned.daemon.cards.yields import Yields
from tuned.daemon.hub import Hub
from tuned.wire import Changed, GpuYield


async def _written(change: Any) -> None:
    return None


async def _changed(*_: Any) -> Changed:
    return Changed([])


async def test_a_card_that_is_taken_back_while_its_trials_are_looked_at_stays_taken() -> None:
    """The look had read the end of the yield before, and wrote it down again: the card stayed left."""
    card = SimpleNamespace(id="GPU-1", index=0, label="gpu:0")
    slots: Any = SimpleNamespace(gpus=[card], leases={}, yielded={}, left_to={}, blocked=lambda _: "")
    database: Any = SimpleNamespace(writer=SimpleNamespace(run=_written))
    yields = Yields(database, Hub(asyncio.get_running_loop()), slots, _changed, _changed)
    inside, go_on = threading.Event(), threading.Event()

    def no_longer_there(_: list[str]) -> dict[str, Any]:
        inside.set()
        assert go_on.wait(60)
        return {}

    yields._trials = no_longer_there  # type: ignore[method-assign]
    until = clock.now() + 3600
    yields._yields = {card.id: {"until": until, "level": "auto", "trials": ["s/1"], "to": "", "since": 0.0}}
    slots.yielded[card.id] = until
    look = asyncio.create_task(yields._let_go_on())
    await asyncio.to_thread(inside.wait, 60)
    take = asyncio.create_task(yields.yield_(GpuYield("0")))
    await asyncio.sleep(0.05)
    go_on.set()
    await look
    assert (await take).until is None
    assert slots.yielded.get(card.id, 0.0) <= clock.now() and not yields._yields


async def test_a_card_that_is_taken_back_while_somebody_holds_its_memory_says_that_nothing_starts_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The answer was that it is leased again, and the trials waited on."""
    card, held = SimpleNamespace(id="GPU-1", index=0, label="gpu:0"), "process 7 of somebody else holds 2.0 GiB"
    slots: Any = SimpleNamespace(
        gpus=[card], leases={}, lost={}, yielded={card.id: clock.now() + 3600}, left_to={}, blocked=lambda _: held
    )
    database: Any = SimpleNamespace(writer=SimpleNamespace(run=_written))
    yields = Yields(database, Hub(asyncio.get_running_loop()), slots, _changed, _changed)
    _tell(await yields.yield_(GpuYield("0")))
    said = capsys.readouterr().out
    assert "leased to trials again" not in said
    assert "not leased yet: process 7 of somebody else holds 2.0 GiB; it is once that is 500 MiB at most" in said
    with pytest.raises(Conflict, match="not left to anybody, and not leased: process 7 of"):
        await yields.yield_(GpuYield("0"))
