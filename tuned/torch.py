"""Helpers for training code with torch: learning-rate schedules as one choice of the search space.

Owns the shapes of the schedules. It imports torch only when one is made, and keeps to Python 3.9.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Mapping, Optional

SCHEDULES = ("constant", "step", "cosine", "linear")
WARMUP = "warmup_"
"""In front of any of them: the rate rises from nothing first."""

_DEFAULTS: Dict[str, float] = {"warmup": 0.1, "decay_factor": 0.1, "decay_every": 1 / 3, "final_factor": 0.0}


def schedule(optimizer: Any, params: Mapping[str, Any], total_steps: Optional[int] = None) -> Any:
    """A `torch.optim.lr_scheduler.LambdaLR` for the schedule that a trial's parameters name.

    Call its `step()` after each of the `total_steps` optimiser steps (or after each epoch, if those are counted).

    Args:
        optimizer: With its base rate in `lr`, which the schedule multiplies by factors up to 1.
        params: `schedule`: `constant`, `step`, `cosine` or `linear`, with `warmup_` in front for a rise at the
            beginning; absent: `constant`. Beside it, where they are there: `warmup` (share of all steps, or a number of
            steps from 1 on; 0.1), `decay_factor` (0.1) and `decay_every` (a third; as `warmup`) for `step`,
            `final_factor` (0) for `cosine` and `linear`.
        total_steps: How often `step()` will be called; absent: `params["steps"]`, else `params["epochs"]`.

    Raises:
        ValueError: There is no such schedule, or nothing says how long it is.
    """
    from torch.optim.lr_scheduler import LambdaLR

    return LambdaLR(optimizer, factor_of(params, total_steps))


def factor_of(params: Mapping[str, Any], total_steps: Optional[int] = None) -> Callable[[int], float]:
    """The factor of the base rate at each step, from 0; see `schedule`."""
    name = str(params.get("schedule", "constant"))
    shape = name[len(WARMUP) :] if name.startswith(WARMUP) else name
    if shape not in SCHEDULES:
        known: List[str] = [*SCHEDULES, *(WARMUP + s for s in SCHEDULES)]
        raise ValueError("schedule %r is none of %s" % (name, ", ".join(known)))
    found = total_steps if total_steps is not None else params.get("steps", params.get("epochs"))
    if found is None:
        raise ValueError("schedule %r: pass total_steps, or have steps or epochs among the parameters" % name)
    total = max(1, int(found))
    given = {key: float(params.get(key, default)) for key, default in _DEFAULTS.items()}
    rise = _steps(given["warmup"], total) if name.startswith(WARMUP) else 0
    every = max(1, _steps(given["decay_every"], total))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        if shape == "constant":
            return 1.0
        if shape == "step":
            return float(given["decay_factor"] ** ((step - rise) // every))
        done = min(1.0, (step - rise) / max(1, total - rise))
        left = 0.5 * (1 + math.cos(math.pi * done)) if shape == "cosine" else 1 - done
        return given["final_factor"] + (1 - given["final_factor"]) * left

    return factor


def _steps(amount: float, total: int) -> int:
    """A share of all steps, or a number of them from 1 on."""
    return round(amount * total) if amount < 1 else int(amount)
