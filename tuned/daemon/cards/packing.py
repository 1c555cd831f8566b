"""Trials that share a card: measures the part that each takes alone, and the gain of sharing.

Owns these measurements. `tuned.core.cards.packing` decides which trial may join, and the scheduler takes the lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from statistics import fmean
from typing import Any

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from storage.facts import PACKING, fact, keep_fact
from tuned.core.cards import packing
from tuned.core.cards.packing import Footprint, Guest, Pair, SharedCard
from tuned.core.cards.shares import ALONE
from tuned.core.space import Point
from tuned.core.states import TERMINAL, TrialState, number_in
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.hub import Hub
from tuned.daemon.machine.slots import Slots
from tuned.daemon.places.places import Places

log = logging.getLogger(__name__)

REPORTS = 5
"""Reports of each trial on a card before their work together is compared with that of one alone."""

MOSTLY = 0.2
"""The share of its length that a trial may have been alone on a card and still be judged as one that shared."""

Live = tuple[queries.LiveAttempt, Study]
Key = tuple[int, int]
"""Trial id and attempt."""


@dataclass(slots=True)
class _Together:
    """So many trials of these studies on a card since a moment (unix seconds), one in the place of another.

    Attributes:
        guests: The study of each that is there, in order.
        first: Those that were there at the begin; `rows`: these and those that came in their place.
        seen: When it was last so; `anew`: whether none of the first had shared the card before, as far as is known.
    """

    guests: list[int]
    first: list[Live]
    rows: dict[Key, Live]
    since: float
    seen: float
    anew: bool
    measured: bool = False


class Packing:
    """Measures, and says which cards a waiting trial may join."""

    def __init__(self, database: Database, hub: Hub, slots: Slots, places: Places) -> None:
        self._database = database
        self._hub = hub
        self._slots = slots
        self._places = places
        self._taken: dict[int, tuple[int, Footprint | None]] = {}
        self._gains: dict[Pair, dict[int, float]] = {}
        self._live: dict[str, Live] = {}
        self._together: dict[str, _Together] = {}
        self._shared: dict[Key, float] = {}
        """Since when (unix seconds) an attempt is not alone on its card."""
        self._looked = inf  # when the last look began

    async def begin(self) -> None:
        """Read the measurements of earlier daemons, and forget those of studies that are deleted."""

        def read(conn: Connection) -> tuple[dict[str, Any], set[int]]:
            return fact(conn, PACKING) or {}, {study.id for study in queries.studies(conn)}

        kept, known = await self._database.ask(read)
        gains = {tuple(map(int, key.split("+"))): found for key, found in kept.get("gains", {}).items()}
        self._gains = {
            pair: {int(n): gain for n, gain in found.items()} for pair, found in gains.items() if known.issuperset(pair)
        }
        alone = {int(key): found for key, found in kept.get("alone", {}).items()}
        self._taken = {key: (-1, Footprint(**found, fit=None)) for key, found in alone.items() if key in known}

    async def look(self) -> None:
        """After each look at the cards: measure trials that have ended, and trials that share."""
        if not self._slots.gpus:
            return
        begun = clock.now()
        live, changed = await asyncio.to_thread(self._read)
        self._live = live
        measured = [await self._follow(card) for card in {*self._together, *self._slots.leases}]
        self._looked = begun
        known = {_key(row) for row, _ in live.values()}.union(*(these.rows for these in self._together.values()))
        self._shared = {key: since for key, since in self._shared.items() if key in known}
        if changed or any(measured):
            await self._keep()
            self._hub.scheduler.set()

    def _read(self) -> tuple[dict[str, Live], bool]:
        """The live attempts by holder; whether it is news what trials of a study take."""
        changed, cards = False, len(self._slots.leasable_gpus())
        with self._database.read() as conn:
            studies = {study.id: study for study in queries.studies(conn, active_only=True)}
            live = {row.trial.name: row for row in queries.live(conn)}
            for study in studies.values():
                ended = number_in(TERMINAL, study.counts)
                before, taken = self._taken.get(study.id, (-1, None))
                # Until enough trials have ended, running ones are measured at each look.
                if packing.refusal(study.spec) or (before == ended and taken is not None):
                    continue
                ran = queries.ran_on_cards(conn, study.id, _metric(study))
                found = packing.footprint(study.spec.space, ran, cards, taken)
                changed = changed or found != taken
                self._taken[study.id] = ended, found
        known = {
            name: (row, studies[row.trial.study_id]) for name, row in live.items() if row.trial.study_id in studies
        }
        return known, changed

    def joins(self, waiting: Iterable[tuple[Trial, Study]]) -> dict[int, list[str]]:
        """Trial id -> the cards with other trials that it may join, the best first.

        Args:
            waiting: Queued trials with their studies.
        """
        leasable = [card for card in self._slots.leasable_gpus() if self._slots.leases.get(card)]
        cards = [self._card(card) for card in leasable]
        if not any(card.guests for card in cards):
            return {}
        found = {}
        for trial, study in waiting:
            new = self._guest(trial.params, trial.retries_used, study)
            if new is not None:
                found[trial.id] = packing.cards_to_join(new, cards, self._gains)
        return found

    def _card(self, card: str) -> SharedCard:
        total = next(slot.memory_total or 0 for slot in self._slots.gpus if slot.id == card)
        sample, judgement = self._slots.samples.get(card), self._slots.judgements.get(card)
        if sample is None or judgement is None:
            return SharedCard(card, 0.0, 0.0, None)  # it was lost just now
        guests = [self._guest_of(holder) for holder in self._slots.leases.get(card, {})]
        known = [guest for guest in guests if guest is not None]
        alone = sample.exclusive or len(known) < len(guests)
        free = packing.USABLE * total - judgement.foreign
        return SharedCard(card, free, sample.memory_used - judgement.foreign, None if alone else tuple(known))

    def _guest_of(self, holder: str) -> Guest | None:
        if holder not in self._live:
            return None
        row, study = self._live[holder]
        trial = row.trial
        settled = trial.state is TrialState.RUNNING and trial.stop_reason is None and not trial.frozen
        return self._guest(trial.params, trial.retries_used, study, settled)

    def _footprint(self, study: Study) -> Footprint | None:
        return self._taken.get(study.id, (0, None))[1]

    def _guest(self, point: Point, used: Mapping[str, int], study: Study, settled: bool = True) -> Guest | None:
        """The use of a card by a waiting trial; None where it needs a card alone, or its study is not measured yet."""
        taken = self._footprint(study)
        if taken is None or ALONE in used or packing.refusal(study.spec):
            return None
        return Guest(study.id, taken.need(point), taken.busy, study.spec.run.share == "any", settled)

    def at_once(self, study: Study) -> int:
        """How many trials of a study the machine, or its place, is to run at once."""
        if study.spec.run.place:
            return self._places.capacity(study.spec.run.place)
        taken = self._footprint(study)
        capacity = self._slots.capacity(study.spec.run.gpus)
        if taken is None or packing.refusal(study.spec):
            return capacity
        gains = self._gains.get((study.id,), {})
        cards = [float(slot.memory_total or 0) for slot in self._slots.gpus]
        return sum(packing.wanted_count(taken, card, gains, study.id) for card in cards)

    def in_words(self, study: Study) -> str:
        """The part of a card that a study's trials take, and how many share one; empty before it is measured."""
        taken = self._footprint(study)
        if taken is None or not self._slots.gpus or packing.refusal(study.spec):
            return ""
        card = min(slot.memory_total or 0 for slot in self._slots.gpus)
        return packing.in_words(taken, card, self._gains.get((study.id,), {}))

    async def _follow(self, card: str) -> bool:
        """Compare what is done on a card with what one trial alone does; whether that is news.

        A trial that stands still is not there: a comparison ends when it stops, and another begins when it goes on.
        """
        holders = [
            holder
            for holder in self._slots.leases.get(card, {})
            if holder in self._live and not self._live[holder][0].trial.frozen
        ]
        rows, now = {_key(self._live[holder][0]): self._live[holder] for holder in holders}, clock.now()
        guests, these = sorted(study.id for _, study in rows.values()), self._together.get(card)
        if len(rows) > 1:
            for holder, key in zip(holders, rows, strict=True):
                self._shared.setdefault(key, self._slots.beside.get(holder, now))
        if these is not None and these.guests == guests and not _stood_still(these.rows, rows):
            these.seen = now
            if not these.measured:
                these.rows |= rows
                these.measured = await self._measure(these)
                return these.measured
            return False
        told = these is not None and not these.measured and await self._measure(these)
        self._together.pop(card, None)
        if len(rows) > 1:
            anew = all(self._shared[key] >= self._looked for key in rows)
            self._together[card] = _Together(guests, list(rows.values()), rows, now, now, anew)
        return told

    async def _keep(self) -> None:
        gains = {"+".join(map(str, pair)): {str(n): g for n, g in found.items()} for pair, found in self._gains.items()}
        fields = ("memory", "busy", "speed", "seconds")
        alone = {
            str(study_id): {name: getattr(taken, name) for name in fields}
            for study_id, (_, taken) in self._taken.items()
            if taken is not None
        }
        await self._database.writer.run(lambda conn: keep_fact(conn, PACKING, {"gains": gains, "alone": alone}))

    async def _measure(self, these: _Together) -> bool:
        gain = await self._database.ask(lambda conn: self._by_speed(conn, these) or self._by_length(conn, these))
        if gain is None:
            return False
        pair, count = packing.pair_of(these.guests), len(these.guests)
        known = self._gains.setdefault(pair, {})
        known[count] = fmean([known[count], gain]) if count in known else gain
        await self._keep()
        failpoints.reach("packing.measured")
        names = ", ".join(sorted({study.name for _, study in these.first}))
        log.info("%d trials of %s on one card do %.2f times the work of one alone", count, names, known[count])
        return True

    def _by_speed(self, conn: Connection, these: _Together) -> float | None:
        """Work done together, as a multiple of one trial's alone, by steps a second; None without such speeds."""
        firsts = [queries.reported_since(conn, *_key(row), _metric(study), these.since) for row, study in these.first]
        known = [first for first in firsts if first is not None]
        if len(known) < len(firsts):
            return None
        paces: dict[int, list[float]] = {}
        for key, (row, study) in these.rows.items():
            metric = _metric(study)
            now = queries.speed(conn, *key, metric, max(known), these.seen, REPORTS)
            stood = row.trial.still_s > 0
            alone = None if stood else queries.speed(conn, *key, metric, row.claimed_at, self._shared[key], REPORTS)
            taken = self._footprint(study)
            alone = alone or (taken.speed if taken else None)
            if now and alone:
                paces.setdefault(study.id, []).append(now / alone)
        return packing.together(paces, these.guests)

    def _by_length(self, conn: Connection, these: _Together) -> float | None:
        """The same for trials that report too little for a speed, from the length of the first that ended.

        The others are assumed to be alike. It must have shared the card for most of its life: how much of its work was
        left when the others came is a guess.
        """
        for row, study in these.rows.values():
            taken = self._footprint(study)
            if taken is None or taken.speed or not taken.seconds:
                continue
            attempt = queries.attempt(conn, row.trial.id, row.attempt)
            if row.attempt > 1 or attempt is None or attempt["ended_by"] != "exit_ok" or not attempt["started_at"]:
                continue
            if attempt["still_s"]:
                continue  # whether alone or beside others, its row does not say
            # Before these were together it counts as alone, unless they are the first.
            joined = self._shared[_key(row)] if len(these.guests) == 2 and these.anew else these.since
            alone = max(0.0, joined - attempt["started_at"])
            lasted = attempt["ended_at"] - attempt["started_at"] - alone
            if alone <= MOSTLY * taken.seconds and lasted > 0:
                return float(len(these.guests) * (taken.seconds - alone) / lasted)
        return None


def _stood_still(before: Mapping[Key, Live], now: Mapping[Key, Live]) -> bool:
    """Whether a trial stood still, and goes on again, between two looks."""
    return any(now[key][0].trial.still_s > before[key][0].trial.still_s for key in before.keys() & now.keys())


def _key(row: queries.LiveAttempt) -> Key:
    return row.trial.id, row.attempt


def _metric(study: Study) -> str:
    return study.spec.objective.metric if study.spec.objective else ""
