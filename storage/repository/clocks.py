"""Correction of durations that are under way when the machine's clock was set. Owns nothing else."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, text, update

from storage.facts import YIELDS, fact, keep_fact
from storage.models import IS_LIVE, attempts, studies, trials

_STUDIES = (
    update(studies)
    .where(studies.c.running_since.is_not(None))
    .values(running_since=studies.c.running_since + bindparam("ahead"))
)
_TRIALS = (
    update(trials)
    .where(text(IS_LIVE), trials.c.started_at.is_not(None))
    .values(started_at=trials.c.started_at + bindparam("ahead"), still_since=trials.c.still_since + bindparam("ahead"))
)
_ATTEMPTS = (
    update(attempts)
    .where(attempts.c.ended_at.is_(None), attempts.c.started_at.is_not(None))
    .values(started_at=attempts.c.started_at + bindparam("ahead"))
)


def shift_clocks(conn: Connection, ahead: float) -> None:
    """The clock was set ahead by so many seconds (back, when negative): no time has passed for what is under way.

    Moved are the starts of studies, trials and attempts, and the ends of times for which GPUs are left to others.
    """
    for statement in (_STUDIES, _TRIALS, _ATTEMPTS):
        conn.execute(statement, {"ahead": ahead})
    yields = fact(conn, YIELDS)
    if yields:
        keep_fact(conn, YIELDS, {gpu: {**entry, "until": entry["until"] + ahead} for gpu, entry in yields.items()})
