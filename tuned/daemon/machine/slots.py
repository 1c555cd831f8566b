"""The slots of the machine and who holds them: GPUs leased by UUID, and CPU slots.

Owns leases and what a lease gives a trial: its cards, its cores. A lease lives in memory; the database's live attempts
are its truth, from which it is rebuilt when the daemon starts.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from tuned.core import words
from tuned.core.cards.attribution import Found, Judgement, Whose, judge
from tuned.core.cards.shares import how_many, is_part
from tuned.core.places import label_of
from tuned.core.queue.cores import choose_cores, how_many_cores
from tuned.daemon import clock
from tuned.daemon.machine.visible import visible_cards
from tuned.nvidia import Look, Nvidia, Sample

KEPT = 40
"""Samples of each card that are shown as its history, `KEPT_EVERY_S` apart."""
KEPT_EVERY_S = 5.0
FRESH_S = 1.0
"""A look at the cards that is older leases none."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where one trial runs. `memory_total` in bytes; None for CPU slots."""

    id: str
    kind: str
    name: str
    index: int
    memory_total: int | None

    @property
    def label(self) -> str:
        """Its name for people: `gpu:0`, `cpu:1`."""
        return f"{self.kind}:{self.index}"


@dataclass(frozen=True, slots=True)
class Ours:
    """Processes of live attempts.

    Attributes:
        families: Holder -> its processes.
        openers: Those of them that have a GPU's device file open.
        host: Whether the driver's process numbers are ours: not so in a container.
        newcomer: Whether a process belongs to one that was listed too early to have it.
    """

    families: Mapping[str, Collection[int]] = field(default_factory=dict)
    openers: Collection[int] = ()
    host: bool = True
    newcomer: Callable[[int], bool] = lambda _: False


class Slots:
    """All slots, their leases and the last look at the GPUs.

    Args:
        driver: The GPU driver.
        cpu_slots: How many trials without a GPU may run at once; None: half the cores, at least one.
        visible: The daemon's `CUDA_VISIBLE_DEVICES`: other cards are not leased; None: all are.
    """

    def __init__(self, driver: Nvidia, cpu_slots: int | None, visible: str | None = None) -> None:
        self._driver = driver
        self._visible = visible
        self._cores = sorted(os.sched_getaffinity(0))
        self._turn = 0
        count = cpu_slots or max(1, len(self._cores) // 2)
        self.cpus = [Slot(f"cpu:{i}", "cpu", "CPU slot", i, None) for i in range(count)]
        self.gpus: list[Slot] = []
        self.cores: dict[str, tuple[int, ...]] = {}
        """Holder -> its cores; those that have all of them are left out."""
        self.samples: dict[str, Sample] = {}
        self.judgements: dict[str, Judgement] = {}
        self.lost: dict[str, str] = {}
        """GPU -> why it does not answer."""
        self.leases: dict[str, dict[str, float]] = {}
        """Slot -> holder -> the share of it that the holder has."""
        self.beside: dict[str, float] = {}
        """Holder -> since when (unix seconds) it is not alone in its slot."""
        self.yielded: dict[str, float] = {}
        """GPU -> until when (unix seconds) it is left to somebody else."""
        self.left_to: dict[str, str] = {}
        """GPU -> who it is left to by polite mode, and since when."""
        self.history: dict[str, deque[Sample]] = {}
        """GPU -> its samples of the last minutes, oldest first."""
        self._kept_at = 0.0
        self.leased = asyncio.Event()
        """Set by each lease, and where other cards can be leased than before, for who watches the cards."""
        self.trouble = ""
        self._before: dict[str, int] = {}
        self._ordinals: dict[str, int] = {}
        self._hidden = 0
        """How many cards are not this daemon's to lease."""
        self._cut = False
        """Whether a card of the machine is cut into instances."""
        self._looked_at = 0.0
        self._take(driver.look(), Ours())

    @property
    def default_gpus(self) -> int:
        """GPUs that a trial gets when its study does not say: one where there is one."""
        return 1 if self.gpus else 0

    @property
    def default_slots(self) -> list[Slot]:
        """The slots that such trials run in."""
        return self.gpus or self.cpus

    def kind_for(self, gpus: float | None) -> list[Slot]:
        """The slots of the kind that trials which want so many GPUs run in, free or not."""
        wanted = self.default_gpus if gpus is None else gpus
        if not wanted:
            return self.cpus
        return [slot for slot in self.gpus if wanted <= 1 or not is_part(slot.id)]

    def has(self, gpus: float | None) -> str:
        """The GPUs that such trials can have, in words."""
        cards = self.kind_for(gpus)
        return words.count(len(cards), "GPU" if len(cards) == len(self.gpus) else "whole GPU") if cards else "none"

    @property
    def held(self) -> dict[str, str]:
        """Slot -> its holders, with commas between them; slots that nobody holds are left out."""
        return {slot: ", ".join(holders) for slot, holders in self.leases.items()}

    @property
    def stale(self) -> bool:
        """Whether a card may be another's since the last look."""
        return bool(self.gpus) and time.monotonic() - self._looked_at > FRESH_S

    @property
    def notes(self) -> list[str]:
        """Cards that do not answer, a driver that does not, and that all cards are hidden; one line each."""
        lost = [f"{slot.label}: {self.lost[slot.id]}" for slot in self.gpus if slot.id in self.lost]
        if self._hidden and not self.gpus:
            there = words.count(self._hidden, "GPU")
            return [f"CUDA_VISIBLE_DEVICES={self._visible} of the daemon leaves it none of {there}"]
        return lost or ([f"the NVIDIA driver does not answer: {self.trouble}"] if self.trouble else [])

    def label(self, device: str) -> str:
        """The name for people of a slot, or of several with commas between them; of a card that is gone its id."""
        labels = {slot.id: slot.label for slot in self.gpus}
        return ",".join(labels.get(one) or label_of(one) for one in device.split(","))

    def capacity(self, gpus: float | None) -> int:
        """How many trials that want so many GPUs this machine runs at once; None: as many as is the default."""
        wanted = self.default_gpus if gpus is None else gpus
        return how_many({slot.id: 1.0 for slot in self.gpus}, wanted) if wanted else len(self.cpus)

    def room(self, gpus: float | None) -> int:
        """How many such trials could start now."""
        wanted = self.default_gpus if gpus is None else gpus
        return how_many(self.gpu_shares(), wanted) if wanted else len(self.free_cpus())

    def lacking(self, gpus: float | None) -> str:
        """Why no trial that wants so many GPUs can start, whatever the queue says; empty where one could."""
        wanted = self.default_gpus if gpus is None else gpus
        needed = math.ceil(wanted)
        if not needed or self.room(wanted):
            return ""
        wish = f"it needs {words.count(needed, 'GPU')}"
        if not self.capacity(wanted):
            return "; ".join([f"{wish}, and the daemon has {self.has(wanted)}", *self.notes])
        leasable = len(self.leasable_gpus())
        if leasable < needed:
            return f"{wish}, and {leasable} of {len(self.gpus)} are leased to trials now"
        free = sum(share >= 1.0 for share in self.gpu_shares().values())
        return f"{wish} at once, and {free} of {leasable} {'is' if free == 1 else 'are'} free" if needed > 1 else ""

    def leasable_gpus(self) -> list[str]:
        """Ids of the GPUs that are ours to lease, whether somebody holds them or not."""
        return [slot.id for slot in self.gpus if not self.unavailable(slot.id)]

    def unavailable(self, slot_id: str) -> str:
        """Why a slot is not leased out now; empty when it is."""
        until = self.yielded.get(slot_id, 0.0)
        if slot_id in self.lost:
            return self.lost[slot_id]
        if until > clock.now():
            return self.left_to.get(slot_id) or f"left to others until {time.strftime('%H:%M', time.localtime(until))}"
        return self.blocked(slot_id)

    def blocked(self, slot_id: str) -> str:
        """The reason that lies in the card, or in those who use it; empty without one."""
        judgement = self.judgements.get(slot_id)
        return self.lost.get(slot_id) or (judgement.blocked if judgement else "")

    def gpu_shares(self) -> dict[str, float]:
        """Id -> what is left of each GPU that can be leased."""
        return {slot: 1.0 - sum(self.leases.get(slot, {}).values()) for slot in self.leasable_gpus()}

    def free_cpus(self) -> list[str]:
        """Ids of the free CPU slots."""
        return [s.id for s in self.cpus if s.id not in self.leases]

    def cores_each(self, cpus: float | None, gpus: float | None) -> int:
        """How many cores a trial gets that asks for so many cores and GPUs."""
        return how_many_cores(cpus, len(self._cores), self.capacity(gpus))

    def core_share(self, cpus: float | None, gpus: float | None) -> int:
        """The same, 0 for all of them: such a trial is not confined."""
        wanted = self.cores_each(cpus, gpus)
        return 0 if wanted == len(self._cores) else wanted

    def some_cores(self, wanted: int) -> tuple[int, ...]:
        """Cores for a launcher's imports, which take turns with those of others; empty for all."""
        self._turn += wanted
        return choose_cores(self._load(), wanted, self._turn) if wanted else ()

    def _load(self) -> dict[int, int]:
        load = dict.fromkeys(self._cores, 0)
        for cores in self.cores.values():
            for core in cores:
                if core in load:
                    load[core] += 1
        return load

    def lease(self, device: str, holder: str, share: float = 1.0, cores: int | Collection[int] = 0) -> None:
        """Give `STUDY/NUMBER` a share of a slot, or of each of several with commas between them, and its cores.

        Args:
            device: The slots.
            holder: The trial.
            share: Of each card.
            cores: How many of them, or those that it has already; none: all.
        """
        self.leased.set()
        for slot in device.split(","):
            if not self.leases.get(slot) and slot in self.samples:
                self._before[slot] = self.samples[slot].memory_used
            holders = self.leases.setdefault(slot, {})
            holders[holder] = share
            if len(holders) > 1:
                self.beside = dict.fromkeys(holders, clock.now()) | self.beside
        chosen = choose_cores(self._load(), cores) if isinstance(cores, int) else tuple(cores)
        if chosen:
            self.cores[holder] = chosen

    def release(self, device: str, holder: str) -> None:
        """Take it back; does nothing where it is not held."""
        for slot in device.split(","):
            holders = self.leases.get(slot, {})
            if holders.pop(holder, None) is not None:
                self.cores.pop(holder, None)
                self.beside.pop(holder, None)
            if not holders:
                self.leases.pop(slot, None)
                self._before.pop(slot, None)

    def environment(self, slot_id: str) -> dict[str, str]:
        """The environment variables of a trial in this slot.

        GPUs are named by index in PCI order, because UUIDs break older versions of torch; instances of a card have no
        index, and where there are any, whole cards are named by UUID as well.
        """
        if not self.gpus and not self._hidden:
            return {}
        if self._cut:
            named = [slot for slot in slot_id.split(",") if slot in self.samples or slot in self.lost]
            return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(named)}
        wanted = sorted(self._ordinals[slot] for slot in slot_id.split(",") if slot in self._ordinals)
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, wanted))}

    def sample(self, ours: Ours) -> None:
        """Ask the driver how the GPUs are, and find those that somebody else uses, that are lost, or that are new.

        Args:
            ours: The processes of all live attempts.
        """
        self._take(self._driver.look(), ours)

    def _take(self, look: Look, ours: Ours) -> None:
        cards = visible_cards(look.cards, self._visible)
        samples = {card.uuid: card.sample for card in cards if card.sample is not None}
        judgements = {uuid: self._judge(uuid, sample, ours) for uuid, sample in samples.items()}
        # Swapped when they are whole: the scheduler looks meanwhile, from another thread.
        self.gpus = [Slot(c.uuid, "gpu", c.name, c.number, c.memory_total) for c in cards]
        self.samples, self.judgements, self.trouble = samples, judgements, look.trouble
        self.lost = {card.uuid: card.trouble for card in cards if card.trouble}
        self._ordinals = {card.uuid: card.ordinal for card in cards if card.ordinal is not None}
        self._hidden = len(look.cards) - len(cards)
        self._cut = any(is_part(card.uuid) for card in look.cards)
        self._looked_at = time.monotonic()
        if self._looked_at - self._kept_at >= KEPT_EVERY_S:
            self._kept_at = self._looked_at
            for uuid, sample in samples.items():
                self.history.setdefault(uuid, deque(maxlen=KEPT)).append(sample)

    def _judge(self, uuid: str, sample: Sample, ours: Ours) -> Judgement:
        holders = self.leases.get(uuid, {})
        family = {pid for holder in holders for pid in ours.families.get(holder, ())}
        everywhere = {pid for pids in ours.families.values() for pid in pids}

        def whose(pid: int) -> Whose:
            if pid in everywhere or ours.newcomer(pid):
                return Whose.OURS
            return Whose.OTHERS if ours.host else Whose.UNKNOWN

        found = [Found(pid, size, whose(pid)) for pid, size in sample.processes.items()]
        openers = len(family & set(ours.openers))
        return judge(found, sample.memory_used, self._before.get(uuid), bool(holders), openers)
