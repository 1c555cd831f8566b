"""Whether repetitions with other seeds are equal to the last digit: then the seed does not reach the code.

Owns that test and its words. Chance rounds two results apart, so equal ones say nothing of the spread. Pure, without
numpy: the daemon needs it for lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

REASON = "the seed does not reach the code: repetitions are equal to the last digit, and say nothing of the spread"
REMEDY = (
    'pass the seed on, with args = [..., "--seed", "{seed}"] or trial.seed, and seed the libraries with it; '
    "where the code has no chance in it, one run is enough"
)


def alike(repeated: Iterable[Sequence[float]]) -> bool:
    """Whether every configuration that ran more than once gave the same number each time.

    Args:
        repeated: Of each configuration the results of its runs, which differ in their seed alone.

    Returns:
        False where none ran more than once.
    """
    several = [set(values) for values in repeated if len(values) > 1]
    return bool(several) and all(len(values) == 1 for values in several)
