"""The clock over restarts: how the wall clock stood beside the machine's uptime when a daemon last looked.

Owns `clock.json` of the state folder and the gaps that it shows: a clock that was set while no daemon ran, and time in
which the machine was off. Neither counts for budgets, for the age of events, or for how long a GPU is left to others.
"""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage.facts import fact, keep_fact
from storage.repository import shift_clocks
from storage.repository.events import add_event
from tuned import protocol
from tuned.core import words
from tuned.core.events import MACHINE_CLOCK

log = logging.getLogger(__name__)

FILE = "clock.json"
NOTICED_S = 60.0
"""A smaller difference over a restart is left alone, and a smaller jump is no event."""
KEY = "clock/gaps"
KEPT_GAPS = 100
NOTE_KEY = "clock/note"


def keep(home: Path, now: float) -> None:
    """Note how the clocks stand. Not synced: after a power cut an older note is as good."""
    with contextlib.suppress(OSError):
        protocol.write_record(str(home), FILE, _note(now), durable=False)


def last_note(home: Path) -> float | None:
    """When a daemon was last seen to run, in unix seconds; None when that is not known."""
    try:
        record = protocol.read_record(str(home), FILE)
        return None if record is None else float(record["wall"])
    except (OSError, ValueError, KeyError, TypeError, protocol.RecordError):
        return None


def gap(conn: Connection, home: Path, now: float) -> float:
    """Seconds since the last note that nobody has lived through: positive where the wall clock is ahead; 0 for none."""
    try:
        record = _newer(protocol.read_record(str(home), FILE), fact(conn, NOTE_KEY))
        if record is None:
            return 0.0
        passed = time.monotonic() - float(record["steady"]) if record["boot_id"] == protocol.boot_id() else 0.0
        ahead = now - float(record["wall"]) - passed
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s is left alone: %s", home / FILE, error)
        return 0.0
    return ahead if abs(ahead) >= NOTICED_S else 0.0


def skip(conn: Connection, ahead: float, now: float, *, off: bool = False) -> None:
    """Let a gap count for nothing: durations that are under way are moved by it, and events are younger by it.

    The note is kept in the same transaction: a daemon that dies before it writes `clock.json` skips no gap twice.

    Args:
        conn: The write connection.
        ahead: Seconds by which the wall clock went ahead (back, when negative).
        now: Unix seconds behind the gap.
        off: No daemon ran: the machine may have been off.
    """
    shift_clocks(conn, ahead)
    keep_fact(conn, NOTE_KEY, _note(now))
    if ahead > 0:
        keep_fact(conn, KEY, [*(fact(conn, KEY) or []), [now, ahead]][-KEPT_GAPS:])
    if abs(ahead) >= NOTICED_S:
        add_event(conn, MACHINE_CLOCK, "", None, {"ahead": ahead, "text": said(ahead, off=off)}, now)


def said(ahead: float, *, off: bool = False) -> str:
    """A gap in words, with what it means."""
    text = f"the machine's clock was set {words.duration(abs(ahead))} {'ahead' if ahead > 0 else 'back'}"
    return text + (" meanwhile, or the machine was off" if off else "") + ": no budget counts it"


def lived_before(conn: Connection, now: float, seconds: float) -> float:
    """The time that lies so many seconds of life back, gaps left out."""
    at = now - seconds
    for behind, length in reversed(fact(conn, KEY) or []):
        if behind > at:
            at -= length
    return at


def _note(now: float) -> dict[str, Any]:
    return {"boot_id": protocol.boot_id(), "steady": time.monotonic(), "wall": now}


def _newer(written: dict[str, Any] | None, stored: dict[str, Any] | None) -> dict[str, Any] | None:
    """The later of two notes; of another boot than the stored one's, the file's, which every start writes."""
    if written is None or stored is None:
        return written or stored
    if stored["boot_id"] in (written["boot_id"], protocol.boot_id()) and (
        stored["boot_id"] != written["boot_id"] or stored["steady"] > written["steady"]
    ):
        return stored
    return written
