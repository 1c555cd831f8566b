"""When our trials leave a card because somebody else has begun to work on it, and when they come back.

Owns that rule and its settings. Pure; who has the trials leave is `tuned.daemon.politeness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuned.core.durations import parse_duration
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.queue.attribution import FOREIGN_BYTES
from tuned.core.sizes import parse_size

WHOSE = ("others", "all")


@dataclass(frozen=True, slots=True)
class Politeness:
    """`[gpu]` of `config.toml`.

    Attributes:
        memory: Bytes beyond which somebody else counts as working on a card.
        after: Seconds for which they must, before our trials leave.
        back_after: Seconds of quiet before these come back.
        whose: `others`: processes of other users; `all`: also one's own beside the trials.
    """

    memory: int = FOREIGN_BYTES
    after: float = 30.0
    back_after: float = 300.0
    whose: str = "others"


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody else on a card, over time.

    Attributes:
        since: Unix seconds since when they are there; None while they are not.
        quiet_since: Since when nobody is; None while somebody is, or nobody was.
        left: Whether our trials have left it for them.
        kept: Whether a person has taken it back meanwhile: then they stay until it was quiet.
    """

    since: float | None = None
    quiet_since: float | None = None
    left: bool = False
    kept: bool = False


def seen(before: Presence, there: bool, settings: Politeness, now: float) -> tuple[Presence, str]:
    """What a look at a card means.

    Args:
        before: As the last look left it.
        there: Whether somebody else holds more than they may.
        settings: The rule's.
        now: Unix seconds.

    Returns:
        The presence from now on, and what our trials do: `leave`, `return`, or nothing.
    """
    if there:
        since = now if before.since is None else before.since
        leaves = not before.left and not before.kept and now - since >= settings.after
        return Presence(since, None, before.left or leaves, before.kept), "leave" if leaves else ""
    if not (before.left or before.kept):
        return Presence(), ""
    quiet = now if before.quiet_since is None else before.quiet_since
    if now - quiet < settings.back_after:
        return Presence(before.since, quiet, before.left, before.kept), ""
    return Presence(), "return" if before.left else ""


def politeness_of(table: Mapping[str, Any]) -> Politeness:
    """The settings, checked.

    Raises:
        InvalidInput: A key or a value is wrong.
    """
    known = {"memory": parse_size, "after": parse_duration, "back_after": parse_duration, "whose": _whose}
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise InvalidInput("is no setting", where=f"gpu.{key}", hint=nearest(key, tuple(known)))
        try:
            found[key] = known[key](value)
        except ValueError as error:
            raise InvalidInput(str(error), where=f"gpu.{key}", hint="see docs/gpu.md") from None
    return Politeness(**found)


def _whose(value: object) -> str:
    if value not in WHOSE:
        raise ValueError(f"{value!r} is neither others nor all")
    return str(value)
