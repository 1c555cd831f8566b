"""One thing that was looked at, and what was found.

Owns the shape alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A finding: `level` is `ok`, `warn` or `fail`; `what` in one line; `hint` the remedy, where there is one."""

    level: str
    what: str
    hint: str = ""
