"""GPUs or CPU slots."""

from __future__ import annotations

from tui.braille import bar
from tui.cells import Line, clean, fit, line
from tui.context import Context
from tui.glyphs import Glyphs
from tui.views.frame import filled, pane_title
from tuned.core import words
from tuned.wire import DeviceRow


def devices(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """GPUs or CPU slots: load, memory, and the trials that hold them."""
    status, glyphs = context.store.status, context.glyphs
    rows = status.devices if status else []
    gpus = any(row.kind == "gpu" for row in rows)
    busy = sum(1 for row in rows if row.held_by)
    extra = f"{busy} of {len(rows)} busy" if rows else ""
    lines = [pane_title("GPUs" if gpus else "Slots", extra, width, glyphs, focused)]
    lines += [text for row in rows for text in _device(row, width, glyphs)]
    if status is not None:
        lines.append(line((f" queue {status.queued} {glyphs.dot} advisor {clean(status.advisor)}", "dim")))
        lines.extend(line((" " + clean(note), "bad" if note in status.alarms else "warn")) for note in status.notes)
    return filled(lines, width, height)


def _device(row: DeviceRow, width: int, glyphs: Glyphs) -> list[Line]:
    held = clean(row.held_by) or "free"
    style = "run" if row.held_by else "dim"
    if row.kind != "gpu":
        name = f" {row.index} " + (fit(clean(row.name), 9) + " " if width >= 40 else "")
        return [line((name, "text"), (held, style))]
    memory = words.size_of(row.memory_used or 0, row.memory_total) if row.memory_total else ""
    load = f"{row.utilisation:3.0f}%" if row.utilisation is not None else "  ?%"
    room = max(4, width - 43) if width >= 50 else max(4, width - 27)
    name = f" {row.index} " + (fit(clean(row.name), 12, more=glyphs.more) + " " if width >= 56 else "")
    first = line(
        (name, "text"),
        (bar((row.utilisation or 0) / 100, min(20, room), glyphs), "run"),
        (f" {load} {fit(memory, 11, '>')} ", "text"),
        (held, style),
    )
    return [first, line(("    " + clean(row.blocked), "warn"))] if row.blocked else [first]
