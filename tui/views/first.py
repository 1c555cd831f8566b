"""What to type when there is no study yet."""

from __future__ import annotations

from tui.cells import Line, line

FIRST = (
    ("tunectl init train.py", "drafts a study file from a script"),
    ("tunectl check train.toml --run", "tries it with one short trial"),
    ("tunectl submit train.toml", "queues it: the trials appear here"),
)
"""What somebody does first, and what comes of it."""


def first_steps(width: int) -> list[Line]:
    """What to type when there is no study yet."""
    lines = [line(("  No studies yet. In another terminal:", "text"))]
    for number, (command, meaning) in enumerate(FIRST, start=1):
        lines.append(line((f"  {number} {command}", "key"), (f"  {meaning}" if width >= 76 else "", "dim")))
        lines += [] if width >= 76 else [line((f"    {meaning}", "dim"))]
    return [*lines, line(("  A single command: tunectl queue -- python train.py", "dim"))]
