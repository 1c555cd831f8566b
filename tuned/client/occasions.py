"""Waiting for whatever is worth a look first: a new best, a failure, a study that is done, a daemon with nothing to do.

Owns those occasions and the document that names them. It reads events, so nothing is polled and nothing is missed
between two waits that hand on `seq`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from tuned.client import api
from tuned.client.problems import EventsGone
from tuned.client.waiting import changes
from tuned.core.events import STUDY_MOVED, TRIAL_MOVED
from tuned.core.state_words import paused_by_daemon
from tuned.core.states import LIVE, STUDY_ENDED, STUDY_WORKING, VALUED, WASTED, StudyState, number_in
from tuned.wire import EventRow, StudyRow
from tuned.wire.values import Number

if TYPE_CHECKING:
    from tuned.client.http import Client

KINDS = ("best", "failed", "idle", "done")
"""`best`: a study has a new best trial. `failed`: a trial failed or was lost, or the daemon paused a study. `done`: a
study has ended. `idle`: no trial runs, and no study would start another one."""
MOST = 20
"""Occasions in one answer; the latest are kept."""
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Occasion:
    """One thing worth a look.

    Attributes:
        kind: One of `KINDS`.
        seq: Number of its event; of `idle`, of the last event before it.
        study, number: Its subject; empty and None for `idle`, None for whole studies.
        reason: Of a failure or an end, in one line.
        values: Objectives and constraints of a new best.
    """

    kind: str
    seq: int
    at: float | None
    study: str = ""
    number: int | None = None
    reason: str = ""
    values: dict[str, Number] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasions:
    """The answer of a wait.

    Attributes:
        seq: Hand it to the next wait as `since`: that one begins behind this answer.
        happened: Oldest first, at most `MOST`; `left_out` older ones are not listed.
        timed_out: Nothing happened in time.
        running, queued: Trials, now; `queued` is None where it is unknown.
    """

    seq: int
    happened: list[Occasion]
    left_out: int
    timed_out: bool
    running: int
    queued: int | None


def wait_for_any(
    client: Client, kinds: Sequence[str], studies: Sequence[str], since: int | None, deadline: float | None
) -> Occasions:
    """Wait until something of these kinds has happened.

    Args:
        client: Connection to the daemon.
        kinds: Of `KINDS`.
        studies: Names that matter; empty: all.
        since: Number of the event to begin behind; None: now. `idle` is a state: it counts whenever it began.
        deadline: Monotonic time of the end of patience; None: none.

    Raises:
        EventsGone: The events behind `since` are no longer kept.
        NoDaemon: The daemon went away and did not come back.
    """
    for name in studies:
        client.send(api.study(name))  # an unknown name is refused at once
    first, seq = _first_and_last(client)
    if since is not None and not first - 1 <= since <= seq:
        raise EventsGone(f"no events behind {since}: those from {first} to {seq} are kept", hint=f"use --since {seq}")
    watch = _Watch(client, frozenset(kinds), frozenset(studies))
    seq, pending = (seq, []) if since is None else _backlog(client, since)
    while True:
        happened = watch.occasions(pending, seq)
        late = not happened and deadline is not None and monotonic() >= deadline
        if happened or late:
            status = client.send(api.status())
            left = max(0, len(happened) - MOST)
            return Occasions(seq, happened[left:], left, late, status.running, status.queued)
        _await_news(client, seq, deadline)
        seq, pending = _backlog(client, seq)


def _first_and_last(client: Client) -> tuple[int, int]:
    first = client.send(api.events_list(limit=1))
    last = client.send(api.events_list(latest=True, limit=1))
    return (first[0].seq, last[0].seq) if first and last else (1, 0)


def _backlog(client: Client, after: int) -> tuple[int, list[EventRow]]:
    """The moves behind an event, and the number of the last event read."""
    moves: list[EventRow] = []
    while True:
        page = client.send(api.events_list(after=after, limit=_PAGE))
        moves += [event for event in page if event.type in (STUDY_MOVED, TRIAL_MOVED)]
        after = page[-1].seq if page else after
        if len(page) < _PAGE:
            return after, moves


def _await_news(client: Client, seq: int, deadline: float | None) -> None:
    """Return at the next move of a trial or study, or at the deadline; across a restart of the daemon, too."""
    with suppress(TimeoutError):
        for event in changes(client, None, deadline, after=seq):
            if isinstance(event, EventRow) and event.type in (STUDY_MOVED, TRIAL_MOVED):
                return


class _Watch:
    """Sorts moves into occasions."""

    def __init__(self, client: Client, kinds: frozenset[str], studies: frozenset[str]) -> None:
        self._client = client
        self._kinds = kinds
        self._studies = studies

    def occasions(self, moves: Sequence[EventRow], seq: int) -> list[Occasion]:
        """Occasions among these moves, oldest first; `idle` comes last, when nothing runs and nothing would start."""
        moves = [event for event in moves if not self._studies or event.study in self._studies]
        rows = {row.name: row for row in self._client.send(api.studies())}
        found = [occasion for event in moves if (occasion := _occasion(event, rows)) and occasion.kind in self._kinds]
        if "idle" in self._kinds and self._idle(list(rows.values())):
            found.append(Occasion("idle", seq, None))
        return found

    def _idle(self, rows: Sequence[StudyRow]) -> bool:
        rows = [row for row in rows if not self._studies or row.name in self._studies]
        return not any(row.state in STUDY_WORKING or number_in(LIVE, row.counts) for row in rows)


def _occasion(event: EventRow, rows: dict[str, StudyRow]) -> Occasion | None:
    to, reason = event.data.get("to"), str(event.data.get("reason") or "")
    row = rows.get(event.study)
    values: dict[str, Number] = {}
    if event.type == STUDY_MOVED:
        if to in STUDY_ENDED:
            kind = "done"
        elif row is not None and to == StudyState.PAUSED and paused_by_daemon(row):
            kind, reason = "failed", row.reason
        else:
            return None
    elif to in WASTED:
        kind = "failed"
    elif to in VALUED and row is not None and row.best is not None and row.best.number == event.number:
        kind, values = "best", row.best.values
    else:
        return None
    return Occasion(kind, event.seq, event.at, event.study, event.number, reason, values)
