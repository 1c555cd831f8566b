"""The slots of the machine and who holds them: GPUs leased by UUID, and CPU slots.

Owns leases and what a lease puts into a trial's environment. A lease lives in memory; the database's live attempts are
its truth, from which it is rebuilt when the daemon starts.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from tuned.core import words
from tuned.core.queue.gpu_shares import how_many
from tuned.daemon import clock
from tuned.daemon.machine.gpu import GpuDriver, GpuSample

FOREIGN_BYTES = 500 * 2**20
"""A GPU on which a foreign process holds more than this is not leased."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where one trial runs. `memory_total` in bytes; None for CPU slots."""

    id: str
    kind: str
    name: str
    index: int
    memory_total: int | None


class Slots:
    """All slots, their leases and the last sample of the GPUs.

    Args:
        driver: The GPU driver.
        cpu_slots: How many trials without a GPU may run at once; None: half the cores, at least one.
    """

    def __init__(self, driver: GpuDriver, cpu_slots: int | None) -> None:
        self._driver = driver
        cores = len(os.sched_getaffinity(0))
        count = cpu_slots or max(1, cores // 2)
        self.gpus = [Slot(g.uuid, "gpu", g.name, g.index, g.memory_total) for g in driver.gpus()]
        self.cpus = [Slot(f"cpu:{i}", "cpu", "CPU slot", i, None) for i in range(count)]
        self.samples: dict[str, GpuSample] = {}
        self.leases: dict[str, dict[str, float]] = {}
        """Slot -> holder -> the share of it that the holder has."""
        self.blocked: dict[str, str] = {}
        self.yielded: dict[str, float] = {}
        """GPU -> until when (unix seconds) it is left to somebody else."""

    @property
    def default_gpus(self) -> int:
        """GPUs that a trial gets when its study does not say: one where there is one."""
        return 1 if self.gpus else 0

    @property
    def default_slots(self) -> list[Slot]:
        """The slots that such trials run in."""
        return self.gpus or self.cpus

    @property
    def held(self) -> dict[str, str]:
        """Slot -> its holders, with commas between them; slots that nobody holds are left out."""
        return {slot: ", ".join(holders) for slot, holders in self.leases.items()}

    def capacity(self, gpus: float | None) -> int:
        """How many trials that want so many GPUs this machine runs at once; None: as many as is the default."""
        wanted = self.default_gpus if gpus is None else gpus
        return how_many({slot.id: 1.0 for slot in self.gpus}, wanted) if wanted else len(self.cpus)

    def room(self, gpus: float | None) -> int:
        """How many such trials could start now."""
        wanted = self.default_gpus if gpus is None else gpus
        return how_many(self.gpu_shares(), wanted) if wanted else len(self.free_cpus())

    def leasable_gpus(self) -> list[str]:
        """Ids of the GPUs that are ours to lease, whether somebody holds them or not."""
        now = clock.now()
        return [s.id for s in self.gpus if s.id not in self.blocked and self.yielded.get(s.id, now) <= now]

    def unavailable(self, slot_id: str) -> str:
        """Why a slot is not leased out now; empty when it is."""
        until = self.yielded.get(slot_id, 0.0)
        if until > clock.now():
            return f"left to others until {time.strftime('%H:%M', time.localtime(until))}"
        return self.blocked.get(slot_id, "")

    def gpu_shares(self) -> dict[str, float]:
        """Id -> what is left of each GPU that can be leased."""
        return {slot: 1.0 - sum(self.leases.get(slot, {}).values()) for slot in self.leasable_gpus()}

    def free_cpus(self) -> list[str]:
        """Ids of the free CPU slots."""
        return [s.id for s in self.cpus if s.id not in self.leases]

    def lease(self, device: str, holder: str, share: float = 1.0) -> None:
        """Give `STUDY/NUMBER` a share of a slot, or of each of several with commas between them."""
        for slot in device.split(","):
            self.leases.setdefault(slot, {})[holder] = share

    def release(self, device: str, holder: str) -> None:
        """Take it back; does nothing where it is not held."""
        for slot in device.split(","):
            holders = self.leases.get(slot, {})
            holders.pop(holder, None)
            if not holders:
                self.leases.pop(slot, None)

    def environment(self, slot_id: str) -> dict[str, str]:
        """The environment variables of a trial in this slot.

        GPUs are named by index in PCI order, because UUIDs break older versions of torch.
        """
        if not self.gpus:
            return {}
        wanted = slot_id.split(",")
        indexes = ",".join(str(slot.index) for slot in self.gpus if slot.id in wanted)
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": indexes}

    def sample(self, ours: set[int]) -> None:
        """Ask the driver how the GPUs are, and find those that somebody else uses.

        Args:
            ours: Process ids of all live attempts.
        """
        if not self.gpus:
            return
        samples, blocked = self._driver.sample(), {}
        for uuid, sample in samples.items():
            for pid, size in sample.processes.items():
                if size > FOREIGN_BYTES and pid not in ours:
                    blocked[uuid] = f"process {pid} of somebody else holds {words.size(size)}"
        # Swapped when they are whole: the scheduler looks meanwhile, from another thread.
        self.samples, self.blocked = samples, blocked
