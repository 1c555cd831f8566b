"""The slots of the machine and who holds them: GPUs leased by UUID, and CPU slots.

Owns leases and what a lease puts into a trial's environment. A lease lives in memory; the database's live attempts are
its truth, from which it is rebuilt when the daemon starts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from tuned.daemon.gpu import GpuDriver, GpuSample

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
        self.held: dict[str, str] = {}
        self.blocked: dict[str, str] = {}

    @property
    def default_gpus(self) -> int:
        """GPUs that a trial gets when its study does not say: one where there is one."""
        return 1 if self.gpus else 0

    @property
    def default_slots(self) -> list[Slot]:
        """The slots that such trials run in."""
        return self.gpus or self.cpus

    def free_gpus(self) -> list[str]:
        """Ids of the GPUs that can be leased now."""
        return [s.id for s in self.gpus if s.id not in self.held and s.id not in self.blocked]

    def free_cpus(self) -> list[str]:
        """Ids of the free CPU slots."""
        return [s.id for s in self.cpus if s.id not in self.held]

    def lease(self, slot_id: str, holder: str) -> None:
        """Give a slot to `STUDY/NUMBER`."""
        self.held[slot_id] = holder

    def release(self, slot_id: str, holder: str) -> None:
        """Take it back; does nothing when someone else holds it by now."""
        if self.held.get(slot_id) == holder:
            del self.held[slot_id]

    def environment(self, slot_id: str) -> dict[str, str]:
        """What a trial in this slot finds in its environment.

        GPUs are named by index in PCI order, because UUIDs break older versions of torch.
        """
        if not self.gpus:
            return {}
        index = next((str(s.index) for s in self.gpus if s.id == slot_id), "")
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": index}

    def sample(self, ours: set[int]) -> None:
        """Ask the driver how the GPUs are, and find those that somebody else uses.

        Args:
            ours: Process ids of all live attempts.
        """
        if not self.gpus:
            return
        self.samples = self._driver.sample()
        self.blocked = {}
        for uuid, sample in self.samples.items():
            for pid, size in sample.processes.items():
                if size > FOREIGN_BYTES and pid not in ours:
                    self.blocked[uuid] = f"process {pid} of somebody else holds {size // 2**20} MiB"
