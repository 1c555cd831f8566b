"""Which running trials make room for an urgent one, and at what cost.

Owns that choice. Pure; who stops them is `tuned.daemon.preempting`. They are told to save and end, wait at the head of
their study's queue, and go on afterwards on any card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from tuned.core.cards.shares import share_of

URGENT_PRIORITY = 100
"""An urgent study has at least this."""
PREEMPTED = "preempted"
"""The count of how often a trial has made room."""
MOST_PREEMPTIONS = 3
"""So often at most: then it runs to its end."""
_DUST = 1e-6


@dataclass(frozen=True, slots=True)
class Urgent:
    """A queued trial that may take a slot from others, with the sum of its priorities and its GPUs (0: a CPU slot)."""

    trial_id: int
    priority: int
    gpus: float


@dataclass(frozen=True, slots=True)
class Holder:
    """A live trial.

    Attributes:
        priority: The sum of its study's and its own.
        device: Its slots, with commas between them; `share` of each is its.
        yields: Whether it can go on from a checkpoint, and its study lets it be preempted.
        loss_s: Seconds of work since its last checkpoint.
        rest_s: Seconds that it will still take; None when nobody knows.
        begun_at: Unix seconds.
        preempted: How often it has made room before.
        leaving: Whether it is being stopped already.
        works: Whether it does: it neither begins just now nor stands still.
    """

    trial_id: int
    priority: int
    device: str
    share: float
    yields: bool
    loss_s: float
    rest_s: float | None
    begun_at: float
    preempted: int = 0
    leaving: bool = False
    works: bool = True

    @property
    def slots(self) -> list[str]:
        """Ids of its slots."""
        return self.device.split(",")

    def stays(self, urgent: Urgent) -> str:
        """The reason why it is not stopped for that trial; empty where it makes room."""
        if self.priority >= urgent.priority:
            return "no lower priority"
        if self.leaving:
            return "being stopped already"
        if not self.works:
            return "paused in memory, or about to begin"
        if not self.yields:
            return "no checkpoint to go on from, or not preemptible"
        if self.preempted >= MOST_PREEMPTIONS:
            return f"made room {MOST_PREEMPTIONS} times already"
        if self.rest_s is not None and self.rest_s <= self.loss_s:
            return "ends sooner than its lost work would take"
        return ""

    @property
    def cost(self) -> tuple[float, float]:
        """Sorts the cheapest first: the least work lost, then the one that began last."""
        return self.loss_s, -self.begun_at


def make_room(urgent: Urgent, holders: Sequence[Holder], slots: Mapping[str, float]) -> list[Holder]:
    """The trials to stop so that an urgent one can start; empty when none is to be, or that would not be enough.

    Args:
        urgent: The first in the queue that finds no slot.
        holders: All live trials.
        slots: Slots of its kind that could be leased, with what is free of each.
    """
    wanted = max(1, int(urgent.gpus))
    share = share_of(urgent.gpus or 1.0)
    room = {slot: _cheapest(urgent, slot, free, share, holders) for slot, free in slots.items()}
    known = [(slot, victims) for slot, victims in room.items() if victims is not None]
    if len(known) < wanted:
        return []
    leaving = {slot for holder in holders if holder.leaving for slot in holder.slots}
    known.sort(key=lambda item: (item[0] not in leaving and bool(item[1]), _cost(item[1])))
    chosen = {victim.trial_id: victim for _, victims in known[:wanted] for victim in victims}
    return sorted(chosen.values(), key=lambda victim: victim.cost)


def why_none(urgent: Urgent, holders: Sequence[Holder]) -> str:
    """Why no trial makes room for an urgent one, for people.

    Example: `no running trial makes room: 2 x no lower priority, 1 x made room 3 times already`.
    """
    found = Counter(holder.stays(urgent) or "alone it would not be enough" for holder in holders)
    return "no running trial makes room: " + (", ".join(f"{n} x {why}" for why, n in found.items()) or "none runs")


def _cheapest(
    urgent: Urgent, slot: str, free: float, share: float, holders: Sequence[Holder]
) -> tuple[Holder, ...] | None:
    """The cheapest of those who hold a slot whose leaving makes room in it; None when it cannot be made."""
    there = [holder for holder in holders if slot in holder.slots]
    free += sum(holder.share for holder in there if holder.leaving)
    willing = sorted((h for h in there if not h.stays(urgent)), key=lambda h: h.cost)
    for count in range(len(willing) + 1):
        enough = [
            victims
            for victims in combinations(willing, count)
            if free + sum(victim.share for victim in victims) >= share - _DUST
        ]
        if enough:
            return min(enough, key=_cost)
    return None


def _cost(victims: Sequence[Holder]) -> tuple[float, float]:
    return sum(victim.loss_s for victim in victims), -max((victim.begun_at for victim in victims), default=0.0)
