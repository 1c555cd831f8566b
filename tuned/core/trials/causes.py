"""The cause of a trial's failure. Pure.

Owns what counts as the same cause: the same kind and the same words, whatever the numbers in them. The breaker that
pauses a study, `summary` and the terminal UI go by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, TypeVar

_NUMBERS = re.compile(r"0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)


class Broken(Protocol):
    """A trial that failed, as the database and the replies have it."""

    @property
    def number(self) -> int:
        """Its number in its study."""

    @property
    def state(self) -> str:
        """The state in which it ended."""

    @property
    def failure(self) -> str | None:
        """The kind of its failure; empty or None where nobody knows it."""

    @property
    def reason(self) -> str:
        """The reason in words; empty where there is none."""


T = TypeVar("T", bound=Broken)


def wording(reason: str) -> str:
    """The reason without its numbers, which differ between failures of one cause."""
    return _NUMBERS.sub("#", reason)


def kind(trial: Broken) -> str:
    """The kind of the failure, else the state in which the trial ended."""
    return str(trial.failure or trial.state)


def by_cause(trials: Iterable[T]) -> list[list[T]]:
    """The failed trials of each cause, the newest first; the most frequent cause comes first."""
    found: dict[tuple[str, str], list[T]] = {}
    for trial in sorted(trials, key=lambda trial: -trial.number):
        found.setdefault((kind(trial), wording(trial.reason)), []).append(trial)
    return sorted(found.values(), key=lambda alike: -len(alike))
