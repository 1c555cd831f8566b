"""GPUs or CPU slots."""

from __future__ import annotations

from tui.braille import bar
from tui.cells import Line, clean, fit, line
from tui.context import Context
from tui.glyphs import Glyphs
from tui.views.frame import advisor, filled, pane_title
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
    here = chosen(context) if focused else None
    lines += [text for row in rows for text in _device(row, width, glyphs, row is here)]
    if status is not None:
        lines.append(line((f" queue {status.queued} {glyphs.dot} {advisor(status)}", "dim")))
        lines.extend(line((" " + clean(note), "bad" if note in status.alarms else "warn")) for note in status.notes)
    return filled(lines, width, height)


def chosen(context: Context) -> DeviceRow | None:
    """The device under the cursor: the first one until it was moved."""
    rows = context.store.status.devices if context.store.status else []
    return next((row for row in rows if row.id == context.device), rows[0] if rows else None)


def _device(row: DeviceRow, width: int, glyphs: Glyphs, here: bool = False) -> list[Line]:
    mark = glyphs.cursor if here else " "
    held = clean(row.held_by) or "free"
    style = "run" if row.held_by else "dim"
    if row.kind != "gpu":
        name = f"{mark}{row.index} " + (fit(clean(row.name), 9) + " " if width >= 40 else "")
        return [line((name, "cursor" if here else "text"), (held, style))]
    memory = words.size_of(row.memory_used or 0, row.memory_total) if row.memory_total else ""
    load = f"{row.utilisation:3.0f}%" if row.utilisation is not None else "  ?%"
    room = max(4, width - 43) if width >= 50 else max(4, width - 27)
    name = f"{mark}{row.index} " + (fit(clean(row.name), 12, more=glyphs.more) + " " if width >= 56 else "")
    first = line(
        (name, "cursor" if here else "text"),
        (bar((row.utilisation or 0) / 100, min(20, room), glyphs), "run"),
        (f" {load} {fit(memory, 11, '>')} ", "text"),
        (held, style),
    )
    return [first, line(("    " + clean(row.blocked), "warn"))] if row.blocked else [first]
