"""Waiting for a study's or a trial's end on the event stream, without polling.

Owns what counts as an end. How it is shown, and which exit code it gives, is the caller's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from tuned.client import api
from tuned.client.problems import EventsGone, NoDaemon, StreamLost
from tuned.client.stream import Pause, follow
from tuned.core import words
from tuned.core.errors import Conflict, NotFound
from tuned.core.events import TRIAL_METRICS
from tuned.core.state_words import paused_by_daemon
from tuned.core.states import LIVE, OPEN, STUDY_ENDED, PausedBy, StudyState, TrialState
from tuned.wire import EventRow, StudyRow, TrialRow

if TYPE_CHECKING:
    from tuned.client.http import Client

log = logging.getLogger(__name__)

RESTART_PATIENCE = 600.0
"""Seconds that a wait goes on without a daemon, so that one may be upgraded or restarted underneath."""
PAGE = 1000
"""Trials that are asked for at once."""


def held_back(study: StudyRow) -> int:
    """How many trials of a study are queued that wait until it is resumed."""
    return study.counts.get(TrialState.QUEUED, 0) if study.state == StudyState.PAUSED else 0


def remedy(row: StudyRow) -> str:
    """The way on for a study that the daemon has paused."""
    if row.paused_by == PausedBy.CAP:
        return f"once a person has widened the cap: tunectl resume {row.name}"
    return f"mend the script, then: tunectl resume {row.name}; or the study file, then: tunectl submit FILE --update"


def changes(
    client: Client,
    study: str | None,
    deadline: float | None,
    tick: float | None = None,
    after: int | None = None,
) -> Iterator[EventRow | Pause]:
    """The study's events; across a restart of the daemon, too.

    Args:
        client: Connection to the daemon whose events are read.
        study: Name of the study; None: of all.
        deadline: Monotonic time of the end; None: none.
        tick: Seconds after which `Pause.IDLE` is yielded when nothing happened.
        after: Number of the event to begin behind; None: from now.

    Raises:
        TimeoutError: The deadline has passed.
        NoDaemon: The daemon went away and did not come back.
    """

    def idle() -> float | None:
        if deadline is None:
            return tick
        left = max(0.0, deadline - monotonic())
        return left if tick is None else min(left, tick)

    gone_since: float | None = None
    while True:
        try:
            for item in follow(client, after, study, idle=idle):
                gone_since = None
                if isinstance(item, EventRow):
                    after = item.seq
                yield item
                if deadline is not None and monotonic() >= deadline:
                    raise TimeoutError
        except EventsGone:
            after = None
        except (NoDaemon, StreamLost) as error:
            now = monotonic()
            if gone_since is None:
                gone_since = now
                log.warning("%s; waiting %s for it to come back", error.what, words.duration(RESTART_PATIENCE))
            if now - gone_since > RESTART_PATIENCE:
                raise
            if deadline is not None and now >= deadline:
                raise TimeoutError from None
            time.sleep(0.25)


def wait_for_study(
    client: Client,
    name: str,
    deadline: float | None,
    seen: Callable[[StudyRow], None] | None = None,
    heard: Callable[[EventRow], None] | None = None,
    tick: float | None = None,
) -> StudyRow:
    """Wait until a study has ended.

    Args:
        client: Connection to the daemon.
        name: Name of the study.
        deadline: Monotonic time of the end of patience; None: none.
        seen: Called with every new picture of the study.
        heard: Called with every event.
        tick: Seconds between pictures while trials only report; None: a picture after moves alone.

    Raises:
        TimeoutError: The deadline passed first.
        Conflict: The daemon paused it; the message says why.
        NotFound: There is no such study, or it was deleted.
    """
    client.send(api.study(name))  # an unknown name is refused at once
    stale = False
    looked = 0.0
    for item in changes(client, name, deadline, tick):
        if isinstance(item, EventRow):
            if heard is not None:
                heard(item)
            stale = True
            due = item.type != TRIAL_METRICS or (tick is not None and monotonic() - looked >= tick)
        else:
            due = item is Pause.OPENED or stale
        if not due:
            continue
        row = client.send(api.study(name)).study
        stale, looked = False, monotonic()
        if seen is not None:
            seen(row)
        if row.state in STUDY_ENDED:
            return row
        if paused_by_daemon(row):
            raise Conflict(f"paused: {row.reason}", where=name, hint=remedy(row))
    raise AssertionError("the stream has no end of its own")


def wait_for_trials(
    client: Client, study: str, wanted: Callable[[TrialRow], bool], deadline: float | None
) -> Sequence[TrialRow]:
    """Wait until all trials of a study that `wanted` picks have ended.

    Raises:
        TimeoutError: The deadline passed first.
        Conflict: The daemon paused the study; the message says why.
        NotFound: The study is not there, or has no such trial.
    """
    for item in changes(client, study, deadline):
        if isinstance(item, EventRow) and item.type == TRIAL_METRICS:
            continue
        chosen = [trial for trial in all_trials(client, study) if wanted(trial)]
        if not chosen:
            raise NotFound("there is no such trial", where=study, hint=f"see: tunectl trials {study}")
        if all(trial.state not in OPEN for trial in chosen):
            return chosen
        row = client.send(api.study(study)).study
        if paused_by_daemon(row) and not any(trial.state in LIVE for trial in chosen):
            raise Conflict(f"paused: {row.reason}", where=study, hint=remedy(row))
    raise AssertionError("the stream has no end of its own")


def all_trials(client: Client, study: str, metrics: bool | None = None) -> list[TrialRow]:
    """Every trial of a study, by number, asked for in pages."""
    rows: list[TrialRow] = []
    while found := client.send(api.trials(study, sort="number", limit=PAGE, offset=len(rows), metrics=metrics)):
        rows += found
        if len(found) < PAGE:
            break
    return rows
