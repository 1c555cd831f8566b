"""Lines of styled text, measured in terminal cells.

Owns cutting and padding by display width (wide characters count two) and the removal of control sequences from text
that others wrote. Knows nothing of the meaning of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.cells import cell_len, chop_cells, set_cell_size

Span = tuple[str, str]
"""Text and the name of its style."""

Line = tuple[Span, ...]

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b[\]PX^_].*?(?:\x1b\\|\x07|$)"  # OSC, DCS and other strings: titles, clipboard
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as one 8-bit character
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")


def clean(text: str) -> str:
    """Text that can be printed in one line: no escape sequences, no control or direction characters, tabs as blanks.

    A carriage return means "write over": only the text behind the last one is kept, as a terminal would show it.
    """
    text = _SEQUENCES.sub("", text)
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    if text.isascii() and text.isprintable():
        return text
    return _CONTROLS.sub("", text.expandtabs(4))


def fit(text: str, width: int, align: str = "<", more: str = "…") -> str:
    """The text in exactly `width` cells: padded by `align` (`<` left, `>` right), cut with `more` at the end."""
    if width <= 0:
        return ""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        cut = text[: width - 1] if text.isascii() else set_cell_size(text, width - 1)
        return cut + more
    pad = " " * (width - length)
    return pad + text if align == ">" else text + pad


def wrapped(text: str, width: int) -> list[str]:
    """The text in pieces of at most `width` cells; a wide character is never cut."""
    if text.isascii():
        return [text[i : i + width] for i in range(0, len(text), width)] or [""]
    return chop_cells(text, max(2, width)) or [""]


def line(*spans: Span | str) -> Line:
    """A line from spans; a bare string has the style `text`."""
    return tuple(span if isinstance(span, tuple) else (span, "text") for span in spans if span != "")


def line_width(spans: Iterable[Span]) -> int:
    """Cells that a line takes."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in spans)


def fit_line(spans: Iterable[Span], width: int, rest: str = "text") -> Line:
    """The line in exactly `width` cells, padded in the style `rest`; a longer one is cut."""
    result: list[Span] = []
    left = width
    for text, style in spans:
        if left <= 0:
            break
        length = len(text) if text.isascii() else cell_len(text)
        if length > left:
            text, length = set_cell_size(text, left), left
        if text:
            result.append((text, style))
        left -= length
    if left > 0:
        result.append((" " * left, rest))
    return tuple(result)


def cut_line(spans: Iterable[Span], width: int, more: str) -> Line:
    """The line in at most `width` cells; one that does not fit ends with `more`, unless only blanks are cut."""
    whole = tuple(spans)
    if line_width(whole) <= width:
        return whole
    if cell_len(text_of(whole).rstrip()) <= width:
        return fit_line(whole, width)
    return (*fit_line(whole, width - 1), (more, "dim")) if width > 0 else ()


def merged(spans: Iterable[Span], visible: frozenset[str]) -> list[Span]:
    """The line in as few spans as show the same: each span costs some 40 bytes of colour on the way to the terminal.

    Args:
        spans: The line.
        visible: Styles that a blank shows (background, underline); in all others a blank looks like any blank.
    """
    result: list[Span] = []
    for text, style in spans:
        if result:
            before, last = result[-1]
            plain = style not in visible and last not in visible
            if style == last or (plain and (text.isspace() or before.isspace())):
                result[-1] = (before + text, style if before.isspace() and style != last else last)
                continue
        result.append((text, style))
    return result


def both_ends(left: Line, right: Line, width: int, more: str) -> Line:
    """`left` at the left, `right` at the right; where both do not fit, `left` is cut, and that is marked by `more`."""
    room = width - line_width(right)
    if room <= 0:
        return cut_line(right, width, more)
    whole = left if not right or line_width(left) <= room else (*cut_line(left, room - 1, more), (" ", "text"))
    return fit_line((*fit_line(whole, room), *right), width)


def text_of(spans: Iterable[Span]) -> str:
    """The line without its styles."""
    return "".join(text for text, _ in spans)
