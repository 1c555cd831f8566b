"""How much memory trials can have, and which memory that is. Owns that answer for the search."""

from __future__ import annotations

from tuned.core.study import StudySpec
from tuned.daemon.machine.slots import Slots


def uses_gpu(spec: StudySpec, slots: Slots) -> bool:
    """Whether a trial of this study holds a GPU, so that its memory is what runs out."""
    return bool(slots.default_gpus if spec.run.gpus is None else spec.run.gpus)


def memory_limit(spec: StudySpec, slots: Slots) -> float | None:
    """Bytes that every trial of this study can have; None when nobody knows."""
    if not uses_gpu(spec, slots):
        limit = spec.run.limits.get("memory")
        return None if limit is None else float(limit)
    totals = [slot.memory_total for slot in slots.gpus if slot.memory_total]
    return float(min(totals)) if totals else None
