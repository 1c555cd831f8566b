"""The cards of this machine: a list of them, and leaving one to somebody else."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query

from tuned.core.cards.time import LONGEST_ACCOUNT_S
from tuned.daemon import clock
from tuned.daemon.attempts.sampling import sample
from tuned.daemon.cards.uses import ledger as account
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.machine.processes import owner
from tuned.daemon.machine.slots import Slot
from tuned.wire import CardTime, GpuPolite, GpuProcess, GpuRow, GpuYield, GpuYielded

router = make_router("gpus")

WEEK_S = 7 * 86_400.0


@router.get("/gpus")
async def gpus(given: Given) -> list[GpuRow]:
    """The cards of this machine; none on a machine without."""
    if not given.slots.gpus:
        return []
    families = await sample(given.slots, given.attempts.live.values())
    live = list(given.attempts.live.values())
    holders = {pid: attempt.holder for attempt in live for pid in families.get(attempt.holder, ())}
    return await asyncio.to_thread(lambda: [_row(given, slot, holders) for slot in given.slots.gpus])


def _row(given: Context, slot: Slot, holders: dict[int, str]) -> GpuRow:
    found, leases = given.slots.samples.get(slot.id), given.slots.leases.get(slot.id, {})
    judgement = given.slots.judgements.get(slot.id)
    until = given.slots.yielded.get(slot.id, 0.0)
    left_to = given.slots.left_to.get(slot.id, "") if until > clock.now() else ""
    processes = [
        GpuProcess(pid, size, *owner(pid), holders.get(pid, ""))
        for pid, size in sorted((found.processes if found else {}).items(), key=lambda item: -(item[1] or 0))
    ]
    return GpuRow(
        index=slot.index,
        id=slot.id,
        name=slot.name,
        memory_total=slot.memory_total or 0,
        memory_used=found.memory_used if found else None,
        utilisation=found.utilisation if found else None,
        held_by=list(leases),
        free=max(0.0, round(1.0 - sum(leases.values()), 6)),
        blocked=given.slots.blocked(slot.id),
        yielded_until=until if until > clock.now() and not left_to else None,
        processes=processes,
        note=judgement.note if judgement else "",
        left_to=left_to,
    )


@router.post("/gpus/yield")
async def yield_(request: GpuYield, given: Given) -> GpuYielded:
    """Leave a card to somebody else for a while: the trials on it are paused, and go on elsewhere or afterwards."""
    return await given.yields.yield_(request, dry_run=given.dry_run)


@router.get("/gpus/ledger")
async def ledger(given: Given, seconds: Annotated[float, Query(gt=0, le=LONGEST_ACCOUNT_S)] = WEEK_S) -> list[CardTime]:
    """Where the time of each card went in the last so many seconds; it adds up to the whole since records began."""
    now, cards = clock.now(), list(given.slots.gpus)
    return await given.database.ask(lambda conn: account(conn, cards, now - seconds, now))


@router.post("/gpus/polite")
async def polite(request: GpuPolite, given: Given) -> GpuPolite:
    """Whether our trials leave cards on which somebody else begins to work."""
    if not given.dry_run:
        await given.polite.switch(request.on)
    return request
