"""The line to another machine that a program keeps open, for the verbs that it runs meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

OPEN_LINE = "TUNED_OPEN_LINE"
"""Variable that tells of it: the host as it was typed, a blank, and the line's local socket."""


def open_line(host: str) -> Path | None:
    """The socket of the line to this host; None where the one who started us keeps none open."""
    given, _, socket = os.environ.get(OPEN_LINE, "").partition(" ")
    return Path(socket) if socket and given == host else None
