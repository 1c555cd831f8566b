"""How many slots of a machine are taken, for the head, the list of machines and the slots pane. Owns that count."""

from __future__ import annotations

from collections.abc import Sequence

from tuned.wire import DeviceRow


def busy(devices: Sequence[DeviceRow]) -> tuple[int, int, str]:
    """Slots that are taken, slots in all, and their name: on a machine with GPUs these are the slots, not its CPU's."""
    gpus = [device for device in devices if device.kind == "gpu"]
    counted = gpus or devices
    return sum(1 for device in counted if device.held_by), len(counted), "GPUs" if gpus else "slots"
