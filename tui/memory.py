"""Choices that the UI remembers from one time to the next: theme, order, hidden columns, how logs and charts are shown.

Owns one small JSON file in the state folder. A file that cannot be read or written is no reason not to start or leave.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

FILE = "tui.json"


@dataclass(slots=True)
class Memory:
    """Remembered choices; the defaults are those of the first start.

    Attributes:
        theme: Name of a theme; empty: the default one.
        hidden: Study -> names of parameters that its table does not show.
        metrics: Study -> metrics that have a column.
        columns: Other columns that were shown or hidden by hand.
        history: Command lines, the last one last.
    """

    theme: str = ""
    sort: str = "watch"
    descending: bool = False
    sides: bool = True
    wrap: bool = False
    log_axis: bool | None = None
    hidden: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, bool] = field(default_factory=dict)
    metrics: dict[str, list[str]] = field(default_factory=dict)
    study_sort: str = "watch"
    hide_ended: bool = False
    history: list[str] = field(default_factory=list)


def load(folder: Path | None) -> Memory:
    """The remembered choices; the defaults where nothing (valid) is."""
    memory = Memory()
    if folder is None:
        return memory
    try:
        data = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return memory
    if not isinstance(data, dict):
        return memory
    for entry in fields(Memory):
        value, default = data.get(entry.name), getattr(memory, entry.name)
        if isinstance(value, type(default)) or (entry.name == "log_axis" and isinstance(value, bool | None)):
            setattr(memory, entry.name, value)
    return memory


def save(folder: Path | None, memory: Memory) -> None:
    """Remember, in one step: a reader sees the old file or the new one."""
    if folder is None:
        return
    temporary = folder / f".{FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(asdict(memory), indent=1))
        temporary.replace(folder / FILE)
    # A full disk takes a part of it, which would stay there under a name of its own each time.
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
