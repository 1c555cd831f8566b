"""The slots of the machine as the status shows them. Owns that picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tuned.daemon.machine.slots import Slot, Slots
from tuned.nvidia import Sample
from tuned.wire import DeviceRow


def device_rows(slots: Slots, day: Mapping[str, dict[str, float]]) -> list[DeviceRow]:
    """All slots, GPUs first.

    Args:
        slots: The machine's.
        day: GPU -> use -> seconds of the last day.
    """
    return [_row(slots, slot, day.get(slot.id, {})) for slot in (*slots.gpus, *slots.cpus)]


def _row(slots: Slots, slot: Slot, day: dict[str, float]) -> DeviceRow:
    sample = slots.samples.get(slot.id)
    return DeviceRow(
        id=slot.id,
        kind=slot.kind,
        name=slot.name,
        index=slot.index,
        memory_total=slot.memory_total,
        memory_used=sample.memory_used if sample else None,
        utilisation=sample.utilisation if sample else None,
        held_by=slots.held.get(slot.id, ""),
        blocked=slots.unavailable(slot.id),
        label=slot.label,
        history=_history(tuple(slots.history.get(slot.id, ()))),
        day=day,
    )


def _history(samples: Iterable[Sample]) -> dict[str, list[float | None]]:
    found = list(samples)
    if not found:
        return {}
    return {
        "utilisation": [sample.utilisation for sample in found],
        "memory": [float(sample.memory_used) for sample in found],
        "watts": [sample.watts for sample in found],
    }
