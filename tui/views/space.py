"""The search space: its parameters as they are now, and its versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tui import format as fmt
from tui.cells import Line, clean, fit, line
from tui.context import Context
from tui.views.forms import reach
from tui.views.frame import filled, folded, pane_title
from tuned.core import words


def parameters(context: Context, top: int, width: int, height: int, focused: bool) -> list[Line]:
    """One line a parameter: kind, range or values, the best trial's value, condition."""
    page, glyphs, study = context.store.space, context.glyphs, context.store.study_row
    title = f"Space v{page.version}" if page is not None else "Space"
    extra = f"{page.kept} results count, {page.left_out} lie outside" if page is not None else ""
    lines = [pane_title(title, extra, width, glyphs, focused)]
    if page is None:
        return filled(
            [*lines, line((" " + ("asking" if context.store.connected else "no daemon"), "dim"))], width, height
        )
    found: list[Mapping[str, Any]] = page.versions[-1].space.get("parameters", [])
    best = study.best.params if study is not None and study.best is not None else {}
    names = min(20, max((len(str(p["name"])) for p in found), default=4) + 1)
    room = max(12, (width - names - 24) * 2 // 3)
    lines.append(line((f" {fit('PARAMETER', names)}{fit('KIND', 8)}{fit('RANGE', room)}{fit('BEST', 12)}WHEN", "dim")))
    for parameter in found[top:]:
        name = str(parameter["name"])
        lines.append(
            line(
                (" " + fit(clean(name), names, more=glyphs.more), "strong"),
                (fit(str(parameter["kind"]), 8), "dim"),
                (fit(reach(parameter), room - 1, more=glyphs.more) + " ", "text"),
                (fit(fmt.param(best.get(name)), 12, more=glyphs.more), "best"),
                (clean(_when(parameter)), "dim"),
                ("  scientific" if parameter.get("role") == "scientific" else "", "title"),
            )
        )
    return filled(lines, width, height)


def versions(context: Context, top: int, width: int, height: int, focused: bool) -> list[Line]:
    """The versions, the newest first: time, author, changes and reasons."""
    page, glyphs = context.store.space, context.glyphs
    lines = [pane_title("Versions", "", width, glyphs, focused)]
    body: list[Line] = []
    for row in reversed(page.versions if page is not None else []):
        at = datetime.fromtimestamp(row.at).astimezone().strftime("%m-%d %H:%M")
        here = page is not None and row.version == page.version
        body.append(
            line(
                (f" v{row.version} ", "focus" if here else "strong"),
                (f"{at} {clean(row.origin)}, {words.count(row.trials, 'trial')}", "text"),
                ("  in use" if here else "", "good"),
            )
        )
        body += [line(("     " + piece, "text")) for text in row.changes for piece in folded(clean(text), width - 6)]
        body += [line(("     " + piece, "dim")) for piece in folded(clean(row.why), width - 6)]
    top = max(0, min(top, len(body) - height + 1))
    return filled([*lines, *body[top:]], width, height)


def _when(parameter: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{parent}={'|'.join(fmt.param(v) for v in values)}" for parent, values in parameter.get("when", [])
    )
