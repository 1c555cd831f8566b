"""Which waiting trial joins others on a card, and whether that brings anything.

Owns that choice: what trials of a study took alone, the room that is left beside them, and the gain that was measured
where they shared. Pure; who measures and leases is `tuned.daemon.cards.packing`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from tuned.core import words
from tuned.core.search.memory_fit import LEAST, MemoryFit
from tuned.core.space import Point, SearchSpace
from tuned.core.study import StudySpec

FIRST = 2
"""So many trials of a study must have run alone before one joins another; a single one where there is but one card."""
USABLE = 0.95
"""The share of a card's memory that trials may use."""
MARGIN = 1.1
"""The least factor on a predicted peak of memory."""
UNFITTED = 1.25
"""The factor on the largest peak so far, while there are too few peaks for a fit."""
FULL = 100.0
"""The most per cent of time in which a card may be busy by the sum of its trials, each measured alone."""
WORTH = 1.1
"""The least gain of one more trial, as a factor of the work done before."""
MOST = 8
"""The most trials on one card."""

_TIMES = frozenset(
    {"time", "times", "seconds", "secs", "sec", "minutes", "mins", "hours", "latency", "duration", "elapsed"}
    | {"runtime", "throughput", "speed", "fps"}
)
_PER_TIME = re.compile(
    r"per_?(s|sec|second|min|minute|hour|ms)s?$|(^|_)(it|steps|tokens|samples|images)[_/]s$|_(ms|us|s)$"
)


def refusal(spec: StudySpec) -> str:
    """The reason why trials of a study have their cards to themselves; empty when they may share."""
    run = spec.run
    if run.place:
        return f"cards are assigned by {run.place}"
    if run.share == "never":
        return 'share = "never"'
    if run.gpus is not None:
        return f"gpus = {run.gpus:g}"
    measured = [metric.metric for metric in spec.measured]
    timed = next((name for name in measured if is_time(name)), None)
    return f"{timed} is a time, which a neighbour would change" if timed else ""


def is_time(metric: str) -> bool:
    """Whether a metric's name says that it is a time or a speed."""
    name = metric.lower()
    return bool(_TIMES & set(re.split(r"[^a-z]+", name))) or _PER_TIME.search(name) is not None


@dataclass(frozen=True, slots=True)
class Ran:
    """An attempt that has ended on a card, or has run there for long enough to be judged by.

    Attributes:
        memory: Its peak in bytes; None: not known.
        busy: Per cent of time in which the card computed; None: not known.
        alone: Whether no other trial was on the card meanwhile.
        speed: Steps a second; None where it reported too few.
        seconds: From its trial's begin to that one's end; None where it was cut off, or goes on from another attempt.
    """

    point: Point
    memory: float | None
    busy: float | None
    alone: bool
    speed: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Footprint:
    """The part of a card that a trial of a study takes.

    Attributes:
        memory: The largest peak so far, in bytes.
        busy, speed, seconds: Alone; `speed` in steps a second; None where that is not known.
    """

    memory: float
    busy: float
    speed: float | None
    seconds: float | None
    fit: MemoryFit | None

    def need(self, point: Point) -> float:
        """Bytes that a point is given, with a margin."""
        if self.fit is None:
            return UNFITTED * self.memory
        return float(2.0 ** self.fit.log2(point) * max(MARGIN, 2.0 ** (2 * self.fit.spread)))


def footprint(space: SearchSpace, ran: Sequence[Ran], cards: int, before: Footprint | None = None) -> Footprint | None:
    """Measure the part of a card that trials of a study take; None before enough of them have run alone.

    Args:
        space: The study's.
        ran: Its attempts on cards.
        cards: How many there are for its trials: on one alone, a second trial would wait for the end of the first.
        before: The last measurement: its trials may share their cards since.
    """
    alone = [one for one in ran if one.alone and one.memory and one.busy is not None]
    measured = [(one.point, one.memory) for one in ran if one.memory]
    fit = MemoryFit.of(space, measured) if len(measured) >= LEAST else None
    if len(alone) < min(FIRST, max(1, cards)):
        largest = max((size for _, size in measured), default=0.0)
        return None if before is None else replace(before, memory=max(before.memory, largest), fit=fit or before.fit)
    speeds = [one.speed for one in alone if one.speed]
    lengths = [one.seconds for one in alone if one.seconds]
    return Footprint(
        memory=max(size for _, size in measured),
        busy=median(one.busy for one in alone if one.busy is not None),
        speed=median(speeds) if speeds else None,
        seconds=median(lengths) if lengths else None,
        fit=fit,
    )


@dataclass(frozen=True, slots=True)
class Guest:
    """A trial that is on a card, or wants to join.

    Attributes:
        memory: Bytes that it needs.
        busy: Per cent of time, alone.
        any: Whether it may share with trials of other studies.
        settled: Whether it runs and is to go on: no trial joins one that is about to begin or to end.
    """

    study_id: int
    memory: float
    busy: float
    any: bool = False
    settled: bool = True


@dataclass(frozen=True, slots=True)
class SharedCard:
    """A card with trials.

    Attributes:
        memory: Bytes that are ours to use.
        used: Bytes in use now.
        guests: Its trials; None where one of them has the card to itself.
    """

    id: str
    memory: float
    used: float
    guests: tuple[Guest, ...] | None


Pair = tuple[int, ...]
"""Studies whose trials share a card, by id; one where they are all of the same."""

Gains = Mapping[Pair, Mapping[int, float]]
"""Studies -> trials on a card -> their work together, in multiples of the work of one alone."""


def pair_of(studies: Collection[int]) -> Pair:
    """The studies in their order, each once."""
    return tuple(sorted(set(studies)))


def worth(gains: Gains, before: Sequence[int], joining: int) -> bool:
    """Whether one more trial on a card gains enough; a number that was never tried is tried once.

    Args:
        gains: As measured.
        before: The studies of the trials that are there.
        joining: The study of the one that joins.
    """
    count, without = len(before) + 1, 1.0
    if count > 2:
        there = gains.get(pair_of(before), {})
        if count - 1 not in there or not _grew(there, count - 1):
            return False  # the present ones are not measured yet, or are too many already
        without = there[count - 1]
    found = gains.get(pair_of([*before, joining]), {}).get(count)
    return found is None or found >= WORTH * without


def _grew(gains: Mapping[int, float], count: int) -> bool:
    return gains[count] >= WORTH * gains.get(count - 1, 1.0)


def cards_to_join(new: Guest, cards: Sequence[SharedCard], gains: Gains) -> list[str]:
    """The cards that a trial may join, those with the fewest trials first."""
    fitting = [card for card in cards if card.guests and _fits(new, card, gains)]
    return [card.id for card in sorted(fitting, key=lambda card: (len(card.guests or ()), _busy(card)))]


def _fits(new: Guest, card: SharedCard, gains: Gains) -> bool:
    guests = card.guests or ()
    together = [*guests, new]
    return (
        len(together) <= MOST
        and all(guest.settled for guest in guests)
        and all(guest.study_id == new.study_id or (guest.any and new.any) for guest in guests)
        and max(card.used, sum(guest.memory for guest in guests)) + new.memory <= card.memory
        and _busy(card) + new.busy <= FULL
        and worth(gains, [guest.study_id for guest in guests], new.study_id)
    )


def _busy(card: SharedCard) -> float:
    return sum(guest.busy for guest in card.guests or ())


def together(paces: Mapping[int, Sequence[float]], guests: Sequence[int]) -> float | None:
    """How many times the work of one alone trials do together; None while too few of them were measured.

    Args:
        paces: Study -> of trials of it that were there, one in the place of another, the part of their speed alone.
        guests: The study of each trial that is there at a time.
    """
    counts = Counter(guests)
    if any(len(paces.get(study, ())) < count for study, count in counts.items()):
        return None
    return sum(count * fmean(paces[study]) for study, count in counts.items())


def best_count(gains: Mapping[int, float]) -> int:
    """The number of trials of a study that share a card: each of them gained enough."""
    count = 1
    while count + 1 in gains and _grew(gains, count + 1):
        count += 1
    return count


def wanted_count(taken: Footprint, card: float, gains: Mapping[int, float], study_id: int) -> int:
    """The number of trials of a study that a card is to have: one more than gained enough, while that is untried.

    Args:
        taken: The part of a card that one trial takes, alone.
        card: Bytes of a card.
        gains: Trials on a card -> their work, in multiples of the work of one alone.
        study_id: The study.
    """
    count = best_count(gains)
    fits = (count + 1) * MARGIN * taken.memory <= USABLE * card and (count + 1) * taken.busy <= FULL
    tried = not worth({(study_id,): gains}, [study_id] * count, study_id)
    return count if tried or not fits or count >= MOST else count + 1


def in_words(taken: Footprint, card: float, gains: Mapping[int, float]) -> str:
    """`2 a card: 3.1 of 24.0 GiB, 34% busy alone; together 1.7x`.

    Args:
        taken: The part of a card that one trial takes, alone.
        card: Bytes of a card.
        gains: Trials on a card -> their work, in multiples of the work of one alone.
    """
    count = best_count(gains)
    size, total = words.size(taken.memory), words.size(card)
    of = f"{size.split()[0] if size.split()[1] == total.split()[1] else size} of {total}"
    parts = [f"{count} a card: {of}, {taken.busy:.0f}% busy alone"]
    if count > 1:
        parts.append(f"together {gains[count]:.1f}x")
    if count + 1 in gains:
        parts.append(f"{count + 1} together {gains[count + 1]:.2f}x, less than a tenth more: not packed again")
    return "; ".join(parts)
