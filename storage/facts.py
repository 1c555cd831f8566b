"""The few facts of the daemon's own that outlive it, as JSON under a key of the `meta` table.

Owns reading and writing them: where clients last looked, which GPUs are left to others. Facts of the file itself, such
as `open`, are the engine's.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from storage.json_text import load

YIELDS = "gpu/yields"
"""GPU -> {until, level, trials, to, since}: which GPUs are left to others: until when by a person (unix seconds; 0: by
none), to whom without being asked, and since when that one is there."""
PACKING = "gpu/packing"
"""`gains`: studies (ids with + between them) -> trials on a card -> how many times the work of one alone they did
together; `alone`: study -> what one takes of a card."""

_GET = "SELECT value FROM meta WHERE key = ?"
_SET = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_FORGET = "DELETE FROM meta WHERE key = ?"


def fact(conn: Connection, key: str) -> Any:
    """Value kept under a key; None without one."""
    text = conn.exec_driver_sql(_GET, (key,)).scalar()
    return None if text is None else load(text)


def keep_fact(conn: Connection, key: str, value: Any) -> None:
    """Keep plain data under a key; None forgets it."""
    if value is None:
        conn.exec_driver_sql(_FORGET, (key,))
    else:
        conn.exec_driver_sql(_SET, (key, json.dumps(value)))
