"""GPUs or CPU slots."""

from __future__ import annotations

import math
from collections.abc import Callable

from rich.cells import cell_len

from tui.braille import bar, sparkline
from tui.cells import Line, Span, clean, fit, line, line_width
from tui.context import Context
from tui.glyphs import Glyphs
from tui.slots import busy
from tui.views.frame import advisor, filled, pane_title
from tuned.core import words
from tuned.core.cards.time import per_mille
from tuned.wire import DeviceRow


def devices(context: Context, width: int, height: int, focused: bool) -> list[Line]:
    """GPUs or CPU slots: load, memory, and the trials that hold them."""
    status, glyphs = context.store.status, context.glyphs
    rows = status.devices if status else []
    taken, slots, kind = busy(rows)
    extra = f"{taken} of {slots} busy" if rows else ""
    lines = [pane_title(kind[:1].upper() + kind[1:], extra, width, glyphs, focused)]
    lines += [text for told in _devices(context, width, height, focused) for text in told]
    if status is not None:
        queued = words.UNKNOWN if status.queued is None else status.queued
        lines.append(line((f" queue {queued} {glyphs.dot} {advisor(status)}", "dim")))
        lines.extend(line((" " + clean(note), "bad" if note in status.alarms else "warn")) for note in status.notes)
    return filled(lines, width, height)


def _devices(context: Context, width: int, height: int, focused: bool) -> list[list[Line]]:
    """The lines of each device."""
    status, glyphs = context.store.status, context.glyphs
    rows = status.devices if status else []
    here = chosen(context) if focused else None
    told = [_device(row, width, glyphs, row is here) for row in rows]
    # The last minutes and the last day of each card, where there is room for all of them.
    more = [past(row, width, glyphs) for row in rows]
    room = height - 2 - sum(map(len, told)) - len(status.notes if status else ())
    roomy = room >= sum(map(len, more))
    return [[*one, *(rest if roomy else ())] for one, rest in zip(told, more, strict=True)]


def device_at(context: Context, width: int, height: int, y: int) -> str | None:
    """The device that a line of the pane is about; None beside them."""
    lines = [len(told) for told in _devices(context, width, height, False)]
    owners = [place for place, count in enumerate(lines) for _ in range(count)]
    status = context.store.status
    return status.devices[owners[y - 1]].id if status is not None and 1 <= y <= len(owners) else None


def chosen(context: Context) -> DeviceRow | None:
    """The device under the cursor: the first one until it was moved."""
    rows = context.store.status.devices if context.store.status else []
    return next((row for row in rows if row.id == context.device), rows[0] if rows else None)


def _device(row: DeviceRow, width: int, glyphs: Glyphs, here: bool = False) -> list[Line]:
    mark = glyphs.cursor if here else " "
    style = "run" if row.held_by else "dim"
    if row.kind != "gpu":
        name = f"{mark}{row.index} " + (fit(clean(row.name), 9) + " " if width >= 40 else "")
        return [line((name, "cursor" if here else "text"), (_held(row, width - len(name), glyphs), style))]
    memory = words.size_of(row.memory_used or 0, row.memory_total) if row.memory_total else ""
    load = f"{row.utilisation:3.0f}%" if row.utilisation is not None else "  ?%"
    room = max(4, width - 43) if width >= 50 else max(4, width - 27)
    name = f"{mark}{row.index} " + (fit(clean(row.name), 12, more=glyphs.more) + " " if width >= 56 else "")
    first = line(
        (name, "cursor" if here else "text"),
        (bar((row.utilisation or 0) / 100, min(20, room), glyphs), "run"),
        (f" {load} {fit(memory, 11, '>')} ", "text"),
        (_held(row, width - line_width([(name, "")]) - min(20, room) - 18, glyphs), style),
    )
    return [first, line(("    " + clean(row.blocked), "warn"))] if row.blocked else [first]


def _held(row: DeviceRow, room: int, glyphs: Glyphs) -> str:
    """The trial that holds it; of one with a long name its number is seen."""
    study, slash, number = clean(row.held_by).rpartition("/")
    room -= len(slash + number)
    if cell_len(study) <= room or room < 4:
        return clean(row.holder)
    return fit(study, room, more=glyphs.more) + slash + number


def past(row: DeviceRow, width: int, glyphs: Glyphs) -> list[Line]:
    """A card's last minutes and its last day, a line each; none where nothing is known."""
    return [*_history(row, width, glyphs), *_day(row, width, glyphs)]


def _history(row: DeviceRow, width: int, glyphs: Glyphs) -> list[Line]:
    """Use, memory and watts over the last minutes; none of a card that does not answer now."""
    if row.utilisation is None and row.memory_used is None:
        return []
    kinds: list[tuple[str, str, tuple[float, float] | None, Callable[[float], str]]] = [
        ("use", "utilisation", (0.0, 100.0), lambda value: f"{value:3.0f}%"),
        ("memory", "memory", (0.0, float(row.memory_total or 0)), lambda value: fit(words.size(value), 8, ">")),
        ("power", "watts", None, lambda value: f"{value:4.0f} W"),
    ]
    found = [(name, row.history[key], ends, form) for name, key, ends, form in kinds if row.history.get(key)]
    known = [(name, values, ends, form) for name, values, ends, form in found if values[-1] is not None]
    if not known:
        return []
    cells = max(4, min(20, (width - 6) // len(known) - 17))
    parts: list[Span] = [("    ", "dim")]
    for name, values, ends, form in known:
        levels = sparkline([math.nan if value is None else value for value in values], cells, glyphs, ends)
        parts += [(f"{name} ", "dim"), (levels, "run"), (f" {form(values[-1] or 0.0)}  ", "dim")]
    return [line(*parts)]


_STYLES = {"training": "run", "saving": "run", "starting": "warn", "waiting for a point": "warn", "work queued": "warn"}
_TAKEN = ("lost", "polite", "yielded", "foreign")


def _day(row: DeviceRow, width: int, glyphs: Glyphs) -> list[Line]:
    """Where the last day went, as a bar cut by use, and the largest uses in words."""
    if not row.day:
        return []
    shares = per_mille(row.day)
    cells = max(8, min(40, width // 3))
    parts: list[Span] = [("    24 h ", "dim")]
    edge = done = 0
    for use, share in shares.items():
        done += share
        size, edge = round(cells * done / 1000) - edge, round(cells * done / 1000)
        style = _STYLES.get(use, "bad" if use in _TAKEN else "dim")
        parts.append(((glyphs.rule if style == "dim" else glyphs.blocks[-1]) * size, style))
    largest = sorted(shares, key=lambda use: -shares[use])
    parts.append((" " + ", ".join(f"{use} {shares[use] / 10:.0f}%" for use in largest if shares[use] >= 10), "dim"))
    return [line(*parts)]
