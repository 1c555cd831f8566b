"""Targets of verbs, as people write them: `STUDY`, `STUDY/7`, `STUDY/3-7`, `STUDY/2,5`, `STUDY/best`, `STUDY/running`.

Owns the spelling; which trials a keyword means is for whoever holds the trials.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuned.core.errors import InvalidInput
from tuned.core.names import check_study_name, nearest
from tuned.core.states import TrialState

KEYWORDS = ("best", *(str(state) for state in TrialState))
"""Words that may stand in place of numbers: the best trial, or all trials in a state."""

LARGEST = 2**31


@dataclass(frozen=True, slots=True)
class Target:
    """A study, or some of its trials.

    Attributes:
        study: Name of the study.
        numbers: Ranges of trial numbers, both ends included; empty when none were named.
        keyword: One of `KEYWORDS`, or None.
    """

    study: str
    numbers: tuple[tuple[int, int], ...] = ()
    keyword: str | None = None

    @property
    def is_study(self) -> bool:
        """Whether the study as a whole is meant."""
        return not self.numbers and self.keyword is None

    def includes(self, number: int) -> bool:
        """Whether a range holds this trial number."""
        return any(first <= number <= last for first, last in self.numbers)


def parse_target(text: str) -> Target:
    """The target that a text names.

    Raises:
        InvalidInput: It names none.
    """
    study, slash, rest = text.partition("/")
    check_study_name(study, where=text or "target")
    if not slash:
        return Target(study)
    if rest in KEYWORDS:
        return Target(study, keyword=rest)
    if not rest:
        raise InvalidInput("no trial after the slash", where=text, hint=f"{study}/7, {study}/3-7 or {study}/best")
    if rest[0].isalpha():
        raise InvalidInput(f"{rest!r} names no trials", where=text, hint=nearest(rest, KEYWORDS))
    return Target(study, tuple(_range(part, text) for part in rest.split(",")))


def _range(part: str, text: str) -> tuple[int, int]:
    first, dash, last = part.partition("-")
    ends = [first, last] if dash else [first, first]
    if not all(end.isascii() and end.isdigit() and len(end) < 11 for end in ends):
        raise InvalidInput(f"{part!r} is no trial number", where=text, hint="write 7 or 3-7")
    low, high = int(ends[0]), int(ends[1])
    if low < 1 or high >= LARGEST:
        raise InvalidInput(f"{part!r} is no trial number", where=text, hint="trials are numbered from 1")
    if low > high:
        raise InvalidInput(f"{part!r} runs backwards", where=text, hint=f"write {high}-{low}")
    return low, high
