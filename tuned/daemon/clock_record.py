"""The clock over restarts: how the wall clock stood beside the machine's uptime when a daemon last looked.

Owns `clock.json` of the state folder and the gaps that it shows: a clock that was set while no daemon ran, and time in
which the machine was off. Neither counts for budgets or for the age of events.
"""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

from sqlalchemy import Connection

from storage.facts import fact, keep_fact
from storage.repository import shift_clocks
from tuned import protocol

log = logging.getLogger(__name__)

FILE = "clock.json"
NOTICED_S = 60.0
"""A smaller difference over a restart is left alone."""
KEY = "clock/gaps"
KEPT_GAPS = 100


def keep(home: Path, now: float) -> None:
    """Note how the clocks stand. Not synced: after a power cut an older note is as good."""
    record = {"boot_id": protocol.boot_id(), "steady": time.monotonic(), "wall": now}
    with contextlib.suppress(OSError):
        protocol.write_record(str(home), FILE, record, durable=False)


def gap(home: Path, now: float) -> float:
    """Seconds since the last note that nobody has lived through: positive where the wall clock is ahead; 0 for none."""
    try:
        record = protocol.read_record(str(home), FILE)
        if record is None:
            return 0.0
        passed = time.monotonic() - float(record["steady"]) if record["boot_id"] == protocol.boot_id() else 0.0
        ahead = now - float(record["wall"]) - passed
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s is left alone: %s", home / FILE, error)
        return 0.0
    return ahead if abs(ahead) >= NOTICED_S else 0.0


def skip(conn: Connection, ahead: float, now: float) -> None:
    """Let a gap count for nothing: durations that are under way are moved by it, and events are younger by it.

    Args:
        conn: The write connection.
        ahead: Seconds by which the wall clock went ahead (back, when negative).
        now: Unix seconds behind the gap.
    """
    shift_clocks(conn, ahead)
    if ahead > 0:
        keep_fact(conn, KEY, [*(fact(conn, KEY) or []), [now, ahead]][-KEPT_GAPS:])


def lived_before(conn: Connection, now: float, seconds: float) -> float:
    """The time that lies so many seconds of life back, gaps left out."""
    at = now - seconds
    for behind, length in reversed(fact(conn, KEY) or []):
        if behind > at:
            at -= length
    return at
