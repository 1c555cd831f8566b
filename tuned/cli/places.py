"""Places in one line each, as the statuses show them."""

from __future__ import annotations

from tuned.core import words
from tuned.wire import PlaceRow


def place_line(row: PlaceRow) -> str:
    """`lab (slurm): 3 of 16 slots taken, 1 waits there, 2 run`, and its trouble."""
    taken = f"{row.held} of {words.count(row.slots, 'slot')} taken"
    jobs = f", {row.waiting} waiting there, {row.running} running" if row.held else ""
    return f"{row.name} ({row.engine}): {taken}{jobs}" + (f"; {row.trouble}" if row.trouble else "")
