"""The targets of a verb, and its result."""

from __future__ import annotations

from dataclasses import field

from tuned.core.records import dataclass
from tuned.wire.request import request


@request
@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of a verb: `STUDY`, `STUDY/7`, `STUDY/3-7`, `STUDY/best`, `STUDY/running`."""

    targets: list[str]


@request
@dataclass(frozen=True, slots=True)
class Reprioritise:
    """New priority of the targets, absolute, or relative when `relative` is set."""

    targets: list[str]
    priority: int
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """The studies and trials that a verb changed, as `STUDY` or `STUDY/NUMBER`, and what was left alone and why.

    `effects` says of each paused trial what it keeps and loses.
    """

    changed: list[str]
    skipped: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
