"""The NVIDIA driver, asked through its management library; the one way to ask it, for the daemon and for `doctor`.

Owns all that is said to the driver, and beginning anew with it after it was reloaded or a card was lost. The
daemon decides which processes are its own and which cards it leases.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tuned.core.cards.shares import is_part

log = logging.getLogger(__name__)

LIBRARY = "libnvidia-ml.so.1"
AGAIN_S = 5.0
"""How long the library is not initialised again after that."""
UNLISTED = "the driver does not list it any more"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sample:
    """A card at one moment. Figures that the driver does not give are None.

    Attributes:
        memory_used: Bytes, without those that the driver keeps for itself where it tells them apart.
        utilisation: Per cent of time busy.
        processes: Process id -> bytes; as the host numbers processes, whatever container the daemon runs in.
        watts: Power draw now.
        joules: Energy since the driver was loaded.
        temperature: Degrees Celsius.
        throttle: Bits of `nvmlClocksEventReasons`.
        exclusive: Whether it takes one process at a time.
        busy: Process id -> per cent of time in which the card computed for it lately.
    """

    memory_used: int
    utilisation: float | None = None
    processes: dict[int, int | None] = field(default_factory=dict)
    watts: float | None = None
    joules: float | None = None
    temperature: float | None = None
    throttle: int | None = None
    exclusive: bool = False
    busy: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """One card, or one instance of a card that is cut into several (MIG).

    Attributes:
        uuid: Its identity.
        number: Its place in PCI bus order among all cards that the driver has listed since the start.
        ordinal: Its place among those it lists now, which is CUDA's number; None when it is not among them, and of
            instances, which CUDA does not number.
        memory_total: Bytes; 0 when the driver never said.
        sample: Its state; None while it does not answer.
        trouble: Why it does not answer; empty when it does.
    """

    uuid: str
    number: int
    ordinal: int | None
    name: str
    memory_total: int
    sample: Sample | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The driver's answer: its version, its cards in PCI bus order, and why one that is there gives none."""

    version: str = ""
    cards: tuple[Card, ...] = ()
    trouble: str = ""


@dataclass(slots=True)
class _Known:
    """A card that the driver has listed once; `handle` is None while it does not."""

    bus: str
    handle: Any = None
    name: str = "NVIDIA GPU"
    memory_total: int = 0


class Nvidia:
    """The driver of this machine. A machine without one has no cards, until it gets one."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._known: dict[str, _Known] = {}
        self._initialised = False
        self._trouble = ""
        self._again = False
        self._not_before = 0.0
        self._lock = threading.Lock()

    def look(self) -> Look:
        """Every card now. Takes milliseconds; may be called by several threads."""
        with self._lock:
            if self._nvml is None and not self._load():
                return Look()
            if (not self._initialised or self._again) and time.monotonic() >= self._not_before:
                self._begin()
            if not self._initialised:
                return Look(trouble=self._trouble, cards=self._cards(lambda _known: self._trouble))
            cards = self._cards(lambda known: UNLISTED if known.handle is None else "")
            self._again = self._again or any(card.trouble for card in cards)
            return Look(self._version(), cards)

    def close(self) -> None:
        """Let the driver go."""
        with self._lock:
            self._end()

    def _load(self) -> bool:
        try:
            ctypes.CDLL(LIBRARY)  # quicker than to import what wraps it
        except OSError:
            return False
        import pynvml

        self._nvml = pynvml
        return True

    def _begin(self) -> None:
        """Initialise the library, after letting go what an earlier state of the driver left of it."""
        self._end()
        self._not_before = time.monotonic() + AGAIN_S
        try:
            self._nvml.nvmlInit()
            self._initialised = True
            handles = self._handles()
        except self._nvml.NVMLError as error:
            if _why(error) != self._trouble:
                log.warning("the NVIDIA driver does not answer: %s", error)
            self._trouble, self._again = _why(error), True
            self._end()
            return
        self._trouble, self._again = "", False
        for known in self._known.values():
            known.handle = None
        for uuid, bus, handle in handles:
            self._known.setdefault(uuid, _Known(bus)).handle = handle

    def _end(self) -> None:
        if self._initialised:
            self._initialised = False
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()

    def _handles(self) -> list[tuple[str, str, Any]]:
        found = []
        for place in range(self._nvml.nvmlDeviceGetCount()):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(place)
                bus = _text(self._nvml.nvmlDeviceGetPciInfo(handle).busId)
                parts = self._parts(handle)
                # A card that is cut into instances is none itself: nothing can be run on the whole of it.
                for part, one in enumerate(parts or [handle]):
                    uuid = _text(self._nvml.nvmlDeviceGetUUID(one))
                    found.append((uuid, f"{bus}/{part:02}" if parts else bus, one))
            except self._nvml.NVMLError as error:
                log.warning("card %d of the NVIDIA driver is left out: %s", place, error)
                self._again = True
        return found

    def _parts(self, handle: Any) -> list[Any]:
        """The instances of a card; none where it is whole."""
        mode = self._optional(self._nvml.nvmlDeviceGetMigMode, handle)
        if not mode or mode[0] != self._nvml.NVML_DEVICE_MIG_ENABLE:
            return []
        most = self._optional(self._nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0
        found = (self._optional(self._nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, n) for n in range(most))
        return [part for part in found if part is not None]

    def _version(self) -> str:
        found = self._optional(self._nvml.nvmlSystemGetDriverVersion)
        return "" if found is None else _text(found)

    def _cards(self, trouble_of: Callable[[_Known], str]) -> tuple[Card, ...]:
        cards, ordinal = [], 0
        by_bus = sorted(self._known.items(), key=lambda item: item[1].bus)
        for number, (uuid, known) in enumerate(by_bus):
            sample, trouble = None, trouble_of(known)
            if not trouble:
                try:
                    sample = self._sample(known)
                except self._nvml.NVMLError as error:
                    trouble = _why(error)
            listed = known.handle is not None
            whole = listed and not is_part(uuid)
            place = ordinal if whole else None
            ordinal += whole
            cards.append(Card(uuid, number, place, known.name, known.memory_total, sample, trouble))
        return tuple(cards)

    def _sample(self, known: _Known) -> Sample:
        nvml, handle = self._nvml, known.handle
        memory = self._memory(handle)
        known.memory_total = int(memory.total)
        known.name = _text(nvml.nvmlDeviceGetName(handle))
        busy = self._optional(nvml.nvmlDeviceGetUtilizationRates, handle)
        processes = self._optional(nvml.nvmlDeviceGetComputeRunningProcesses, handle) or ()
        energy = self._optional(nvml.nvmlDeviceGetTotalEnergyConsumption, handle)
        power = self._optional(nvml.nvmlDeviceGetPowerUsage, handle)
        throttle = self._optional(nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
        degrees = self._optional(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        mode = self._optional(nvml.nvmlDeviceGetComputeMode, handle)
        return Sample(
            memory_used=int(memory.used),
            utilisation=None if busy is None else float(busy.gpu),
            processes={int(p.pid): None if p.usedGpuMemory is None else int(p.usedGpuMemory) for p in processes},
            watts=None if power is None else power / 1000,
            joules=None if energy is None else energy / 1000,
            temperature=None if degrees is None else float(degrees),
            throttle=None if throttle is None else int(throttle),
            exclusive=mode not in (None, nvml.NVML_COMPUTEMODE_DEFAULT),
            busy=self._busy(handle),
        )

    def _busy(self, handle: Any) -> dict[int, float]:
        """By process, as lately as the driver's samples go back: a second or two."""
        found = self._optional(self._nvml.nvmlDeviceGetProcessUtilization, handle, 0) or ()
        newest: dict[int, Any] = {}
        for one in found:
            if one.pid not in newest or one.timeStamp > newest[one.pid].timeStamp:
                newest[int(one.pid)] = one
        return {pid: float(one.smUtil) for pid, one in newest.items()}

    def _memory(self, handle: Any) -> Any:
        """Memory without the driver's own share, which can be larger than what a colleague holds.

        Raises:
            pynvml.NVMLError: The card does not answer.
        """
        try:
            return self._nvml.nvmlDeviceGetMemoryInfo(handle, self._nvml.nvmlMemory_v2)
        except self._nvml.NVMLError:
            return self._nvml.nvmlDeviceGetMemoryInfo(handle)  # an older driver

    def _optional(self, ask: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return ask(*arguments)
        except self._nvml.NVMLError:
            return None


def _why(error: Exception) -> str:
    return str(error).rstrip(".")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
