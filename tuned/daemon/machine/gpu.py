"""The GPUs of this machine, behind one small interface: NVML, nothing, or a file that a test writes.

Owns all that is said to the driver. The leases of GPUs are `tuned.daemon.machine.slots`.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger(__name__)

ENV_FAKE_GPUS = "TUNED_FAKE_GPUS"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card. `index` counts in PCI bus order; `memory_total` is in bytes."""

    uuid: str
    index: int
    name: str
    memory_total: int


@dataclass(frozen=True, slots=True)
class GpuSample:
    """A card at one moment: bytes in use, per cent of time busy, and bytes held by each process."""

    memory_used: int
    utilisation: float | None
    processes: dict[int, int]


class GpuDriver(Protocol):
    """The daemon's view of a GPU driver."""

    def gpus(self) -> list[Gpu]:
        """The cards in PCI bus order; empty when there are none."""

    def sample(self) -> dict[str, GpuSample]:
        """UUID -> what the card does now; a card that does not answer is left out."""


class NoGpus:
    """A machine without a GPU, or without a driver that answers."""

    def gpus(self) -> list[Gpu]:
        """No cards."""
        return []

    def sample(self) -> dict[str, GpuSample]:
        """Nothing."""
        return {}


class Nvml:
    """NVIDIA cards through the management library.

    Raises:
        pynvml.NVMLError: On construction, when there is no driver to talk to.
    """

    def __init__(self) -> None:
        import pynvml

        self._nvml: Any = pynvml
        pynvml.nvmlInit()
        by_bus = []
        for number in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            by_bus.append((_text(pynvml.nvmlDeviceGetPciInfo(handle).busId), handle))
        by_bus.sort(key=lambda pair: pair[0])
        self._handles = {_text(pynvml.nvmlDeviceGetUUID(handle)): handle for _, handle in by_bus}

    def gpus(self) -> list[Gpu]:
        """The cards in PCI bus order."""
        return [
            Gpu(
                uuid,
                index,
                _text(self._nvml.nvmlDeviceGetName(handle)),
                int(self._nvml.nvmlDeviceGetMemoryInfo(handle).total),
            )
            for index, (uuid, handle) in enumerate(self._handles.items())
        ]

    def sample(self) -> dict[str, GpuSample]:
        """UUID -> memory, utilisation and processes now."""
        samples = {}
        for uuid, handle in self._handles.items():
            try:
                used = int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used)
                processes = {
                    int(p.pid): int(p.usedGpuMemory or 0)
                    for p in self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
                }
                samples[uuid] = GpuSample(used, self._utilisation(handle), processes)
            except self._nvml.NVMLError as error:
                log.warning("GPU %s does not answer: %s", uuid, error)
        return samples

    def _utilisation(self, handle: Any) -> float | None:
        try:
            return float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        except self._nvml.NVMLError:
            return None


class GpusFromFile:
    """Cards that a JSON file describes, read anew at each sample: for tests on machines without a GPU."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _read(self) -> list[dict[str, Any]]:
        cards: list[dict[str, Any]] = json.loads(self._path.read_text())
        return cards

    def gpus(self) -> list[Gpu]:
        """The cards of the file."""
        return [Gpu(c["uuid"], i, c["name"], c["memory_total"]) for i, c in enumerate(self._read())]

    def sample(self) -> dict[str, GpuSample]:
        """The cards' state in the file."""
        return {
            c["uuid"]: GpuSample(
                c.get("memory_used", 0),
                c.get("utilisation"),
                {int(pid): size for pid, size in c.get("processes", {}).items()},
            )
            for c in self._read()
        }


def find_driver() -> GpuDriver:
    """The driver of this machine."""
    fake = os.environ.get(ENV_FAKE_GPUS)
    if fake:
        return GpusFromFile(Path(fake))
    if not Path("/dev/nvidiactl").exists():
        return NoGpus()
    try:
        return Nvml()
    except Exception as error:  # noqa: BLE001  whatever a broken driver raises, the machine still has a CPU
        log.warning("the NVIDIA driver does not answer, so trials run without GPUs: %s", error)
        return NoGpus()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
