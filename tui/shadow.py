"""A copy of a far terminal's content, so that of a frame only the cells that differ are sent.

Owns the reading of what Textual writes (cursor moves, styles, text) and the shortest way to say the difference. Pure:
text in, text out. Anything else that is written passes as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import get_character_cell_size

Cell = tuple[str, str]
"""A character (with what joins it) and its style, as the numbers of its SGR sequence; the right half of a wide one is
empty."""

_TOKENS = re.compile(
    r"\x1b\[(?P<sgr>[\d;]*)m"
    r"|\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|(?P<line>\r\n)"
    r"|(?P<other>\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.)"
    r"|(?P<text>[^\x1b\r]+|\r)"
)
_FRAME = ("\x1b[?2026h", "\x1b[?2026l")
_SCREENS = ("\x1b[?1049h", "\x1b[?1049l")
_NEAR = 6
"""Cells that are alike between two that differ are sent again up to this many: moving the cursor costs more."""

_BLANK: Cell = (" ", "")
_OFF = {"fg": "39", "bg": "49", "1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "9": "29"}


class Shadow:
    """A terminal's cells.

    Args:
        erases: Whether the terminal erases with the present background (terminfo's `bce`), so that blanks at the end
            of a line need not be sent.
    """

    def __init__(self, erases: bool) -> None:
        self.erases = erases
        self._rows: dict[int, list[Cell | None]] = {}
        self._drawn: dict[int, list[Cell | None]] = {}
        self._style = ""

    def forget(self) -> None:
        """Nothing is known of the terminal any more: the next frame is sent as a whole."""
        self._rows.clear()

    def encode(self, text: str, width: int) -> tuple[str, bool]:
        """The text to send so that the terminal shows this frame.

        Args:
            text: The text written.
            width: Cells of a line.

        Returns:
            The text to send, and whether it changes any cell.
        """
        self._drawn = {}
        others, end = self._read(text, width)
        cells = "".join(self._row(row, width) for row in sorted(self._drawn))
        before = "".join(other for other in others if other not in _FRAME)
        if any(screen in others for screen in _SCREENS):
            self.forget()
            before, self._style = "\x1b[m" + before, ""
        if not cells:
            return before, False
        opening, closing = (mark if mark in others else "" for mark in _FRAME)
        return before + opening + cells + end + closing, True

    def _read(self, text: str, width: int) -> tuple[list[str], str]:
        """Draw the text on the cells; the sequences that draw nothing, and the last move of the cursor."""
        others: list[str] = []
        row = column = 0
        style = end = ""
        for found in _TOKENS.finditer(text):
            match found.lastgroup:
                case "sgr":
                    given = found["sgr"].lstrip("0;")
                    style = f"{style};{given}" if style and given else given
                case "column":
                    row, column = int(found["row"]) - 1, int(found["column"]) - 1
                    end = found[0]
                case "line":
                    row, column = row + 1, 0
                case "other":
                    others.append(found[0])
                case _:
                    column = self._put(row, column, found[0], style, width)
                    end = ""
        return others, end

    def _put(self, row: int, column: int, text: str, style: str, width: int) -> int:
        cells = self._drawn.get(row)
        if cells is None:
            known = self._rows.get(row, [])
            cells = self._drawn[row] = [*known, *[None] * (width - len(known))]
        if text.isascii():
            cells[column : column + len(text)] = [(char, style) for char in text]
            return column + len(text)
        for char in text:
            size = get_character_cell_size(char)
            if size == 0 and column and (before := cells[column - 1]) is not None:
                cells[column - 1] = (before[0] + char, before[1])
            elif size:
                cells[column : column + size] = [(char, style), ("", style)][:size]
                column += size
        return column

    def _row(self, row: int, width: int) -> str:
        """The shortest text that makes a line what it was drawn as."""
        new, old = self._drawn[row], self._rows.get(row, [])
        self._rows[row] = new
        if new == old:
            return ""
        old = [*old, *[None] * (len(new) - len(old))]
        differ = [x for x, (mine, theirs) in enumerate(zip(new, old, strict=False)) if mine != theirs and mine]
        if any(cell and len(cell[0].encode()) != 1 and _is_odd(cell[0]) for cell in (*new, *old)):
            # Halves of wide characters: the line is drawn from the first difference on.
            first = differ[0]
            while first and new[first] is not None and (new[first] or _BLANK)[0] == "":
                first -= 1
            differ = [x for x in range(first, len(new)) if new[x] is not None]
        blank = self._blank_from(new, width)
        out = [self._run(row, run, new) for run in _runs([x for x in differ if x < blank], new)]
        if any(x >= blank for x in differ):
            style = (new[-1] or _BLANK)[1]
            out.append(f"\x1b[{row + 1};{blank + 1}H{self._turn(style)}\x1b[K")
        return "".join(out)

    def _blank_from(self, cells: list[Cell | None], width: int) -> int:
        """Where the blanks at the end of a line begin; behind its end where they had better be sent."""
        last = cells[-1] if len(cells) == width else None
        if not self.erases or last is None or last[0] != " " or _lines_on_blanks(last[1]):
            return len(cells)
        first = len(cells)
        while first and cells[first - 1] == last:
            first -= 1
        return first if len(cells) - first > 3 else len(cells)

    def _run(self, row: int, run: range, cells: list[Cell | None]) -> str:
        out = [f"\x1b[{row + 1};{run.start + 1}H"]
        for x in run:
            char, style = cells[x] or _BLANK
            if style != self._style and char:
                out.append(self._turn(style))
            out.append(char)
        return "".join(out)

    def _turn(self, style: str) -> str:
        before, self._style = self._style, style
        return _turn(before, style)


def _is_odd(text: str) -> bool:
    return text == "" or len(text) > 1 or get_character_cell_size(text) != 1


def _runs(places: list[int], cells: list[Cell | None]) -> list[range]:
    """Stretches of a line to send: places that lie near each other are one."""
    runs: list[range] = []
    for x in places:
        if runs and x - runs[-1].stop <= _NEAR and None not in cells[runs[-1].stop : x]:
            runs[-1] = range(runs[-1].start, x + 1)
        else:
            runs.append(range(x, x + 1))
    return runs


@lru_cache(2048)
def _parts(style: str) -> dict[str, str]:
    """A style's colours and attributes by their kind."""
    numbers, parts = style.split(";") if style else [], {}
    while numbers:
        number = numbers.pop(0)
        if number in ("38", "48"):
            size = 2 if numbers[:1] == ["5"] else 4
            parts["fg" if number == "38" else "bg"] = ";".join([number, *numbers[:size]])
            del numbers[:size]
        elif number in ("39", "49"):
            parts.pop("fg" if number == "39" else "bg", None)
        elif len(number) > 1 and number[-2] in "39" and len(number) < 4:
            parts["fg"] = number
        elif len(number) > 1 and (number[-2] == "4" or number.startswith("10")):
            parts["bg"] = number
        else:
            parts[number] = number
    return parts


@lru_cache(4096)
def _turn(before: str, after: str) -> str:
    """The shortest sequence that turns one style into another."""
    if before == after:
        return ""
    old, new = _parts(before), _parts(after)
    whole = f"\x1b[0;{after}m" if after else "\x1b[m"
    gone = [kind for kind in old if kind not in new]
    if any(kind not in _OFF for kind in gone):
        return whole
    off = dict.fromkeys(_OFF[kind] for kind in gone)
    # Bold and dim are ended by one number.
    changed = [v for kind, v in new.items() if old.get(kind) != v or ("22" in off and kind in "12")]
    return min(f"\x1b[{';'.join([*off, *changed])}m", whole, key=len)


def _lines_on_blanks(style: str) -> bool:
    """Whether a blank in this style shows more than its background."""
    return not _parts(style).keys().isdisjoint(("4", "7", "9"))
