"""Commands beside the UI: what they print arrives line by line, however long a line is."""

from __future__ import annotations

import sys

from tui.tunectl import LONGEST_LINE, Tunectl


async def printed(program: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    return await Tunectl().run_own([sys.executable, "-c", program], 80, lines.append), lines


async def test_a_line_without_an_end_comes_in_pieces() -> None:
    """It ended the UI: a trial's log may hold megabytes without a line's end."""
    code, lines = await printed("print('x' * 3_000_000); print('end')")
    assert code == 0 and lines[-1] == "end"
    assert "".join(lines[:-1]) == "x" * 3_000_000 and max(map(len, lines)) <= 2 * LONGEST_LINE


async def test_lines_arrive_as_they_were_printed() -> None:
    code, lines = await printed("import sys; sys.stdout.write('one\\r\\n\\ntwo\\n  three'); sys.exit(3)")
    assert (code, lines) == (3, ["one", "", "two", "  three"])
