"""Writes of callers' accounts: what is spent stays spent when a study is deleted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from storage.facts import fact, keep_fact
from storage.queries.callers import SPENT, TOLD, spent_in


def keep_spent(conn: Connection, study_id: int, now: float) -> None:
    """Before a study is deleted: remember what its trials have used, for their callers."""
    here = spent_in(conn, study_id, now)
    if not here:
        return
    known = fact(conn, SPENT) or {}
    for caller, found in here.items():
        trials, seconds = known.get(caller, (0, 0.0))
        known[caller] = [trials + found.trials, seconds + found.seconds]
    keep_fact(conn, SPENT, known)


def tell_caps(conn: Connection, caller: str, caps: dict[str, Any]) -> None:
    """Remember the caps that a caller's server was started with, in place of earlier ones."""
    keep_fact(conn, TOLD, {**(fact(conn, TOLD) or {}), caller: caps})
