"""When a search leaves its design and starts to believe a model.

Owns that rule. The daemon makes the points of the design itself and asks the advisor only afterwards.
"""

from __future__ import annotations

from typing import Literal

from tuned.core.space import SearchSpace

SearchMethod = Literal["auto", "random", "sobol", "bayesian"]
Phase = Literal["design", "model"]

_LEAST, _MOST = 5, 20


def initial_points(space: SearchSpace, trials: int | None) -> int:
    """How many points a design has before a model is asked.

    Twice the number of tunable parameters, between 5 and 20, but no more than a third of all trials (and at least 2).

    Args:
        space: The study's.
        trials: Trials that the study shall have; None when only time limits it.
    """
    wanted = min(max(_LEAST, 2 * len(space.tunable)), _MOST)
    return wanted if trials is None else max(2, min(wanted, trials // 3))


def phase(
    space: SearchSpace,
    method: SearchMethod,
    finished_with_value: int,
    created: int,
    trials: int | None = None,
) -> Phase:
    """Whether the next point comes from the design or from a model.

    The model is asked once the design's points have been made and half of them have ended: with many slots nobody
    waits for the slowest, with one slot both come to the same.

    Args:
        space: The study's.
        method: `sobol` and `random` never use a model. `auto` uses none where the trials can try every point anyway.
        finished_with_value: Ended trials that have a value of every objective.
        created: Trials that exist, whatever became of them.
        trials: Trials that the study shall have; None when only time limits it.
    """
    if method in ("sobol", "random") or not space.tunable:
        return "design"
    if method == "auto" and trials is not None:
        size = space.size()
        if size is not None and size <= trials:
            return "design"
    wanted = initial_points(space, trials)
    if created < wanted or finished_with_value < max(2, (wanted + 1) // 2):
        return "design"
    return "model"
