"""How much memory trials can have, and which memory that is, and whether the machine is short of its own."""

from __future__ import annotations

from pathlib import Path

from tuned.core.study import StudySpec
from tuned.daemon.machine.slots import Slots


def uses_gpu(spec: StudySpec, slots: Slots) -> bool:
    """Whether a trial of this study holds a GPU, so that its memory is what runs out."""
    return bool(slots.default_gpus if spec.run.gpus is None else spec.run.gpus)


def memory_limit(spec: StudySpec, slots: Slots) -> float | None:
    """Bytes that every trial of this study can have, or is to stay below; None when nobody knows."""
    if not uses_gpu(spec, slots):
        limit = spec.run.limits.get("memory")
        return None if limit is None else float(limit)
    limits = [slot.memory_total for slot in slots.gpus if slot.memory_total]
    if spec.run.gpu_memory is not None:
        limits.append(spec.run.gpu_memory)
    return float(min(limits)) if limits else None


SHORT = 0.1
"""The part of the machine's memory that is left when helpers which nobody needs are ended early."""


def is_short(meminfo: Path = Path("/proc/meminfo")) -> bool:
    """Whether little of the machine's memory is available; no where the kernel does not say."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        total, available = (float(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError, IndexError):
        return False
    return available < SHORT * total
