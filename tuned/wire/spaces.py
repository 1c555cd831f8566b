"""The versions of a study's space, and edits of it."""

from __future__ import annotations

from dataclasses import field

from tuned.core.records import dataclass
from tuned.wire.request import request
from tuned.wire.values import Json


@dataclass(frozen=True, slots=True)
class SpaceVersionRow:
    """One version of a study's space.

    Attributes:
        origin: `submit`, `user`, or `phase N`: the refinement before that phase.
        why: For a person, one line; `changes` what differs from the version before, such as `lr.high: 0.1 -> 1`.
        trials: Trials whose points were made in it.
        space: The whole space as plain data.
    """

    version: int
    origin: str
    why: str
    changes: list[str]
    at: float
    trials: int
    space: Json


@dataclass(frozen=True, slots=True)
class SpacePage:
    """The versions of a study's space, oldest first; the last one is in use.

    `kept` is how many trials with a result have points that are part of it, `left_out` how many do not.
    """

    study: str
    version: int
    kept: int
    left_out: int
    versions: list[SpaceVersionRow]


@request
@dataclass(frozen=True, slots=True)
class SpaceChange:
    """An edit of a study's space while it runs.

    Attributes:
        set: `NAME.KEY` -> value, for low, high, log, values, ordered, value, role.
        add: Name -> its table as in a study file; `was` in it is the value that earlier trials ran with.
        fix: Name -> the one value from now on.
        drop: Name -> the value that the code uses without it; None when that is not known.
        refine: Narrow and widen by the results so far, before the other changes.
        back_to: An earlier version, which is put into use again before the other changes.
        dry_run: Only say what would change.
    """

    set: Json = field(default_factory=dict)
    add: Json = field(default_factory=dict)
    fix: Json = field(default_factory=dict)
    drop: Json = field(default_factory=dict)
    refine: bool = False
    dry_run: bool = False
    back_to: int | None = None


@dataclass(frozen=True, slots=True)
class ReplacedRow:
    """A suggestion that had not started and was replaced."""

    number: int
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class SpaceChanged:
    """The result of an edit of the space.

    Attributes:
        version: The version in use now.
        changes: Such as `lr.high: 0.1 -> 1`; empty when nothing differs.
        why: A refinement's reasons, one for each parameter.
        kept: Trials with a result whose points are part of the space now; `left_out`: the others.
        replaced: Suggestions that had not started and did not fit.
        off: The user's own queued points that do not fit; they run all the same.
    """

    study: str
    version: int
    changes: list[str]
    why: list[str]
    kept: int
    left_out: int
    replaced: list[ReplacedRow]
    off: list[int]
    dry_run: bool
    versions: list[SpaceVersionRow]
