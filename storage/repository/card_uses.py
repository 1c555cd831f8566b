"""Writes of why cards stand idle: one row for each change. `tuned.core.cards.time` defines the uses."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, insert

from storage.models import card_uses
from tuned.core.cards.time import Use

_INSERT = insert(card_uses)
_DELETE = delete(card_uses).where(card_uses.c.at < bindparam("before"))


def note_uses(conn: Connection, uses: Mapping[str, Use], at: float) -> None:
    """From a moment on (unix seconds), this is why each card (its UUID) stands idle while no trial is on it."""
    if uses:
        conn.execute(_INSERT, [{"card": card, "at": at, "used": use.value} for card, use in uses.items()])


def forget_uses(conn: Connection, before: float) -> None:
    """Forget the notes of before a moment (unix seconds)."""
    conn.execute(_DELETE, {"before": before})
