"""The rescue sample: trials that early stopping would have ended and that run on, to measure how often it is wrong.

Owns who belongs to the sample and when a decision was wrong. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Protocol

from tuned.core import ranking
from tuned.core.search.sequence import noise
from tuned.core.states import Failure
from tuned.core.study import EarlyStopping

FIRST, OFTEN = 60, 3
"""Up to this trial's number the sample is so many times denser: a rule that stops the good trials of a study has to be
known while the study can still be mended. At 5 % sixty trials would have two of them, which prove nothing."""


def drawn_for_rescue(rule: EarlyStopping, seed: int, number: int) -> bool:
    """Whether a trial belongs to the sample; depends on the study's seed and the trial's number alone."""
    share = rule.rescue * (OFTEN if number <= FIRST else 1)
    return noise(seed, number, "rescue") < share


class Ended(ranking.Ended, Protocol):
    """The fields of a trial, or of a row about it, that say how it ended."""

    @property
    def failure(self) -> str | None:
        """As `Failure` spells it; None or empty where it has not failed."""


def told(trial: Ended) -> bool:
    """Whether a trial of the sample says if it was rightly to be stopped: by its own end, or because it diverged."""
    return ranking.whole(trial) or trial.failure == Failure.NAN


def wrongly_stopped(rescued: Sequence[float], others: Sequence[float]) -> list[int]:
    """Places of those of the sample that ended better than the median of the trials which the rule let through.

    Args:
        rescued: Scores of the sample's trials that tell; less is better, and what is not finite is worst.
        others: Those of all other trials that did.
    """
    if not others:
        return []
    middle = median(others)
    return [place for place, score in enumerate(rescued) if score < middle]
