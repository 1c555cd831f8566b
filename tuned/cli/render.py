"""Values as a person reads them: states, points, moments, lines.

Owns that formatting; prints nothing and knows no table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tuned.core import words
from tuned.core.final import luck
from tuned.core.space.text import write_point, write_value
from tuned.core.states import Failure
from tuned.core.trials.ran import ran_s

if TYPE_CHECKING:
    from tuned.wire import BestRow, Number, TrialRow


GLYPHS = {
    "queued": "·",
    "starting": "◌",
    "running": "●",
    "paused": "‖",
    "draining": "◑",
    "completed": "✓",
    "failed": "✗",
    "pruned": "✂",
    "cancelled": "∅",
    "lost": "?",
    "stopped": "■",
}
COLOURS = {
    "running": "cyan",
    "starting": "cyan",
    "draining": "cyan",
    "paused": "yellow",
    "completed": "green",
    "failed": "red",
    "lost": "red",
    "pruned": "magenta",
}


def state(name: str) -> str:
    """A state's glyph and word."""
    return f"{GLYPHS.get(name, ' ')} {name}"


def parameter(value: Any) -> str:
    """A parameter's value: what one would write after `key=`, floats in four digits."""
    return write_value(value, 4)


def point(params: Mapping[str, Any]) -> str:
    """`lr=0.01 net="res net"`."""
    return write_point(params, 4) or words.UNKNOWN


def values(found: Mapping[str, Number]) -> str:
    """`val_loss=0.12`."""
    return " ".join(f"{name}={words.number(value)}" for name, value in found.items()) or "-"


def best(row: BestRow | None) -> str:
    """`val_loss=0.12 (trial 7: lr=0.01)`; one that was stopped early says so."""
    if row is None:
        return "-"
    early = ", stopped early" if row.cut else ""
    told = beside(row)
    return f"{values(row.values)} (trial {row.number}{early}: {point(row.params)}){told and '; ' + told}"


def beside(row: BestRow) -> str:
    """The figure to quote beside the best one, which was lucky; empty where it is the only result."""
    found = row.confirmed or {}
    equal, failed = bool(found.get("equal")), int(found.get("failed", 0))
    return luck.beside(row.of, found.get("mean"), found.get("runs", 0), row.shrunk, equal=equal, failed=failed)


def because(row: TrialRow) -> str:
    """Why a trial is where it is: the reason, behind the class of a failure where that is more than `error`."""
    telling = row.failure and row.failure != Failure.ERROR
    return ": ".join(filter(None, (row.failure if telling else "", row.reason))) or (row.failure or "")


def span(start: float | None, end: float | None) -> str:
    """How long something took, or takes so far."""
    return words.UNKNOWN if start is None else words.duration((time.time() if end is None else end) - start)


def ran(row: TrialRow) -> str:
    """How long a trial took, or has run so far; unknown of one that waits."""
    return words.duration(ran_s(row, time.time()))


def moment(at: float) -> str:
    """A time of day, with its date when that is not today."""
    local, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if local[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", local)


def counts(found: Mapping[str, int]) -> str:
    """`12 completed, 2 running`."""
    return ", ".join(f"{found[name]} {name}" for name in found if found[name]) or "no trials"
