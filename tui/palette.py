"""Style names to terminal styles, from the theme that is active.

Owns every colour of the UI. Views speak in the names below; a theme without colours leaves bold, dim and reverse, which
carry the same distinctions.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color, ColorParseError

NAMES = (
    "text", "dim", "strong", "title", "focus", "rule", "axis", "key", "run", "good", "warn", "bad", "cursor",
    "cursor-dim", "mark", "best", "banner", "input",
    "series0", "series1", "series2", "series3", "series4", "series5",
)  # fmt: skip
"""Every style a view may use."""

VISIBLE_BLANKS = frozenset({"cursor", "cursor-dim", "banner", "focus", "input"})
"""Styles that show on a blank: they have a background, or a line below."""


_DARK = ("#4fc3f7", "#ffb74d", "#ba68c8", "#81c784", "#f06292", "#a1887f")
_LIGHT = ("#0277bd", "#c45500", "#7b1fa2", "#2e7d32", "#ad1457", "#6d4c41")
"""Curves: the selected trial, the best one, pinned ones, the training twin."""


def build(variables: Mapping[str, str], *, ansi: bool, colour: bool) -> dict[str, Style]:
    """The styles of a theme.

    Args:
        variables: The theme's variables as Textual resolves them.
        ansi: Whether the terminal's own palette is used, so that computed shades cannot be.
        colour: False under NO_COLOR.
    """
    if not colour:
        return _plain()

    def ink(name: str) -> Style:
        return Style(color=_colour(variables, name, "#888888").rich_color)

    if ansi:
        accent, good, warn, bad, run = (Style(color=c) for c in ("blue", "green", "yellow", "red", "cyan"))
        cursor, dim, rule = Style(reverse=True), Style(dim=True), Style(dim=True)
        series = ("cyan", "yellow", "magenta", "green", "blue", "red")
    else:
        accent, good, warn, bad = (ink(n) for n in ("text-primary", "text-success", "text-warning", "text-error"))
        ground = _colour(variables, "primary", "#0178d4")
        cursor = Style(color=ground.get_contrast_text(1.0).rich_color, bgcolor=ground.rich_color)
        dim = Style(color=_shade(variables, 0.6).rich_color)
        rule = Style(color=_shade(variables, 0.3).rich_color)
        light = _colour(variables, "background", "#111111").brightness > 0.5
        series = _LIGHT if light else _DARK
        run = Style(color=series[0])
    styles = {
        "text": Style(),
        "dim": dim,
        "strong": Style(bold=True),
        "title": accent + Style(bold=True),
        "focus": accent + Style(bold=True, reverse=ansi or None, underline=None if ansi else True),
        "rule": rule,
        "axis": dim,
        "key": accent + Style(bold=True),
        "run": run,
        "good": good,
        "warn": warn,
        "bad": bad,
        "cursor": cursor,
        "cursor-dim": Style(bold=True) if ansi else Style(bgcolor=_shade(variables, 0.14).rich_color),
        "mark": warn + Style(bold=True),
        "best": good + Style(bold=True),
        "banner": Style(reverse=True, bold=True) + bad,
        "input": accent,
    }
    styles.update({f"series{i}": Style(color=colour_) for i, colour_ in enumerate(series)})
    return styles


def _plain() -> dict[str, Style]:
    styles = {name: Style() for name in NAMES}
    for name in ("strong", "title", "key", "mark", "best", "bad", "warn"):
        styles[name] = Style(bold=True)
    for name in ("dim", "rule", "axis"):
        styles[name] = Style(dim=True)
    for name in ("cursor", "focus", "banner"):
        styles[name] = Style(reverse=True)
    styles["cursor-dim"] = Style(bold=True)
    styles["input"] = Style(underline=True)
    for index, style in enumerate((Style(bold=True), Style(dim=True), Style(), Style(underline=True))):
        styles[f"series{index}"] = style
    styles["series4"], styles["series5"] = Style(bold=True, underline=True), Style(dim=True, underline=True)
    return styles


def _colour(variables: Mapping[str, str], name: str, fallback: str) -> Color:
    """A variable as a colour; some hold more than one colour (`auto 87%`), and then the fallback serves."""
    try:
        return Color.parse(variables.get(name, fallback))
    except ColorParseError:
        return Color.parse(fallback)


def _shade(variables: Mapping[str, str], amount: float) -> Color:
    """Between background (0) and foreground (1)."""
    return _colour(variables, "background", "#111111").blend(_colour(variables, "foreground", "#e0e0e0"), amount)
