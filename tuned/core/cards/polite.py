"""When our trials leave a card because somebody else has begun to work on it or by the clock, and when they come back.

Owns these rules and their settings. Pure; who has the trials leave is `tuned.daemon.cards.polite`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tuned.core.cards.attribution import FOREIGN_BYTES
from tuned.core.durations import parse_duration
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.core.sizes import parse_size

WHOSE = ("others", "all")
_DAY, _DAY_MINUTES = timedelta(days=1), 1440
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Quiet:
    """One `[[gpu.quiet]]`: hours in which cards are left to others.

    Attributes:
        cards: Their numbers; empty: all.
        days: 0 for Monday to 6; of hours over midnight the day on which they begin.
        begin, end: Minutes after midnight, by the clock on the wall; `end` at or before `begin` is on the next day.
    """

    cards: tuple[int, ...]
    days: tuple[int, ...]
    begin: int
    end: int

    def holds(self, card: int, at: datetime) -> bool:
        """Whether it holds for a card at a local time. Where clocks are set, it goes by what they show."""
        if self.cards and card not in self.cards:
            return False
        minute, today, before = _minute_of(at), at.weekday(), (at.weekday() - 1) % 7
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        return (today in self.days and minute >= self.begin) or (before in self.days and minute < self.end)


def quiet_until(rules: Sequence[Quiet], card: int, at: datetime) -> str:
    """The time on the wall at which a card's quiet hours end, `18:00`; empty outside of them.

    Hours that follow each other, or lie over each other, are one; more than a day of them ends at midnight.
    """
    end, moment = "", at
    while moment - at < _DAY and (ends := [rule.end for rule in rules if rule.holds(card, moment)]):
        left = max((minute - _minute_of(moment) - 1) % _DAY_MINUTES + 1 for minute in ends)
        last = _minute_of(moment) + left
        end = "24:00" if last == _DAY_MINUTES else f"{last // 60 % 24:02}:{last % 60:02}"
        moment += timedelta(minutes=left)
    return end


def quiet_since(rules: Sequence[Quiet], card: int, begin: datetime, now: datetime) -> bool:
    """Whether a card has had quiet hours all the time between two moments, by the clock on the wall."""
    minutes = int((now - begin).total_seconds() // 60)
    moments = (begin + timedelta(minutes=passed) for passed in range(minutes + 1))
    return all(any(rule.holds(card, moment) for rule in rules) for moment in moments)


@dataclass(frozen=True, slots=True)
class Politeness:
    """`[gpu]` of `config.toml`.

    Attributes:
        memory: Bytes beyond which somebody else counts as working on a card.
        utilisation: Per cent of its time beyond which they do, however little memory they hold.
        after: Seconds for which they must, before our trials leave.
        back_after: Seconds of quiet before these come back.
        whose: `others`: processes of other users; `all`: also one's own beside the trials.
    """

    memory: int = FOREIGN_BYTES
    utilisation: float = 20.0
    after: float = 30.0
    back_after: float = 300.0
    whose: str = "others"
    quiet: tuple[Quiet, ...] = ()

    def works(self, held: float, busy: float) -> bool:
        """Whether somebody who holds so many bytes and takes so many per cent of the time works on a card."""
        return held > self.memory or busy > self.utilisation


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


def _minute_of(at: datetime) -> int:
    return at.hour * 60 + at.minute


def seen(before: Presence, there: bool, settings: Politeness, now: float) -> tuple[Presence, str]:
    """Take in one look at a card.

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
    known: dict[str, Callable[[Any], Any]] = {
        "memory": parse_size,
        "utilisation": _per_cent,
        "after": parse_duration,
        "back_after": parse_duration,
        "whose": _whose,
        "quiet": _quiet_hours,
    }
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise InvalidInput("is no setting", where=f"gpu.{key}", hint=nearest(key, tuple(known)))
        try:
            found[key] = known[key](value)
        except ValueError as error:
            raise InvalidInput(str(error), where=f"gpu.{key}", hint="tunectl help gpu explains it") from None
    return Politeness(**found)


def _whose(value: object) -> str:
    if value not in WHOSE:
        raise ValueError(f"{value!r} is neither others nor all")
    return str(value)


def _per_cent(value: object) -> float:
    text = str(value).strip().removesuffix("%")
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if isinstance(value, bool) or not 0 <= number <= 100:
        raise ValueError(f'{value!r} is no share of the time, such as "20%"')
    return number


def _quiet_hours(value: object) -> tuple[Quiet, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("is a list of tables: [[gpu.quiet]]")
    return tuple(_quiet(one) for one in value)


def _quiet(table: Mapping[str, Any]) -> Quiet:
    unknown = sorted(set(table) - {"cards", "days", "from", "to"})
    if unknown:
        raise ValueError(f"{unknown[0]} is no setting of quiet hours; they have cards, days, from and to")
    lacks = [key for key in ("from", "to") if key not in table]
    if lacks:
        raise ValueError(f'has no {lacks[0]}, such as {lacks[0]} = "08:00"')
    cards, days = table.get("cards", []), table.get("days", list(DAYS))
    if not isinstance(cards, list) or not all(type(card) is int and card >= 0 for card in cards):
        raise ValueError(f"{cards!r} are no numbers of cards, such as [0, 1]")
    if not isinstance(days, list) or not days or not all(day in DAYS for day in days):
        raise ValueError(f"{days!r} are no days; they are {', '.join(DAYS)}")
    begin, end = _minute(table["from"]), _minute(table["to"])
    if begin == end:
        raise ValueError(f"begin and end at {table['from']}; for a whole day, from 00:00 to 24:00")
    return Quiet(tuple(cards), tuple(DAYS.index(day) for day in days), begin, end)


def _minute(value: object) -> int:
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", value) if isinstance(value, str) else None
    found = int(match[1]) * 60 + int(match[2]) if match else 1441
    if found > 1440:
        raise ValueError(f'{value!r} is no time of day, such as "08:00"')
    return found
