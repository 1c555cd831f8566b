"""The preview that a form shows of a half-typed line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui import format as fmt
from tui.cells import Line, clean, fit, line
from tui.context import Context
from tui.points import named, read_new
from tuned.core.search.own_points import expand
from tuned.core.space.text import write_value
from tuned.wire import StudyRow


def new_trial(context: Context, study: StudyRow, text: str) -> list[Line]:
    """The point that a line means: one line a parameter, with its range and the best trial's value.

    Raises:
        InvalidInput: The line cannot be read.
    """
    unknown = [n for n in named(text) if 0 < n <= context.store.total and context.store.trial(n) is None]
    for number in unknown:
        context.store.need("detail", study.name, number)
    if unknown:
        return []
    known = parameters(context, study)
    point, priority = read_new(text, context.store.trials, known)
    count = len(expand([point]))
    best = study.best.params if study.best is not None else {}
    names = [*study.parameters, *(name for name in point if name not in study.parameters)]
    width = min(20, max(len(name) for name in (*names, "priority")) + 1)
    lines = [line((f" {fit('', width)}{fit('VALUE', 22)}{fit('BEST', 12)}RANGE", "dim"))]
    for name in names:
        given = name in point
        value = _written(point[name]) if given else "by the search"
        style = "warn" if name not in study.parameters else "strong" if given else "dim"
        value += "" if name in study.parameters else ": no such parameter"
        lines.append(
            line(
                (" " + fit(clean(name), width, more=context.glyphs.more), style),
                (fit(value, 21, more=context.glyphs.more) + " ", style),
                (fit(_written(best[name]) if name in best else "", 12, more=context.glyphs.more), "best"),
                (reach(known[name]) if name in known else "", "dim"),
            )
        )
    lines.append(line((f" {fit('priority', width)}{priority}", "dim")))
    return [*lines, line((f" {fit('trials', width)}{count}", "strong" if count > 1 else "dim"))]


def _written(value: Any) -> str:
    """A value, or several, as it is typed; a float in six digits."""
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return write_value(value, 6) if isinstance(value, str | float) else fmt.param(value)


def parameters(context: Context, study: StudyRow) -> Mapping[str, Mapping[str, Any]]:
    """The study's parameters by name, as far as its space is here."""
    page = context.store.space
    if page is None or page.study != study.name:
        return {}
    return {str(p["name"]): p for p in page.versions[-1].space.get("parameters", [])}


def reach(parameter: Mapping[str, Any]) -> str:
    """A parameter's range or values: `1e-05 .. 0.1 log`, `8, 16, 32 ordered`."""
    if parameter["kind"] in ("float", "int"):
        text = f"{fmt.param(parameter['low'])} .. {fmt.param(parameter['high'])}"
        return text + (" log" if parameter.get("log") else "")
    values = _written(parameter.get("values", []))
    return values + (" ordered" if parameter.get("ordered") else "")
