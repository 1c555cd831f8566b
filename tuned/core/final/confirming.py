"""Which trials a confirmation repeats, and in what order.

Owns that choice, and how many seeds a further round adds. Pure: `tuned.analyses.comparing.repeated` judges the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.space import canonical_key
from tuned.core.trials.trial import Trial


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition: of which trial, and with which of the seeds, from 0."""

    trial: Trial
    seed: int


def candidates(ranked: Sequence[Trial], top: int, baseline: Trial | None) -> list[Trial]:
    """The best trials whose points differ from each other and from the baseline's.

    Args:
        ranked: The ranked trials (`tuned.core.ranking`), best first; one at least.
        top: How many.
        baseline: The baseline; None without one.

    Raises:
        InvalidInput: All of them are runs of the baseline's point.
    """
    seen = {canonical_key(baseline.params)} if baseline is not None else set()
    chosen: list[Trial] = []
    for trial in ranked:
        key = canonical_key(trial.params)
        if key not in seen and len(chosen) < top:
            seen.add(key)
            chosen.append(trial)
    if baseline is not None and not chosen:
        raise InvalidInput(
            f"no trial but those of the baseline's point, trial {baseline.number}, has a result to confirm",
            hint="let the search try other points first",
        )
    return chosen


GROWTH = 4
"""Seeds of all rounds together, in those of the first one, where nothing else is said."""


def further_seeds(options: Mapping[str, Any], done: int) -> int:
    """How many seeds the next round adds where the last one left it close: as many as there were, up to the limit.

    Args:
        options: Of the step: `seeds` of the first round, `max_seeds` of all together.
        done: Seeds of the step's rounds so far.
    """
    most = int(options.get("max_seeds") or GROWTH * int(options.get("seeds", done)))
    return max(0, min(done, most - done))


def interleaved(configurations: Sequence[Trial], first: int, seeds: int) -> list[Repetition]:
    """Every configuration with every seed: seed by seed, so that what changes over time meets all of them alike.

    Each seed begins with the next configuration, so that none is always first.
    """
    found = []
    for i in range(seeds):
        shift = (first + i) % len(configurations)
        order = [*configurations[shift:], *configurations[:shift]]
        found += [Repetition(trial, first + i) for trial in order]
    return found
