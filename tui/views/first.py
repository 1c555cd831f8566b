"""The first commands, shown while there is no study."""

from __future__ import annotations

from tui.cells import Line, line

FIRST = (
    ("tunectl init train.py", "drafts a study file from a script"),
    ("tunectl check train.toml --run", "tries it with one short trial"),
    ("tunectl submit train.toml", "queues it: the trials appear here"),
)
"""Command -> its result, in the order of a first day."""


def first_steps(width: int) -> list[Line]:
    """The first commands, shown while there is no study."""
    lines = [line(("  No studies yet. In another terminal:", "text"))]
    for number, (command, meaning) in enumerate(FIRST, start=1):
        lines.append(line((f"  {number} {command}", "key"), (f"  {meaning}" if width >= 76 else "", "dim")))
        lines += [] if width >= 76 else [line((f"    {meaning}", "dim"))]
    return [*lines, line(("  A single command: tunectl queue -- python train.py", "dim"))]
