"""Cards left to somebody else for a while.

Owns yields: which card until when, and which trials left it. They outlive the daemon. Leases are
`tuned.daemon.machine.slots`'.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from storage.engine import Database
from storage.facts import YIELDS, fact, keep_fact
from tuned.core import words
from tuned.core.cards.attribution import FOREIGN_BYTES
from tuned.core.cards.time import LONGEST_LEFT_S
from tuned.core.errors import Conflict, InvalidInput, NotFound, TunedError
from tuned.core.events import TRIAL_MOVED, Event
from tuned.core.states import LIVE
from tuned.core.trials.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.hub import Hub
from tuned.daemon.machine.slots import Slot, Slots
from tuned.daemon.resolving import resolve
from tuned.wire import Changed, GpuYield, GpuYielded

log = logging.getLogger(__name__)

LOOK_S = 60.0
NO_GPU = "this machine has no GPU"
NO_END = 2.0**40
"""Unix seconds that nobody sees."""
_NOBODY: dict[str, Any] = {"until": 0.0, "level": "auto", "trials": [], "to": "", "since": 0.0}

Pause = Callable[[list[str], str, bool, bool], Awaitable[Changed]]
Resume = Callable[[list[str]], Awaitable[Changed]]


class Yields:
    """Cards left to somebody else for a while.

    Args:
        pause: Pauses trials at a level, to leave their card or not; or tries it, and takes it back.
        resume: Lets trials go on.
    """

    def __init__(self, database: Database, hub: Hub, slots: Slots, pause: Pause, resume: Resume) -> None:
        self._database = database
        self._hub = hub
        self._slots = slots
        self._pause = pause
        self._resume = resume
        self._yields: dict[str, dict[str, Any]] = {}
        self._wake = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        hub.listen(self._heard)

    async def begin(self) -> None:
        """Know again what an earlier daemon had yielded."""
        self._yields = await self._database.ask(lambda conn: fact(conn, YIELDS)) or {}
        self._slots.yielded = {slot: _end(entry) for slot, entry in self._yields.items()}
        self._slots.left_to = {slot: entry["to"] for slot, entry in self._yields.items() if entry.get("to")}

    def left_since(self) -> dict[str, float]:
        """The cards that were left to somebody who works on them, and since when that one does (unix seconds)."""
        return {slot: entry["since"] for slot, entry in self._yields.items() if entry.get("to")}

    @contextlib.asynccontextmanager
    async def shifted(self, ahead: float) -> AsyncIterator[None]:
        """Around the commit that shifts what is stored: nothing is kept meanwhile, and afterwards memory agrees."""
        async with self._one_at_a_time:
            yield
            for entry in self._yields.values():
                entry["until"] += ahead
            self._slots.yielded = {slot: until + ahead for slot, until in self._slots.yielded.items()}
        self._wake.set()

    def _slot(self, name: str) -> Slot:
        if not self._slots.gpus:
            raise Conflict(NO_GPU, hint="trials run in CPU slots; see: tunectl daemon status")
        for slot in self._slots.gpus:
            if name in (str(slot.index), slot.label, slot.id):
                return slot
        raise NotFound(
            "there is no such GPU", where=name, hint=f"they are 0 to {len(self._slots.gpus) - 1}; see: tunectl gpu"
        )

    async def yield_(self, request: GpuYield, *, dry_run: bool = False) -> GpuYielded:
        """Leave a card to somebody else, or take it back, as a person asks.

        The trials on it are paused, and queued again as soon as they have stopped: they go on on another card, or on
        this one when its time is over. Those that stand still with their GPU memory moved away go on then. Those that
        a person had paused stay so. Taken back is also a card that was left by `leave`.

        Args:
            request: Which card, and for how long.
            dry_run: Only say what would be.

        Raises:
            Conflict: There are no GPUs, or a trial on it cannot be paused this way; the card is not yielded then.
            NotFound: There is no such card.
        """
        slot = self._slot(request.gpu)
        if request.seconds is None:
            return await self._take_back(slot, dry_run)
        if not 0 < request.seconds <= LONGEST_LEFT_S:
            raise InvalidInput("is no time to leave a GPU for", where="seconds", hint="from a second to 30 days")
        until = clock.now() + request.seconds
        if dry_run:
            targets = list(self._slots.leases.get(slot.id, {}))
            tried = await self._pause(targets, request.level, True, True) if targets else Changed([])
            return GpuYielded(slot.index, until, tried.changed, tried.effects + tried.skipped)
        changed = await self._leave(slot, {"until": until, "level": request.level})
        log.info("%s is left to others for %.0f s", slot.label, request.seconds)
        return GpuYielded(slot.index, until, changed.changed, changed.effects + changed.skipped)

    async def leave(self, slot: Slot, to: str, since: float) -> None:
        """Leave a card without being asked, until `come_back`, whatever a person asks for besides.

        Args:
            slot: The card.
            to: In words, somebody who works on it, or the quiet hours.
            since: When that one began, in unix seconds.

        Raises:
            Conflict: A trial on it cannot be paused; the card is not left then.
        """
        await self._leave(slot, {"to": to, "since": since})
        log.info("%s is %s", slot.label, to)

    async def come_back(self, slot_id: str) -> None:
        """The reason of `leave` is over, if there was one; for as long as a person has left the card, it stays so."""
        async with self._one_at_a_time:
            if entry := self._yields.get(slot_id):
                await self._keep(slot_id, {**entry, "to": "", "since": 0.0})
                await self._look()
        self._wake.set()

    async def _leave(self, slot: Slot, claim: dict[str, Any]) -> Changed:
        """Record one more reason to leave a card, and pause the trials on it."""
        # Kept before they are paused: nothing starts meanwhile, and whoever comes after a crash tells those not told.
        async with self._one_at_a_time:
            before = self._yields.get(slot.id)
            await self._keep(slot.id, {**(before or _NOBODY), **claim})
        failpoints.reach("yield.kept")
        targets, changed = list(self._slots.leases.get(slot.id, {})), Changed([])
        try:
            if targets:
                changed = await self._pause(targets, claim.get("level", "auto"), True, False)
        except TunedError:
            async with self._one_at_a_time:
                await self._keep(slot.id, before)
            raise
        async with self._one_at_a_time:
            if slot.id in self._yields:  # else it was taken back meanwhile
                entry = self._yields[slot.id]
                await self._keep(slot.id, {**entry, "trials": sorted({*entry["trials"], *changed.changed})})
            await self._look()
        self._wake.set()
        return changed

    async def _take_back(self, slot: Slot, dry_run: bool) -> GpuYielded:
        async with self._one_at_a_time:  # a look under way keeps the end that it began with
            why = self._slots.blocked(slot.id)
            if self._slots.yielded.get(slot.id, 0.0) <= clock.now():
                said = f"{slot.label} is not left to anybody"
                raise Conflict(f"{said}, and not leased: {why}" if why else said, hint="see: tunectl gpu")
            if not dry_run:
                self._slots.yielded[slot.id] = 0.0
                await self._look()
        return GpuYielded(slot.index, None, [], [self._not_yet(slot, why)] if why else [])

    def _not_yet(self, slot: Slot, why: str) -> str:
        """Why a card that was taken back is not leased all the same, and when it will be."""
        if slot.id in self._slots.lost:
            return f"it is not leased yet: {why}"
        most = words.size(FOREIGN_BYTES)
        return f"it is not leased yet: {why}; it is once that is {most} at most (whose it is: tunectl gpu)"

    async def _keep(self, slot_id: str, entry: dict[str, Any] | None) -> None:
        self._yields.pop(slot_id, None)
        self._slots.yielded.pop(slot_id, None)
        self._slots.left_to.pop(slot_id, None)
        if entry is not None:
            self._yields[slot_id] = entry
            if entry.get("to"):
                self._slots.left_to[slot_id] = entry["to"]
            self._slots.yielded[slot_id] = _end(entry)
        self._hub.scheduler.set()  # it notes where the card's time goes from now on
        kept = dict(self._yields) or None
        await self._database.writer.run(lambda conn: keep_fact(conn, YIELDS, kept))

    def _heard(self, events: list[Event]) -> None:
        if self._yields and any(event.type == TRIAL_MOVED for event in events):
            self._wake.set()

    async def watch(self) -> None:
        """Until cancelled: lease cards again when their time is over, and resume the trials that had left them."""
        while True:
            failpoints.reach("loop.yields")
            self._wake.clear()
            await self._let_go_on()
            now = clock.now()
            ends = [until for until in self._slots.yielded.values() if until > now]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min([LOOK_S, *(until - now for until in ends)])):
                    await self._wake.wait()

    async def _let_go_on(self) -> None:
        """Have late trials leave, thaw what stands still on a card whose time is over, forget what is done."""
        async with self._one_at_a_time:
            await self._look()

    async def _leave_too(self, slot_id: str, entry: dict[str, Any]) -> list[str]:
        """Pause trials that began on a card while it was being left; returns their names."""
        late = [holder for holder in self._slots.leases.get(slot_id, {}) if holder not in entry["trials"]]
        if late:
            with contextlib.suppress(TunedError):  # it cannot be paused yet, or not at all
                return (await self._pause(late, entry["level"], True, False)).changed
        return []

    async def _look(self) -> None:
        now = clock.now()
        for slot_id, entry in list(self._yields.items()):
            over = self._slots.yielded.get(slot_id, 0.0) <= now
            told = [] if over else await self._leave_too(slot_id, entry)
            for target, trial in (await asyncio.to_thread(self._trials, entry["trials"])).items():
                if trial.state not in LIVE or slot_id not in trial.device.split(","):
                    continue  # it has left
                if not over:
                    told.append(target)
                elif trial.frozen and not trial.held:
                    with contextlib.suppress(TunedError):  # a person was quicker
                        await self._resume([target])
            if over:
                await self._keep(slot_id, None)
            elif told != entry["trials"]:
                await self._keep(slot_id, {**entry, "trials": told})

    def _trials(self, targets: list[str]) -> dict[str, Trial]:
        found = {}
        with self._database.read() as conn:
            for target in targets:
                with contextlib.suppress(TunedError):  # its study was deleted
                    ((_, _, (trial,)),) = resolve(conn, [target])
                    found[target] = trial
        return found


def _end(entry: dict[str, Any]) -> float:
    """When a card is leased again: not before a person's time is over, nor before the reason of `Yields.leave` is."""
    return NO_END if entry["to"] else float(entry["until"])
