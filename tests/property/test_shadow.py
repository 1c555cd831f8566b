"""A frame that is sent as its difference shows the same as the whole frame, whatever was on the screen before."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.shadow import Shadow

WIDTH, HEIGHT = 14, 3
STYLES = ("", "1", "2", "1;38;5;74;48;5;233", "38;5;245;48;5;233", "38;2;1;2;3", "7", "4;38;5;9", "31", "97;41")
TEXTS = ("a", "lr", " ", "      ", "──", "漢字", "é", "e\u0301", "0.123", "⣿", "👍")

_TOKEN = re.compile(r"\x1b\[([\d;]*)([mHK])|(\r\n)|([^\x1b\r])")


class Terminal:
    """Cells with the style that each is seen in, as a terminal would keep them."""

    def __init__(self) -> None:
        self.cells = {(y, x): (" ", "") for y in range(HEIGHT) for x in range(WIDTH)}
        self.style: dict[str, str] = {}
        self.at = (0, 0)

    def take(self, text: str) -> None:
        for numbers, kind, line, char in _TOKEN.findall(text):
            y, x = self.at
            if kind == "m":
                self.turn(numbers.split(";"))
            elif kind == "H":
                row, column = numbers.split(";")
                self.at = (int(row) - 1, int(column) - 1)
            elif kind == "K":
                self.cells.update({(y, place): (" ", self.seen(" ")) for place in range(x, WIDTH)})
            elif line:
                self.at = (y + 1, 0)
            elif cell_len(char) == 0:
                before, style = self.cells[y, x - 1]
                self.cells[y, x - 1] = (before + char, style)
            else:
                self.cells[y, x] = (char, self.seen(char))
                if cell_len(char) == 2:
                    self.cells[y, x + 1] = ("", "")
                self.at = (y, x + cell_len(char))

    def turn(self, numbers: list[str]) -> None:
        while numbers:
            number = numbers.pop(0) or "0"
            if number == "0":
                self.style = {}
            elif number in ("38", "48"):
                size = 2 if numbers[0] == "5" else 4
                self.style["fg" if number == "38" else "bg"] = ";".join(numbers[:size])
                del numbers[:size]
            elif number in ("39", "49"):
                self.style.pop("fg" if number == "39" else "bg", None)
            elif number == "22":
                self.style.pop("1", None)
                self.style.pop("2", None)
            elif number in ("24", "27"):
                self.style.pop(number[1], None)
            elif len(number) == 1:
                self.style[number] = number
            else:
                self.style["fg" if number[0] in "39" else "bg"] = number

    def seen(self, char: str) -> str:
        """A blank shows its background alone, or the lines and colours of one that is reversed or underlined."""
        style = self.style
        if char == " " and not style.keys() & {"4", "7"}:
            return style.get("bg", "")
        return " ".join(f"{kind}={style[kind]}" for kind in sorted(style))


spans = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(STYLES)), min_size=1, max_size=8)
frames = st.lists(st.tuples(st.integers(0, HEIGHT - 1), st.sampled_from((0, 0, 3)), spans), min_size=1, max_size=HEIGHT)


def written(frame: list[tuple[int, int, list[tuple[str, str]]]], wide: bool) -> str:
    """A frame as Textual writes it: for each line a move, then its texts, each with its style."""
    text = ""
    for row, place, given_spans in frame:
        # Textual never draws over the half of a wide character.
        column = 0 if wide else place
        text += f"\x1b[{row + 1};{column + 1}H"
        left = WIDTH - column
        for part, style in given_spans:
            if cell_len(part) <= left:
                text += f"\x1b[{style}m{part}\x1b[0m" if style else part
                left -= cell_len(part)
        text += (f"\x1b[48;5;233m{' ' * left}\x1b[0m" if left else "") + "\r\n"
    return "\x1b[?2026h" + text + "\x1b[1;1H\x1b[?2026l"


@given(st.lists(frames, min_size=1, max_size=4), st.booleans())
def test_the_difference_shows_what_the_whole_shows(sequence, erases):
    shadow, far, near = Shadow(erases), Terminal(), Terminal()
    whole = "".join(f"\x1b[{y + 1};1H{' ' * WIDTH}" for y in range(HEIGHT))
    far.take(shadow.encode(whole, WIDTH)[0])
    wide = any(cell_len(part) > len(part) for frame in sequence for _, _, texts in frame for part, _ in texts)
    for frame in sequence:
        text = written(frame, wide)
        near.take(text.replace("\x1b[?2026h", "").replace("\x1b[?2026l", ""))
        sent, drawn = shadow.encode(text, WIDTH)
        assert len(sent) <= len(text) and (drawn or not sent)
        far.take(sent.replace("\x1b[?2026h", "").replace("\x1b[?2026l", ""))
        assert far.cells == near.cells
        assert shadow.encode(text, WIDTH) == ("", False)
