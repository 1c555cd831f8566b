"""The cores of a trial: how many it gets, and which.

Owns that choice. Pure; a launcher and its trials are confined to them before anything is imported, so that torch,
OpenMP and data loaders size themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil


def how_many_cores(cpus: float | None, cores: int, at_once: int) -> int:
    """Cores of one trial: what its study asks for, else an equal share; at least one, at most all.

    Args:
        cpus: `run.resources.cpus`; a part of a core counts as a whole one.
        cores: Those of the machine that the daemon may use.
        at_once: How many such trials run at the same time.
    """
    wanted = cores // max(1, at_once) if cpus is None else ceil(cpus)
    return max(1, min(cores, wanted))


def choose_cores(load: Mapping[int, int], wanted: int, first: int = 0) -> tuple[int, ...]:
    """Cores for a trial, those with the fewest other trials first.

    Args:
        load: Core -> how many trials have it.
        wanted: How many.
        first: Among equals the search begins at this place.
    """
    cores: Sequence[int] = sorted(load)
    turned = [cores[(first + place) % len(cores)] for place in range(len(cores))]
    return tuple(sorted(sorted(turned, key=lambda core: load[core])[:wanted]))


def spans(cores: Sequence[int]) -> str:
    """`0-3,8`."""
    parts: list[list[int]] = []
    for core in sorted(cores):
        if parts and core == parts[-1][-1] + 1:
            parts[-1].append(core)
        else:
            parts.append([core])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
